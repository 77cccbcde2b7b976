# SPDX-License-Identifier: Apache-2.0
"""gateway/io/http_client against a peer that closes kept-alive connections: a money request is
never sent twice; what is known about the sending is said rightly."""
import socket
import threading

import pytest
from io_probe import Probe
from support import free_port

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-One:  a b \r\n\r\nok"


def read_request(conn):
    """One request with its body; b"" when the client closed first."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = conn.recv(65536)
        if not part:
            return b""
        data += part
    head, body = data.split(b"\r\n\r\n", 1)
    length = [int(line.split(b":")[1]) for line in head.split(b"\r\n")
              if line.lower().startswith(b"content-length:")]
    while length and len(body) < length[0]:
        body += conn.recv(65536)
    return head + b"\r\n\r\n" + body


class Peer(threading.Thread):
    """Answers the first request of its life, then reads each further one and closes unanswered.

    With `always`, later connections are answered too: a client that sends again gets its answer."""

    def __init__(self, always=True, reply=ANSWER):
        super().__init__(daemon=True)
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.sock.getsockname()[1]}"
        self.requests = []
        self.always, self.reply = always, reply
        self.start()

    def run(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        with conn:
            for turn in range(2):
                try:
                    request = read_request(conn)
                except ConnectionError:
                    return
                if not request:
                    return
                self.requests.append(request)
                if turn == 1:
                    return  # received and, for all the client knows, executed
                if self.always or len(self.requests) == 1:
                    conn.sendall(self.reply)

    def stop(self):
        self.sock.close()


@pytest.fixture
def probe():
    one = Probe("client")
    yield one
    one.stop()


@pytest.fixture
def peer():
    one = Peer()
    yield one
    one.stop()


def bodies(peer, text):
    return sum(request.endswith(text) for request in peer.requests)


def test_a_money_request_is_never_sent_twice(probe, peer):
    probe.say("send", "a", "POST", peer.url + "/warm", 1, "warm")
    assert probe.answer("a") == ["ok", "200", "ok"]
    probe.say("send", "b", "POST", peer.url + "/charge", 1, "charge")
    answer = probe.answer("b")
    assert answer[0] == "fail" and answer[3] == "unknown"
    assert "curl 65" in answer[4]
    assert bodies(peer, b"charge") == 1


def test_the_same_without_the_rule_is_sent_twice(probe, peer):
    """The control: libcurl does send again, so the test above can fail."""
    probe.say("send", "a", "POST", peer.url + "/warm", 0, "warm")
    probe.answer("a")
    probe.say("send", "b", "POST", peer.url + "/charge", 0, "charge")
    assert probe.answer("b")[:2] == ["ok", "200"]
    assert bodies(peer, b"charge") == 2


def test_an_empty_money_request_is_never_sent_twice(probe, peer):
    probe.say("send", "a", "POST", peer.url + "/warm", 1, "warm")
    probe.answer("a")
    probe.say("send", "b", "POST", peer.url + "/token", 1, "")
    assert probe.answer("b")[:2] == ["ok", "200"]
    assert sum(b"/token" in request for request in peer.requests) == 1


def test_what_never_left_is_known(probe):
    probe.say("send", "a", "POST", f"http://127.0.0.1:{free_port()}/", 1, "x")
    answer = probe.answer("a")
    assert answer[:2] == ["fail", "refused"] and answer[3] == "known"
    probe.say("send", "a", "POST", "file:///etc/passwd", 1, "x")
    assert probe.answer("a")[:2] == ["fail", "bad_input"]


def test_no_answer_is_unknown(probe):
    silent = Peer(always=False)
    probe.say("send", "a", "GET", silent.url, 0, "")
    probe.answer("a")
    probe.say("send", "b", "POST", silent.url + "/again", 1, "x")
    assert probe.answer("b")[3] == "unknown"
    silent.stop()


def test_redirects_are_answers(probe):
    away = Peer(reply=b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
                      b"Content-Length: 0\r\n\r\n")
    probe.say("send", "a", "GET", away.url, 0, "")
    assert probe.answer("a")[:2] == ["ok", "302"]
    away.stop()


def test_a_huge_answer_is_cut(probe):
    huge = Peer(reply=b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2000000)
    probe.say("send", "a", "GET", huge.url, 0, "")
    assert probe.answer("a")[:2] == ["fail", "too_big"]
    huge.stop()
