# SPDX-License-Identifier: Apache-2.0
"""Instalments cover a whole book exactly once, and none is longer than its segments (property test)."""
import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqlfixtures import *  # noqa: F401,F403

EXTENSION = "^{}\\[~]|€"
WORDS = st.lists(st.text(st.sampled_from("abcdefghijklmnop éàèçùêîôœ'’«»—…[]€"), min_size=1, max_size=14), min_size=1, max_size=220)
FOLDS = {"œ": 2, "…": 3}


def septets(text):
    """Counted apart from the SQL: what GSM 03.38 needs after folding."""
    return sum(2 if c in EXTENSION else FOLDS.get(c, 1) for c in text)


def sms_parts(text):
    """Segments by the rule of the air: 160, or 153 a part with no escape pair cut."""
    units = [2 if c in EXTENSION else 1 for c in text for _ in range(FOLDS.get(c, 1) if c not in EXTENSION else 1)]
    if sum(units) <= 160:
        return 1
    parts, room = 1, 153
    for unit in units:
        if unit > room:
            parts, room = parts + 1, 153
        room -= unit
    return parts


@st.composite
def chapters(draw):
    made = []
    for no in range(1, draw(st.integers(1, 3)) + 1):
        body, ends = "", []
        for _ in range(draw(st.integers(1, 12))):
            body += " ".join(draw(WORDS)).strip() + draw(st.sampled_from([". ", ".\n\n", "! "]))
            ends.append(len(body))
        while body != body.rstrip():
            body = body.rstrip()
        ends = sorted({min(e, len(body)) for e in ends})
        made.append({"no": no, "title": draw(st.sampled_from(["", "Chapitre", "L'été [1]"])), "body": body, "ends": ends,
                     "septets": [septets(body[:e]) for e in ends]})
    return made


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=chapters(), segments=st.integers(1, 6), foot=st.sampled_from(["", "SUITE pour lire la suite"]),
       start=st.integers(0, 400))
def test_slices_cover_the_book_once(world, parts, segments, foot, start):
    world.rows("delete from reading.position; delete from catalog.book")
    book = world.one("catalog.import_book", {"slug": "b", "title": "B", "language": "fr"}, parts)["book_id"]
    part, at = 1, min(start, len(parts[0]["body"]) - 1)
    read = {p["no"]: "" for p in parts}
    read[1] = parts[0]["body"][:at]
    for _ in range(5000):
        got = world.call("messaging.next_slice", book, part, at, segments, foot)
        if not got:
            break
        s = got[0]
        body = parts[s["part"] - 1]["body"]
        end = s["to_at"] if s["to_part"] == s["part"] else len(body)
        assert end > s["at"], "a slice that does not move"
        assert s["at"] == len(read[s["part"]]), "gap or overlap"
        read[s["part"]] += body[s["at"]:end]
        head = parts[s["part"] - 1]["title"] + "\n" if s["at"] == 0 and parts[s["part"] - 1]["title"] else ""
        assert s["body"] == head + body[s["at"]:end].strip(" \n") + ("\n" + foot if foot else "")
        assert sms_parts(s["body"]) <= s["segments"] <= segments
        part, at = s["to_part"], s["to_at"]
    assert read == {p["no"]: p["body"] for p in parts}


def test_cut_at_a_sentence_end_when_one_fits(world):
    book = world.book(parts=1, sentences=60)
    part, at, ends = 1, 0, set(world.value("select ends from catalog.part where book_id = %s", book))
    while True:
        got = world.call("messaging.next_slice", book, part, at, 5, "SUITE")
        if not got:
            break
        assert got[0]["to_at"] in ends
        assert got[0]["segments"] == 5 or got[0]["book_end"]
        part, at = got[0]["to_part"], got[0]["to_at"]


def test_from_the_middle_of_a_sentence(world):
    """A position left by USSD is anywhere: the count from there may not run over."""
    book = world.book(parts=1, sentences=60)
    (s,) = world.call("messaging.next_slice", book, 1, 37, 5, "SUITE")
    assert s["at"] == 37 and s["segments"] <= 5 and len(s["body"]) > 500


def test_septets_is_exact_for_latin_text_and_never_low(world):
    for text in ("", "abc", "L'été, où çà ?", "«Œuf»… [10 €]", "Ñandú", "x" * 500, "a\n\nb"):
        assert world.value("select messaging.septets(%s)", text) == septets(re.sub("Œ", "œ", text)), text
    assert world.value("select messaging.septets('ɓɗŋ')") >= 3
