# SPDX-License-Identifier: Apache-2.0
"""Languages as data: those of the menus are rows, a country has two, names and books fall back, words of texts tell one."""
import json
import re

import pytest

import sqltest
from sqlfixtures import *  # noqa: F401,F403
from sqlworld import book_json, key

FLOW = json.loads((sqltest.TOP / "menus/coko/flow.json").read_text())
TEXTS = {lang: json.loads((sqltest.TOP / f"menus/coko/text/{lang}.json").read_text()) for lang in FLOW["languages"]}


def test_rows_are_the_flow_s_languages(world):
    rows = world.rows("select * from ops.language order by sort")
    assert [r["code"] for r in rows] == FLOW["languages"]
    assert all(len(r["name"]) <= FLOW["vars"]["lang2_name"]["max"] for r in rows)
    assert all(r["falls_to"] in (None, "fr", "en") for r in rows) and rows[0]["falls_to"] is None


def test_every_country_has_two_languages_of_the_menus(world):
    for c in world.rows("select code, lang, second_lang from ops.country"):
        assert c["lang"] in FLOW["languages"] and c["second_lang"] in FLOW["languages"] and c["lang"] != c["second_lang"], c


@pytest.mark.parametrize("country, first, second", [
    ("SN", "fr", "wo"), ("CI", "fr", "en"), ("NE", "fr", "ha"), ("NG", "en", "ha"), ("GH", "en", "fr"), ("KE", "sw", "en"), ("TZ", "sw", "en"),
    ("MZ", "pt", "en"), ("AO", "pt", "fr"), ("GW", "pt", "fr")])
def test_41_first_contact_is_in_the_country_s_language_and_one_key_switches(world, country, first, second):
    reader = world.dial("+000111", country, "")
    assert reader["lang"] == first
    assert world.one("ops.other_language", country, first)["code"] == second
    assert world.one("auth.set_language", reader["user_id"], second) == {"outcome": "ok", "lang": second}
    assert world.one("ops.other_language", country, second)["code"] == first
    assert world.dial("+000111", country, "")["lang"] == second, "remembered"


@pytest.mark.parametrize("said, speaks", [
    ("en", "en"), ("EN", "en"), ("eng", "en"), ("fre", "fr"), ("por", "pt"), ("SWA", "sw"), ("wol", "wo"), ("de", "fr"), ("deu", "fr"),
    ("", "fr"), (None, "fr")])
def test_41_what_the_carrier_says_is_a_first_guess_and_no_choice(world, said, speaks):
    """Only at the first contact: afterwards it neither changes what is remembered nor counts as chosen."""
    def dial(lang):
        return world.one("auth.dial_in", bytes(31) + b"A", b"sealed", 1, "CI", "", "orange_xhtml", lang)["lang"]

    assert dial(said) == speaks
    reader = world.rows("select lang, lang_set from auth.users order by id desc limit 1")[0]
    assert (reader["lang"], reader["lang_set"]) == (speaks, False)
    assert dial("pt") == speaks and dial("") == speaks, "remembered"


def test_a_language_of_neither_offers_the_second(world):
    assert world.one("ops.other_language", "SN", "pt") == {"code": "wo", "name": "Wolof"}
    assert world.call("ops.other_language", "XX", "fr") == []


def test_an_unknown_country_speaks_the_first_language(world):
    assert world.value("select ops.first_language('XX')") == world.value("select ops.first_language(null)") == FLOW["languages"][0]


def test_only_languages_of_the_menus_are_taken(world):
    reader = world.dial()
    for lang in ("de", "", None, "FR"):
        assert world.one("auth.set_language", reader["user_id"], lang) == {"outcome": "unknown", "lang": "fr"}
    for lang in FLOW["languages"]:
        assert world.one("auth.set_language", reader["user_id"], lang) == {"outcome": "ok", "lang": lang}


def test_names_fall_back(world):
    named = "select ops.named(%s::jsonb, %s)"
    both = json.dumps({"fr": "Romans", "en": "Novels"})
    assert [world.value(named, both, lang) for lang in ("fr", "en", "wo", "pt", "sw", "ha", "xx")] == [
        "Romans", "Novels", "Romans", "Novels", "Novels", "Novels", "Romans"]
    assert world.value(named, json.dumps({"ha": "Labarai"}), "fr") == "Labarai"
    assert world.value(named, "{}", "fr") is None and world.value(named, None, "fr") is None


def lists(world, lang):
    shelf = world.value("select id from catalog.category where slug = 'roman'")
    return ([b["label"] for b in world.call("catalog.books_new", lang, 9)], [b["label"] for b in world.call("catalog.books_popular", lang, 9)],
            [b["label"] for b in world.call("catalog.books_in", shelf, lang, 9)], [c["slug"] for c in world.call("catalog.categories", lang)])


def put(world, slug, language):
    book, parts = book_json(slug, language=language, categories=["roman"])
    assert world.one("catalog.import_book", book, parts)["outcome"] == "created"
    return book["title"]


def test_a_reader_whose_language_has_no_book_sees_another_s(world):
    french, english = put(world, "un", "fr"), put(world, "one", "en")
    for lang, title in (("fr", french), ("en", english), ("wo", french), ("pt", english), ("sw", english), ("ha", english)):
        assert lists(world, lang) == ([title], [title], [title], ["roman"]), lang
    own = put(world, "moja", "sw")
    assert lists(world, "sw") == ([own], [own], [own], ["roman"])


def test_where_not_even_that_has_a_book_the_first_that_has_one_is_listed(world):
    title = put(world, "daya", "ha")
    for lang in FLOW["languages"]:
        assert lists(world, lang)[0] == [title]
    world.rows("update catalog.book set status = 'archived'")
    assert world.call("catalog.books_new", "fr", 9) == []


def test_a_message_falls_back_as_its_language_does(world):
    world.rows("delete from messaging.template where key = 'menu'")
    world.rows("insert into messaging.template (key, lang, body) values ('menu', 'en', 'Dial'), ('menu', 'fr', 'Composez')")
    assert [world.value("select messaging.render('menu', %s, '{}')", lang) for lang in FLOW["languages"]] == [
        "Composez", "Dial", "Composez", "Dial", "Dial", "Dial"]


def test_septets_of_every_message_are_exact(world):
    """Expected: one for each letter of the six languages, folded or not, two for a brace, as the sender counts."""
    for lang, text in TEXTS.items():
        for name, body in text["sms"].items():
            assert not set(body) & set("œŒ…€[]~^|\\"), "would be more"
            assert world.value("select messaging.septets(%s)", body) == len(body) + body.count("{") + body.count("}"), (lang, name)


def words_of(text):
    """Words in capitals that a text tells the reader to send."""
    return set(re.findall(r"\b[A-Z]{4,}\b", re.sub(r"\{\w+\}", "", text))) - {"SMS"}


@pytest.mark.parametrize("lang", FLOW["languages"])
def test_every_word_that_a_text_names_is_understood(world, lang):
    known = {r["word"] for r in world.rows("select word from messaging.keyword")}
    told = set().union(*(words_of(t) for group in ("sms", "screens", "say") for t in TEXTS[lang][group].values()))
    assert len(told) >= 6 and told <= known, told - known


@pytest.mark.parametrize("word, action, lang", [
    ("KANAM", "next", "wo"), ("DAKKAL", "stop", "wo"), ("MAIS", "next", "pt"), ("PARAR", "stop", "pt"), ("AJUDA", "help", "pt"),
    ("ENDELEA", "next", "sw"), ("ACHA", "stop", "sw"), ("MSAADA", "help", "sw"), ("GABA", "next", "ha"), ("DAINA", "stop", "ha"),
    ("TAIMAKO", "help", "ha"), ("HELP", "help", "en"), ("AIDE", "help", "fr"), ("STOP", "stop", None)])
def test_a_first_text_tells_the_language(world, word, action, lang):
    got = world.row("select action, lang from messaging.keyword where word = %s", word)
    assert (got["action"], got["lang"]) == (action, lang)
    world.one("messaging.inbound", "lab", key("+2250701010101"), b"s", 1, "CI", "mtn", word.lower(), "", "", word.encode())
    assert world.value("select u.lang from auth.users u join auth.identity i on i.user_id = u.id where i.lookup = %s",
                       key("+2250701010101")) == (lang or "fr")
