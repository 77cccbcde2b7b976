# SPDX-License-Identifier: Apache-2.0
"""smpp/server judged by ESMEs of others: npm "smpp", plain and over TLS, and Kannel's bearerbox."""
import re
import socket
import ssl
import struct
import subprocess

import pytest

from kannel import Kannel
from lab_fixtures import node_peer  # noqa: F401
from support import BUILD, Process, wait_until

PROBE = BUILD / "probes/esme_probe"
RTHROTTLED, RINVPASWD, RINVSYSID, RALYBND = 0x58, 0x0E, 0x0F, 0x05
READER = "2250500000001"


class Server(Process):
    """An SMSC with the account shop / secret, 100 submits a second, a burst of 3."""

    def __init__(self, log, *args):
        super().__init__([PROBE, *args], log, env={"ASAN_OPTIONS": "detect_leaks=1:exitcode=99"})
        self.port = int(wait_until(lambda: self.said(r"listening (\d+)"), lambda: f"the probe: {self.tail()}"))

    def said(self, pattern):
        found = re.search(f"^{pattern}$", self.log.read_text(), re.M)
        return found and (found.group(1) if found.groups() else True)


@pytest.fixture
def serve(tmp_path):
    started = []

    def start(*args):
        started.append(Server(tmp_path / f"esme-{len(started)}.log", *args))
        return started[-1]

    yield start
    for one in started:
        assert one.stop(30) == 0, one.tail()


@pytest.fixture
def server(serve):
    return serve()


def certificate(folder, name):
    """A self-signed certificate; its files."""
    key, crt = folder / f"{name}.key", folder / f"{name}.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", crt],
                   check=True, capture_output=True)
    return crt, key


def bound(node_peer, server, *args):  # noqa: F811
    peer = node_peer("smpp_client.js", "--port", server.port, *args)
    got = peer.bind("shop", "secret")
    assert (got["status"], got["smsc"], got["version"]) == (0, "coko", 0x34)
    return peer


def says_goodbye(peer):
    peer.tell("unbind")
    assert peer.expect("unbound")["status"] == 0
    peer.expect("closed")


def test_npm_submits_and_gets_its_receipt(server, node_peer):  # noqa: F811
    peer = bound(node_peer, server)
    peer.tell("submit", to=READER, text="bonjour", tag="a")
    assert peer.expect("submitted")["message_id"] == "m1"
    receipt = peer.expect("deliver")
    assert (receipt["receipted_message_id"], receipt["esm_class"], receipt["from"]) == ("m1", 4, READER)
    wait_until(lambda: server.said("receipt 1 answered 0"), "the receipt to be answered")
    peer.tell("enquire")
    assert peer.expect("enquired")["status"] == 0
    says_goodbye(peer)
    wait_until(lambda: server.said("closed peer_unbound"), "the bind to end")


@pytest.mark.parametrize("system_id,password,status", [("nobody", "secret", RINVSYSID), ("shop", "wrong", RINVPASWD)])
def test_npm_is_refused(server, node_peer, system_id, password, status):  # noqa: F811
    peer = node_peer("smpp_client.js", "--port", server.port)
    assert peer.bind(system_id, password)["status"] == status
    peer.expect("closed")


def test_hard_25_a_second_bind_is_0x05(server, node_peer):  # noqa: F811
    peer = bound(node_peer, server)
    assert peer.bind("shop", "secret")["status"] == RALYBND
    says_goodbye(peer)


def test_hard_26_over_the_rate_is_0x58_and_the_rest_arrives(server, node_peer):  # noqa: F811
    """A burst of 3: npm sends 500 as fast as it can; each is answered, and more than the burst gets through."""
    peer = bound(node_peer, server)
    peer.tell("flood", count=500, window=100, to="225", text="x")
    done = peer.expect("flood", timeout=60)
    assert done["count"] == 500 and 0 < done["refused"] <= 497, done
    says_goodbye(peer)


def test_the_server_says_goodbye(serve, node_peer):  # noqa: F811
    server = serve()
    peer = bound(node_peer, server)
    server.signal(15)
    peer.expect("unbind")
    assert server.wait(30) == 0, server.tail()


def test_npm_over_tls(serve, node_peer, tmp_path):  # noqa: F811
    peer = bound(node_peer, serve(*certificate(tmp_path, "server")), "--tls")
    peer.tell("submit", to=READER, text="bonjour")
    assert peer.expect("submitted")["status"] == 0
    says_goodbye(peer)


def answered(port, version, crt=None, key=None):
    """Whether a link check over TLS with this certificate is answered; refused ones end in an error or in nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    if crt:
        context.load_cert_chain(crt, key)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as raw, context.wrap_socket(raw) as tls:
            tls.sendall(struct.pack(">IIII", 16, 0x15, 0, 9))
            return tls.recv(16) == struct.pack(">IIII", 16, 0x80000015, 0, 9)
    except (ssl.SSLError, ConnectionError):
        return False


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_hard_23_a_client_certificate_is_asked_and_verified(serve, tmp_path, version):
    mine, other = certificate(tmp_path, "mine"), certificate(tmp_path, "other")
    server = serve(*certificate(tmp_path, "server"), mine[0])
    assert answered(server.port, version, *mine)
    for files in ((), other):
        assert not answered(server.port, version, *files)


def test_kannel_is_an_esme_of_ours(server, tmp_path):
    """bearerbox binds as a transceiver, submits what mtbatch gives it, and takes the receipt."""
    with Kannel(tmp_path, server.port, "shop", "secret") as box:
        box.submit([READER], "bonjour")
        wait_until(lambda: server.said("receipt 1 answered 0"), lambda: f"{server.tail()} {box.tail()}", 60)
