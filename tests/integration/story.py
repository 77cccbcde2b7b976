# SPDX-License-Identifier: Apache-2.0
"""The service's main story, told only through public protocols: a carrier's USSD callbacks in, SMPP
out to a message centre that nobody here wrote, MTN's HTTP API behind.

A Story is one reader with one phone. Options are chosen by their words, not by their numbers.
"""
import re
import unicodedata

from database import sql
from support import http_request, wait_until
from ussdkit import ask_of, dial_in

FOLDED = str.maketrans({"ê": "e", "ô": "o", "â": "a", "î": "i", "û": "u", "ë": "e", "ï": "i",
                        "ç": "c", "œ": "oe", "«": '"', "»": '"', "’": "'", "…": "...", "À": "A",
                        "È": "E", "Ê": "E", "Ô": "O", "Î": "I", "Â": "A", "Ç": "Ç"})


def letters(text):
    """Letters and digits alone, without accents: what survives folding and cutting."""
    plain = unicodedata.normalize("NFD", text.translate(FOLDED))
    return re.sub(r"[^a-z0-9]", "", plain.lower().replace("œ", "oe"))


class Story:
    def __init__(self, coko, smsc, mtn, phone):
        self.coko, self.smsc, self.mtn, self.phone = coko, smsc, mtn, phone
        self.number = phone.msisdn.lstrip("+")
        self.user = None

    # --- the phone ---------------------------------------------------------------------------------
    def dial(self, code="*384*26#"):
        if self.user is None:  # the newest reader is ours: numbers stand in no table to look for
            dial_in(self.phone, code)
            self.user = self.rows("select max(id) from auth.users")[0][0]
        else:
            self.phone.dial(code)
        if self.sees("Bienvenue", "Welcome"):
            self.phone.send("1")
        elif ask_of(self.phone):
            self.phone.send("2")
        return self.phone.last

    def sees(self, *words):
        return any(word in self.phone.last for word in words)

    def key_of(self, *words):
        for line in self.phone.last.splitlines():
            key, _, label = line.partition(" ")
            if key.isdigit() and any(word.lower() in label.lower() for word in words):
                return key
        return None

    def choose(self, *words):
        """The option that has one of the words, also on a later page."""
        for _page in range(4):
            key = self.key_of(*words)
            if key:
                return self.phone.send(key)
            self.phone.send("98")
        raise AssertionError(f"no option with {words} in:\n{self.phone.last}")

    def open_book(self, code):
        self.dial(f"*384*26*{code}#")

    def buy_day_pass(self):
        """To the END that says the request was sent; the price is on the confirm screen."""
        self.dial()
        self.choose("pass")
        self.choose("pass")
        self.choose("jour", "day")
        self.phone.send("9")

    def send_by_sms(self, code):
        self.open_book(code)
        return self.choose("SMS")

    # --- SMS ---------------------------------------------------------------------------------------
    def messages(self, wait_s=45, count=1, **query):
        rest = "".join(f"&{k}={v}" for k, v in query.items())
        path = f"/messages?to={self.number}&count={count}&wait_ms={wait_s * 1000}&complete=1{rest}"
        return self.smsc.control("GET", path)["messages"]

    def wait_sms(self, word, count=1, wait_s=45):
        got = self.messages(wait_s, count, contains=word)
        assert len(got) >= count, f"no SMS with {word!r}: {[m['text'] for m in self.messages(0)]}"
        return got[-1]["text"]

    def text_back(self, word):
        return self.smsc.control("POST", "/mo", {"from": self.number, "to": "26", "text": word})

    # --- what the database says ------------------------------------------------------------------
    def rows(self, statement):
        return sql(self.coko.values["DATABASE_URL"], statement)

    def rows_done(self, statement):
        sql(self.coko.values["DATABASE_URL"], statement)

    def instalments(self):
        return self.rows("select id, state, from_part, from_at, to_part, to_at, body from"
                         " messaging.message where kind = 'instalment'"
                         f" and user_id = {self.user} order by id")

    def wait_instalment_state(self, n, state, timeout=60):
        wait_until(lambda: len(self.instalments()) >= n and self.instalments()[n - 1][1] == state,
                   lambda: f"instalment {n} {state}: {self.instalments()}", timeout)

    # --- REST --------------------------------------------------------------------------------------
    def login(self):
        asked = self.rest("POST", "/auth/otp/request", {"phone": "+" + self.number})
        assert asked.status in (200, 202), asked
        code = re.search(r"\b(\d{6})\b", self.wait_sms("code")).group(1)
        answer = self.rest("POST", "/auth/otp/verify",
                           {"request_id": asked.json()["request_id"], "phone": "+" + self.number,
                            "code": code})
        assert answer.status == 200, answer
        return answer.json()["access_token"]

    def rest(self, method, path, body=None, token=None):
        import json
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return http_request(method, self.coko.url + "/api/v1" + path,
                            json.dumps(body).encode() if body is not None else None, headers)


def book_text(story, code):
    return "".join(row[0] for row in story.rows(
        "select p.body || E'\\n\\n' from catalog.part p join catalog.book b on b.id = p.book_id"
        f" where b.code = {code} order by p.no"))
