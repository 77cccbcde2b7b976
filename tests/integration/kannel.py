# SPDX-License-Identifier: Apache-2.0
"""Kannel's bearerbox as an ESME: bound as a transceiver to an SMSC of ours, fed by mtbatch.

    with Kannel(folder, port, system_id, password) as box:
        box.submit([number, ...], text)
"""
import socket
import subprocess

from support import Process, free_port, wait_until

BEARERBOX = "/usr/sbin/bearerbox"


def listens(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


class Kannel:
    def __init__(self, folder, port, system_id, password):
        self.folder, self.smsbox = folder, free_port()
        conf = folder / "kannel.conf"
        conf.write_text(
            f"group = core\nadmin-port = {free_port()}\nadmin-interface = 127.0.0.1\nadmin-password = test\n"
            f"smsbox-port = {self.smsbox}\nsmsbox-interface = 127.0.0.1\nlog-level = 2\n\n"
            f"group = smsc\nsmsc = smpp\nsmsc-id = ours\nhost = 127.0.0.1\nport = {port}\n"
            f"smsc-username = {system_id}\nsmsc-password = {password}\nsystem-type = x\ntransceiver-mode = true\n"
            f"reconnect-delay = 1\n\ngroup = smsbox\nbearerbox-host = 127.0.0.1\n")
        self.box = Process([BEARERBOX, "-v", "2", conf], folder / "bearerbox.log")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.box.stop(60)

    def tail(self):
        return self.box.tail()

    def submit(self, numbers, text, sender="26"):
        """One message a number, each asking for a receipt."""
        wait_until(lambda: listens(self.smsbox), lambda: f"bearerbox: {self.tail()}", 60)
        (self.folder / "text").write_text(f"{text}\n")
        (self.folder / "numbers").write_text("".join(f"{n}\n" for n in numbers))
        subprocess.run(["mtbatch", "-v", "4", "-b", "127.0.0.1", "-p", str(self.smsbox), "-f", sender, "-D", "31",
                        "-u", "http://127.0.0.1/", self.folder / "text", self.folder / "numbers"],
                       check=True, capture_output=True, timeout=120)
