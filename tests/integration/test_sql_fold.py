# SPDX-License-Identifier: Apache-2.0
"""Which rule a book's letters are sent by, and slices that are counted as they will be sent."""
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqlfixtures import *  # noqa: F401,F403
from sqlworld import book_json
from test_sql_messaging import chapter, say
from test_sql_slices import septets

LETTERS, NO_COUNTERPART, SIGNS = "êôœŋɛ", "日本\U0001F600", "’«»—…"
FOLDS = {"œ": 2, "…": 3}


def folds(text):
    """0 signs at most, 1 letters, 2 impossible: written apart from the importer's."""
    return 2 if set(text) & set(NO_COUNTERPART) else 1 if set(text) & set(LETTERS) else 0


def units(text):
    return len(text.encode("utf-16-be")) // 2


def measured(no, title, sentences):
    """A part as the importer gives it."""
    body = "".join(sentences).rstrip()
    ends, at = [], 0
    for s in sentences:
        at = min(at + len(s), len(body))
        ends.append(at)
    return {"no": no, "title": title, "body": body, "ends": ends, "septets": [septets(body[:e]) for e in ends],
            "units": [units(body[:e]) for e in ends], "folds": [folds(s) for s in sentences], "title_folds": folds(title)}


def parts_sent(text, rule):
    """Parts of a text by the rule of the air, written apart from the SQL: the fewest that the rule allows."""
    def wide():
        n = units(text)
        return 1 if n <= 70 else -(-n // 66)

    need = folds(text)
    if need == 2 or need == 1 and rule == "keep":
        return wide()
    n = septets(text)
    narrow = 1 if n <= 160 else -(-n // 152)
    return min(narrow, wide())


def stored(world, language="fr", sentences=("Un. ",), title="", **more):
    world.rows("delete from reading.position; delete from catalog.book")
    return world.one("catalog.import_book", {"slug": "b", "title": "B", "language": language, **more},
                     [measured(1, title, list(sentences))])["book_id"]


def test_rule_of_the_book_before_its_language_before_any(world):
    book = stored(world, "pt")
    assert world.value("select messaging.fold_of(%s)", book) == "cheap"  # as delivered
    world.rows("insert into messaging.fold_rule values ('pt', 'keep'); update messaging.fold_rule set rule = 'always' where lang = '*'")
    assert world.value("select messaging.fold_of(%s)", book) == "keep"
    world.rows("delete from messaging.fold_rule where lang = 'pt'")
    assert world.value("select messaging.fold_of(%s)", book) == "always"
    assert world.one("catalog.set_fold", "awa", "b", "keep") == {"outcome": "set", "rule": "keep"}
    assert world.one("catalog.set_fold", "awa", "b", "language") == {"outcome": "set", "rule": "always"}
    assert world.one("catalog.set_fold", "awa", "nobody", "keep")["outcome"] == "no_book"
    assert world.value("select count(*) from ops.audit where kind = 'book.fold' and actor = 'operator:awa'") == 2


def test_an_import_leaves_the_rule(world):
    stored(world)
    world.one("catalog.set_fold", "awa", "b", "keep")
    again = world.one("catalog.import_book", {"slug": "b", "title": "Autre", "language": "fr"}, [measured(1, "", ["Deux. "])])
    assert again["outcome"] == "replaced" and world.value("select messaging.fold_of(%s)", again["book_id"]) == "keep"


def test_an_instalment_carries_its_rule_and_repeter_the_same(world):
    reader, book = world.dial(), world.book()
    world.one("catalog.set_fold", "awa", "pirogue", "keep")
    m = chapter(world, reader, book)
    world.claim_sms()
    world.accept(m["message_id"], "r", parts=m["segments"])
    world.one("catalog.set_fold", "awa", "pirogue", "always")
    say(world, reader, "REPETER")
    assert [x["fold"] for x in world.messages(reader, "instalment")] == ["keep", "keep"]
    assert [x["fold"] for x in world.messages(reader, "reply")] == []


@pytest.mark.parametrize("rule, segments", [("keep", 3), ("cheap", 1), ("always", 1)])
def test_one_letter_costs_what_its_rule_says(world, rule, segments):
    book = stored(world, sentences=["La forêt parle. "] + ["Un mot de plus ici. "] * 6)
    world.one("catalog.set_fold", "awa", "b", rule)
    (s,) = world.call("messaging.next_slice", book, 1, 0, 5, "")
    assert (s["segments"], s["book_end"]) == (segments, True)


def test_a_letter_behind_the_slice_costs_nothing(world):
    """The text before the first letter that stays goes in septets, when more of it fits that way."""
    book = stored(world, sentences=["Un mot de plus ici. "] * 7 + ["La forêt parle. "])
    world.one("catalog.set_fold", "awa", "b", "keep")
    (s,) = world.call("messaging.next_slice", book, 1, 0, 1, "")
    assert (s["segments"], s["to_at"]) == (1, 140)


def test_a_book_imported_before_is_counted_as_before(world):
    book, parts = book_json("vieux")
    got = world.one("catalog.import_book", book, parts)["book_id"]
    world.rows("update catalog.book set fold_rule = 'keep'")
    assert world.value("select count(*) from catalog.part where units is null") == 3
    assert world.call("messaging.next_slice", got, 1, 0, 5, "SUITE")[0]["segments"] == 5


def test_text_behind_the_last_end_is_taken_for_the_worst(world):
    part = measured(1, "", ["Un. ", "Deux. "])
    part["body"] += " Trois."
    got = world.one("catalog.import_book", {"slug": "x", "title": "X", "language": "fr"}, [part])["book_id"]
    assert world.row("select folds, units from catalog.part where book_id = %s", got) == {"folds": [0, 0, 2], "units": [4, 9, 16]}


WORD = st.text(st.sampled_from("abcdefghijklmnopqrstuv" * 8 + LETTERS + NO_COUNTERPART + SIGNS + "[€éà"), min_size=1, max_size=14)
SENTENCE = st.lists(WORD, min_size=1, max_size=40).map(lambda words: " ".join(words) + ". ")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sentences=st.lists(SENTENCE, min_size=1, max_size=10), rule=st.sampled_from(["keep", "cheap", "always"]), segments=st.integers(1, 6),
       title=st.sampled_from(["", "Chapitre", "L'île", "日"]), foot=st.sampled_from(["", "SUITE pour lire la suite", "ŋ"]),
       start=st.integers(0, 60))
def test_slices_cover_a_part_once_and_are_counted_as_sent(world, sentences, rule, segments, title, foot, start):
    book = stored(world, sentences=sentences, title=title)
    world.one("catalog.set_fold", "awa", "b", rule)
    body = "".join(sentences).rstrip()
    at = min(start, len(body) - 1)
    while True:
        got = world.call("messaging.next_slice", book, 1, at, segments, foot)
        if not got:
            break
        s = got[0]
        assert s["at"] == at and s["to_at"] > at
        assert body[at:s["to_at"]].strip(" \n") in s["body"]
        assert parts_sent(s["body"], rule) <= s["segments"] <= segments, s
        at = s["to_at"]
    assert at == len(body)
