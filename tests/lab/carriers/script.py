# SPDX-License-Identifier: Apache-2.0
""".dial scripts: a session as lines of text, played through any phone, told as a transcript.

    # a comment, and empty lines
    dial [PATH]        the service code; PATH is dialled behind it (1*2), where the carrier brings it
    redial             the same, with the session id of the last dialogue
    expect TEXT        the screen has this text; a line may follow a line
    answer TEXT        type it; without TEXT only Send is pressed. Where nothing tells the same key typed
                       again from one delivered again, a wrong key goes between and is told too
    choose WORD|WORD   take the option whose label has a word, turning pages with 98
    repeat [N]         the carrier delivers the last hop N times more: the same answer, byte for byte
    late [N]           the hop of N steps ago (1) comes again: it moves nothing and harms nothing
    rung               the carrier's next push to this phone is on the screen
    abort, timeout     the carrier's own notice of it, or silence where it has none; dial goes on
    open, end          the session must be open, or over

run() raises ScriptFault with the line's number; what the carrier would refuse is Nonconformity.
"""
from carriers.base import Nonconformity


class ScriptFault(AssertionError):
    """The script is wrong, or the service did not do what it expects."""


WORDS = ("dial", "redial", "rung", "expect", "answer", "choose", "repeat", "late", "abort", "timeout", "open", "end")


BETWEEN = "77"   # a key that no screen has


def parse(text):
    """[(line number, word, argument)]; ScriptFault for a word that is none."""
    steps = []
    for number, line in enumerate(text.splitlines(), 1):
        word, _, argument = line.strip().partition(" ")
        if not word or word.startswith("#"):
            continue
        if word not in WORDS:
            raise ScriptFault(f"line {number}: {word} is none of {' '.join(WORDS)}")
        if word in ("repeat", "late") and argument and not argument.isdigit():
            raise ScriptFault(f"line {number}: {word} takes a number")
        steps.append((number, word, argument.strip()))
    return steps


class Player:
    """Plays steps on one phone; lines is the transcript so far."""

    def __init__(self, phone):
        self.phone, self.lines = phone, []

    def play(self, steps):
        for number, word, argument in steps:
            try:
                getattr(self, word)(argument)
            except Nonconformity:
                raise
            except AssertionError as fault:
                raise ScriptFault(f"line {number}: {word} {argument}: {fault}") from fault
        return "\n".join(self.lines) + "\n"

    def tell(self, what, screen=True):
        self.lines.append(f"> {what}".rstrip())
        if screen:
            self.lines += self.phone.last.split("\n")
            self.lines.append(f"= {'end' if self.phone.ended else 'open'}")

    def dial(self, path, same_id=False):
        phone = self.phone
        code = f"{phone.stem}*{path}#" if path and phone.long_dial else None
        phone.dial(code, same_id=same_id)
        if path and not phone.long_dial:
            for text in path.split("*"):
                phone.send(text)
        self.tell(f"{'redial' if same_id else 'dial'} {path}")

    def redial(self, path):
        self.dial(path, same_id=True)

    def rung(self, _):
        self.phone.rung()
        self.tell("rung")

    def answer(self, text):
        self.type(text)
        self.tell(f"answer {text}")

    def choose(self, words):
        self.type(option(self.phone, words.lower().split("|")))
        self.tell(f"choose {words}")

    def type(self, key):
        phone = self.phone
        if not phone.tells_hops_apart and phone.history and phone.history[-1][0] == key:
            phone.send(BETWEEN)
            self.tell(f"answer {BETWEEN}")
        phone.send(key)

    def expect(self, text):
        assert text in self.phone.last, f"not on the screen:\n{self.phone.last}"

    def repeat(self, times):
        first = self.phone.last_reply
        replies = self.phone.repeat(int(times or 1))
        assert all(first.same(r) for r in replies), f"another answer: {replies}"
        self.tell(f"repeat {times}", screen=False)

    def late(self, back):
        reply = self.phone.stale(int(back or 1))
        assert reply.status == 200, f"refused: {reply}"
        self.tell(f"late {back}", screen=False)

    def abort(self, _):
        self.leave("abort")

    def timeout(self, _):
        self.leave("timeout")

    def leave(self, kind):
        if kind in self.phone.endings:
            self.phone.hang_up(kind)
        self.phone.ended = True
        self.tell(kind, screen=False)

    def open(self, _):
        assert not self.phone.ended, f"it is over:\n{self.phone.last}"

    def end(self, _):
        assert self.phone.ended, f"it is open:\n{self.phone.last}"


def option(phone, words, pages=5):
    """The key of the option whose label has one of the words, turning pages with 98."""
    for _page in range(pages):
        for line in phone.last.splitlines():
            key, _, label = line.partition(" ")
            if key.rstrip(".").isdigit() and any(w in label.lower() for w in words):
                return key.rstrip(".")
        assert phone.can_type("98"), f"no option with {words} in:\n{phone.last}"
        phone.send("98")
    raise AssertionError(f"no option with {words} in:\n{phone.last}")


def run(phone, text):
    """Plays a script's text; returns the transcript."""
    return Player(phone).play(parse(text))
