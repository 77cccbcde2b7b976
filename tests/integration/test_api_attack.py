# SPDX-License-Identifier: Apache-2.0
"""REST and the HTTP server attacked through raw sockets on the real port: ambiguous requests (R1),
headers and paths that try to split a reply, forged cursors and tokens, codes guessed in parallel, and
a whole reader's day after which neither her number nor her code stands anywhere in clear."""
import base64
import hashlib
import hmac
import json
import re
import socket
import subprocess
import sys

import pytest
import redis as redis_client

from apiclient import Api, problem, serving
from support import TOP, http_request, wait_until

sys.path.insert(0, str(TOP / "tests/lab"))
from ussd_client import AtPhone, at_once  # noqa: E402


@pytest.fixture(scope="module")
def served(work_dir, migrated_db, redis, coko_bin):
    with serving(work_dir, migrated_db, redis.url) as one:
        yield one


@pytest.fixture
def api(served, migrated_db):
    return Api(served, migrated_db)


def raw(daemon, octets, timeout=30):
    """Sends octets, then reads to the end of the connection or until nothing more comes."""
    with socket.create_connection(("127.0.0.1", daemon.port), timeout) as s:
        s.sendall(octets)
        got = b""
        try:
            while chunk := s.recv(65536):
                got += chunk
        except TimeoutError:
            return got, False
        except ConnectionResetError:
            pass
        return got, True


HOST = b"Host: x\r\n"
# A second request that must never be served, seen by its own path in the counters and the replies.
SECOND = b"GET /api/v1/catalog/books/smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST /api/v1/auth/otp/verify HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"

AMBIGUOUS = {
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "two different lengths": POST + b"Content-Length: 2\r\nContent-Length: 80\r\n\r\n{}",
    "list of lengths": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "signed length": POST + b"Content-Length: +2\r\n\r\n{}",
    "hex length": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "length and coding": POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    "two codings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding list": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "unknown coding with length": POST + b"Transfer-Encoding: x\r\nContent-Length: 2\r\n\r\n{}",
    "coding in 1.0": POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before colon": POST + b"Content-Length : 2\r\n\r\n{}",
    "tab before colon": POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "vertical tab in coding": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "folded": POST + b"X: a\r\n Content-Length: 2\r\n\r\n{}",
    "bare LF": POST.replace(b"\r\n", b"\n") + b"\n{}",
    "LF in the head's end": POST + b"Content-Length: 2\n\r\n{}",
    "CR alone": POST + b"X: a\rContent-Length: 2\r\n\r\n{}",
    "NUL in a field": POST + b"X: a\0b\r\nContent-Length: 2\r\n\r\n{}",
    "two hosts": POST + b"Host: y\r\nContent-Length: 2\r\n\r\n{}",
    "no host": b"GET /api/v1/catalog/books HTTP/1.1\r\n\r\n",
    "chunk size signed": POST + b"Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n",
    "chunk size spaced": POST + b"Transfer-Encoding: chunked\r\n\r\n2 \r\n{}\r\n0\r\n\r\n",
    "chunk size 0x": POST + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "chunk LF": POST + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
    "chunk longer than said": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n0\r\n\r\n",
    "chunk size huge": POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}",
    "two spaces": b"GET  /api/v1/catalog/books HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute form": b"GET http://y/api/v1/catalog/books HTTP/1.1\r\n" + HOST + b"\r\n",
    "line before": b"\n\nGET /api/v1/catalog/books HTTP/1.1\r\n" + HOST + b"\r\n",
    "preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_01_r1_what_follows_an_ambiguous_request_is_never_served(served, name):
    got, closed = raw(served, AMBIGUOUS[name] + SECOND)
    assert closed, f"left open: {got!r}"
    assert got.count(b"HTTP/1.1 ") == 1, got
    assert re.match(rb"HTTP/1\.1 (400|501|505) ", got), got
    assert b"smuggled" not in got


def test_a_chunk_extension_or_a_get_with_a_body_stays_in_step(served):
    for first in (POST + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n",
                  b"GET /api/v1/catalog/books?limit=1 HTTP/1.1\r\n" + HOST +
                  b"Content-Length: 60\r\n\r\n" + (SECOND * 2)[:60]):
        last = b"GET /health/ HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
        got, closed = raw(served, first + last)
        assert closed
        replies = got.count(b"HTTP/1.1 ")
        assert replies == 2 or (replies == 1 and b" 400 " in got), got
        assert b"smuggled" not in got


@pytest.mark.parametrize("value", ["abcdefgh\tSet-Cookie: a=b", "a" * 200, "short", "abcdefgh%0d%0aX: y",
                                   "abcdefgh\"<script>", "é" * 10, "abcdefgh ijkl"])
def test_a_request_id_is_never_echoed_unless_it_is_plain(served, value):
    got, _ = raw(served, b"GET /api/v1/catalog/books?limit=1 HTTP/1.1\r\n" + HOST + b"Connection: close\r\n"
                 b"X-Request-Id: " + value.encode() + b"\r\n\r\n")
    head = got.split(b"\r\n\r\n")[0]
    assert b" 200 " in head
    assert re.search(rb"X-Request-Id: [0-9a-f]{16}(\r\n|$)", head), head
    assert value.encode() not in got


@pytest.mark.parametrize("path", ["/api/v1/catalog/books/%0d%0aX-Evil:%20y", "/api/v1/%00", "/api/v1/%ff%fe",
                                  "/api/v1/catalog/books/%22%3Cscript%3E", "/api/v1/../../etc/passwd",
                                  "/api/v1/%2e%2e/%2e%2e/health/", "/api//v1/catalog/books", "/api/v1/" + "a" * 7000,
                                  "/api/v1/catalog/books?limit=%", "/api/v1/catalog/books?%ff=1&%00=2",
                                  "/api/v1/catalog/books?" + "&".join(f"x{i}=1" for i in range(500))])
def test_paths_and_names_come_back_harmless(served, path):
    got, _ = raw(served, b"GET " + path.encode() + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    head, _, body = got.partition(b"\r\n\r\n")
    assert re.match(rb"HTTP/1\.1 (400|404|414) ", head), head
    assert b"X-Evil" not in head
    if body:
        assert json.loads(body.decode("utf-8")) and b"passwd" not in head


def test_02_methods_by_purpose_only(served):
    def answer(method, path="/api/v1/catalog/books"):
        got, _ = raw(served, f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return int(got.split(b" ")[1]), got
    for method in ("PATCH", "DELETE", "PUT", "POST"):
        status, got = answer(method)
        assert status == 405 and b"Allow: GET, HEAD, OPTIONS" in got, got
    for method in ("TRACE", "CONNECT", "FOO", "get"):
        assert answer(method)[0] in (405, 501), method
    assert answer("OPTIONS")[0] == 204
    status, head = answer("HEAD", "/api/v1/catalog/books?limit=1")
    full = answer("GET", "/api/v1/catalog/books?limit=1")[1]
    assert status == 200 and head.endswith(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head).group(1)
    assert length == re.search(rb"Content-Length: (\d+)", full).group(1) and int(length) > 0


def forge(claims, header=None, key=b"x" * 32):
    def b64(octets):
        return base64.urlsafe_b64encode(octets).rstrip(b"=")
    text = b64(json.dumps(header or {"alg": "HS256", "typ": "at+jwt", "kid": "1"}).encode()) + b"." + \
        b64(json.dumps(claims).encode())
    return (text + b"." + b64(hmac.new(key, text, hashlib.sha256).digest())).decode()


def test_20_tokens_of_every_forged_kind_are_refused(api):
    good = api.login("+2250700000801")["access_token"]
    assert api.get("/billing/pass", good).status == 200
    head, claims, mac = good.split(".")
    real = json.loads(base64.urlsafe_b64decode(claims + "=="))
    bad = [f"{head}.{claims}.", f"{head}.{claims}", f".{claims}.{mac}", good + "x", good[:-1], good + ".",
           good + "=", f"{head}.{claims}.{mac}.{mac}", good.swapcase(), " ", "." * 3, "a" * 8000,
           forge(real), forge(real, {"alg": "none"}), forge(real, {"alg": "HS256", "typ": "JWT", "kid": "1"}),
           forge(real, {"alg": "HS256", "typ": "at+jwt", "kid": "../../dev/null"}, b""),
           forge({**real, "sub": "1' or '1'='1"}), forge(real, key=b"")]
    last = mac[-1]
    twin = next(c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                if c != last and ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(c) >> 2) ==
                ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(last) >> 2))
    bad.append(f"{head}.{claims}.{mac[:-1]}{twin}")  # the same octets in another spelling
    for token in bad:
        answer = api.get("/billing/pass", token)
        assert answer.status == 401 and answer.headers["www-authenticate"].startswith("Bearer"), token


def test_18_cursors_forged_in_every_octet_are_refused(api):
    cursor = api.get("/catalog/books?limit=3").json()["next_cursor"]
    assert api.get(f"/catalog/books?limit=3&cursor={cursor}").status == 200
    for at in range(0, len(cursor), 3):
        other = cursor[:at] + ("A" if cursor[at] != "A" else "Q") + cursor[at + 1:]
        problem(api.get(f"/catalog/books?limit=3&cursor={other}"), 400, "bad_cursor")
    for other in ("", "A", "A" * 1000, cursor + "A", cursor + "==", cursor * 2, "%00", cursor[:-1]):
        assert api.get(f"/catalog/books?limit=3&cursor={other}").status == 400, other


def test_10_bodies_that_are_huge_or_deep_are_refused(api, served):
    def verify(body, **headers):
        return http_request("POST", served.url + "/api/v1/auth/otp/verify", body,
                            {"Content-Type": "application/json", "X-Forwarded-For": api.address, **headers})
    for body in (b"[" * 60000, b'{"a":' * 8000 + b"1" + b"}" * 8000, b'{"phone":"' + b"9" * 60000 + b'"}',
                 b"{" + b",".join(b'"k%d":1' % i for i in range(5000)) + b"}", b"\xef\xbb\xbf{}", b"null", b"[]", b"",
                 b'{"phone":"+2250700000802","phone":"+2250700000803"}', b'{"code":123456}', b'{"code":"12\\u000056"}',
                 b'{"code":"\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4\xd9\xa5\xd9\xa6"}', b'{"a":1e999}'):
        answer = verify(body)
        assert answer.status in (400, 413), (answer, body[:60])
        assert len(answer.body) < 4000
    assert verify(b"{}" + b" " * 200000).status == 413
    assert served.is_ready()


def test_23_a_code_guessed_from_forty_places_at_once_has_five_tries(api, served, migrated_db):
    phone = "+2250700000804"
    request_id, code = api.ask_code(phone)
    guesses = [f"{n:06d}" for n in range(40) if f"{n:06d}" != code]
    places = [Api(served, migrated_db) for _ in guesses]
    answers = at_once([lambda p=p, g=g: p.verify(request_id, phone, g)
                       for p, g in zip(places, guesses, strict=True)])
    kinds = [a.json()["code"] for a in answers]
    assert kinds.count("otp_wrong") == 4 and set(kinds) <= {"otp_wrong", "otp_locked", "unavailable"}, kinds
    assert api.verify(request_id, phone, code).json()["code"] == "otp_locked"
    assert api.sql("select tries from auth.otp_request where public_id = %s", (request_id,)) == [(5,)]


def test_55_a_readers_day_leaves_no_number_and_no_code_in_clear(daemon, smsc, mtn, migrated_db, clean_redis):
    """Dial, read, pay, an SMS, a log-in by code with wrong tries; then the log, Redis, the figures and the whole
    database are searched."""
    coko = daemon(smsc=smsc, mtn=mtn, config={"coko": {"log_level": "debug"}})
    digits, number = "2250500098765", "+2250500098765"
    phone = AtPhone(coko.url, "demo", number)
    phone.dial()
    for key in ("1", "1", "4"):
        phone.send(key)
    phone.dial("*384*26*101#")
    phone.send("2")
    api = Api(coko, migrated_db)
    request_id = api.post("/auth/otp/request", {"phone": number}).json()["request_id"]

    def code_sms():
        got = smsc.control("GET", f"/messages?to={digits}&count=1&wait_ms=1000&complete=1")["messages"]
        return next((m.group() for m in (re.search(r"\b\d{6}\b", x["text"]) for x in got) if m), None)

    code = wait_until(code_sms, "the code by SMS", 20)
    wrong = "000000" if code != "000000" else "111111"
    assert api.verify(request_id, number, wrong).status in (400, 401, 403)
    tokens = api.verify(request_id, "05 00 09 87 65", code, country="CI").json()
    assert api.get("/billing/pass", tokens["access_token"]).status == 200
    assert http_request("GET", coko.url + f"/api/v1/catalog/books?phone={digits}").status == 400
    assert http_request("GET", coko.url + f"/nowhere/{digits}").status == 404
    smsc.control("POST", "/mo", {"from": digits, "to": "26", "text": "SUITE"})
    wait_until(lambda: api.sql("select count(*) from messaging.inbound")[0][0] > 0, "the keyword's row")
    private = [digits, digits[3:], tokens["refresh_token"], tokens["access_token"].split(".")[2]]
    store = redis_client.Redis.from_url(clean_redis.url)
    kept = b"".join(key + (store.dump(key) or b"") for key in store.keys())
    dump = subprocess.run(["pg_dump", "--data-only", "--inserts", migrated_db], capture_output=True, check=True).stdout
    places = {"log": coko.process.log.read_bytes(), "Redis": kept, "database": dump,
              "metrics": http_request("GET", coko.metrics_url + "/metrics").body}
    for name, octets in places.items():
        alone = rb"(?<![0-9a-f.])" + code.encode() + rb"(?![0-9a-f])"  # not six digits of a hash or of a second
        assert not re.search(alone, octets), f"{name}: {re.search(b'.{0,200}' + alone, octets).group()!r}"
        for secret in private:
            for form in (secret.encode(), secret.encode().hex().encode(), base64.b64encode(secret.encode())[:-2]):
                at = octets.find(form)
                assert at < 0, f"{name}: {octets[max(at - 200, 0):at + 60]!r}"
