# SPDX-License-Identifier: Apache-2.0
"""The figures of the SMPP room alone: link.c against the bench SMSC, idle binds of binds.c."""
import json
import os
import resource
import socket
import subprocess

from machine import OTHER_CORE, SERVER_CORE, pss_kib
from sms_figures import LIMIT_S, WINDOW, Smsc
from smpp_codec import BIND_TRX, OK, Framer, header, pack
from support import TOP, Process, wait_until

LINK, BINDS = TOP / "build/release/bench/link", TOP / "build/release/bench/binds"
SUBMITS = int(os.environ.get("BENCH_SUBMITS", "100000"))
IDLE = 1000


def smpp_link(machine, line):
    smsc = Smsc(machine, "link")
    try:
        with machine.on_core(SERVER_CORE):
            done = subprocess.run([LINK, str(smsc.port), str(SUBMITS), str(WINDOW)], check=True, capture_output=True, text=True,
                                  timeout=LIMIT_S)
        seen = smsc.figures()
        assert seen["submits"] == SUBMITS, seen
    finally:
        smsc.stop()
    got = json.loads(done.stdout.splitlines()[-1])
    yield line("link alone: submit_sm a second", got["submits"] / (got["us"] / 1e6), unit="/s", at_least=20000)
    yield line("link alone: CPU a message", got["cpu_us"] / got["submits"], unit="us")


def bind_to(port, seq):
    """A connection that is bound and then says nothing more."""
    link = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
    link.sendall(pack(BIND_TRX, OK, seq, b"coko\0secret\0\0\x34\0\0\0"))
    framer, answers = Framer(), []
    while not answers:
        answers = list(framer.feed(link.recv(4096)))
    assert header(answers[0])[1] == OK, answers
    return link


def smpp_binds(machine, line):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the server inherits it
    with machine.on_core(OTHER_CORE):
        server = Process([BINDS], machine.folder / "binds.log")
    links = []
    try:
        port = wait_until(lambda: [json.loads(one)["port"] for one in server.log.read_text().splitlines() if "port" in one],
                          lambda: f"the server: {server.tail()}")[0]
        before = pss_kib(server.pid)
        links = [bind_to(port, seq) for seq in range(1, IDLE + 1)]
        yield line(f"{IDLE} idle binds (Pss)", (pss_kib(server.pid) - before) / 1024, unit="MB", at_most=50)
    finally:
        for link in links:
            link.close()
        assert server.stop() == 0, server.tail()
