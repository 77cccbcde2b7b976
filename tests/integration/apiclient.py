# SPDX-License-Identifier: Apache-2.0
"""What a REST client and a curious reader of the database can do: requests, log-in by code.

`code_of` opens the sealed body of a code's message with the test's own key ring, by its own reading
of the blob (key id, nonce, AES-256-GCM under an HKDF subkey), as the SMS sender does.
"""
import contextlib
import itertools
import re
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from daemon import Daemon, template_values
from database import sql
from support import TEST_KEYS

ADDRESSES = itertools.count(1)

LAST_BODY = """select m.body_sealed from messaging.message m
               where m.kind = 'otp' and m.body_sealed is not null order by m.id desc limit 1"""


def unseal(blob, aad):
    master = bytes.fromhex(TEST_KEYS.split(":")[1])
    key = HKDF(hashes.SHA256(), 32, b"coko", b"seal").derive(master)
    return AESGCM(key).decrypt(blob[4:16], blob[16:], blob[:4] + aad)


@contextlib.contextmanager
def serving(folder, database_url, redis_url):
    """A daemon for a whole module, REST only, behind a proxy that it trusts."""
    values = template_values(database_url, redis_url)
    one = Daemon(folder / f"api-{uuid.uuid4().hex[:6]}", values, {"http": {"trusted_proxies": "127.0.0.1"}}, roles="api")
    try:
        yield one
    finally:
        one.stop()


class Api:
    """One daemon's REST face; statements go to its database. Each Api has an address of its own, so that the limits of
    one test's address do not meet another's."""

    def __init__(self, daemon, url):
        self.daemon, self.url = daemon, url
        number = next(ADDRESSES)
        self.address = f"10.7.{number // 250}.{number % 250 + 1}"

    def get(self, path, token=None, headers=None):
        headers = {"X-Forwarded-For": self.address, **(headers or {})}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return self.daemon.get("/api/v1" + path, headers=headers)

    def post(self, path, body, headers=None):
        return self.daemon.post("/api/v1" + path, body, headers={"X-Forwarded-For": self.address, **(headers or {})})

    def sql(self, statement, params=None):
        return sql(self.url, statement, params)

    def move_clock(self, interval):
        self.sql("update ops.clock set shift = shift + %s::interval", (interval,))

    def forget_limits(self):
        """Code limits are by hour and day: the test's next window."""
        self.sql("delete from auth.otp_request")

    def last_code(self):
        body = unseal(bytes(self.sql(LAST_BODY)[0][0]), b"otp.body").decode()
        return re.search(r"\b\d{6}\b", body).group()

    def ask_code(self, phone, **more):
        """(request_id, code) of a new code."""
        answer = self.post("/auth/otp/request", {"phone": phone, **more})
        assert answer.status == 200, answer
        return answer.json()["request_id"], self.last_code()

    def verify(self, request_id, phone, code, **more):
        return self.post("/auth/otp/verify", {"request_id": request_id, "phone": phone, "code": code, **more})

    def login(self, phone):
        """The whole answer of a log-in."""
        request_id, code = self.ask_code(phone)
        answer = self.verify(request_id, phone, code)
        assert answer.status == 200, answer
        return answer.json()

    def walk(self, path, token=None, after_page=None):
        """Every item of a list, following Link: rel=next; after_page(n) runs between pages."""
        items, pages, at = [], 0, path
        while at:
            answer = self.get(at, token)
            assert answer.status == 200, answer
            items += answer.json()["data"]
            pages += 1
            if after_page:
                after_page(pages)
            found = re.search(r'<(?:/api/v1)?([^>]+)>; rel="next"', answer.headers["link"])
            assert (found is not None) == answer.json()["has_more"]
            at = found.group(1) if found else None
        return items


def problem(answer, status, code):
    """The answer is this problem, whole and well formed (RFC 9457)."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["status"] == status and body["code"] == code, body
    assert body["type"] == f"/api/v1/problems/{code}" and body["title"] and body["detail"] and body["instance"]
    assert body["request_id"] == answer.headers["x-request-id"]
    return body
