# SPDX-License-Identifier: Apache-2.0
"""Letters that the alphabet of phones lacks, from `coko import` to the handset: the book's rule, the route's tables, the parts counted."""
import pytest

from database import coko_run
from smsworld import sms  # noqa: F401
from sqlfixtures import sql_server  # noqa: F401

WORDS = "O Rui \u00ea a \u00e1gua e a m\u00e3o n\u00e3o v\u00ea o p\u00e3o. "
LONG = "Um dia mais sem nada de novo na rua, e ela vai. "


@pytest.fixture
def book(sms, work_dir):  # noqa: F811
    """Imports a text under a rule; the id of the book."""
    def make(rule, text):
        path = work_dir / f"{sms.folder.name[:40]}.txt"
        path.write_text(f"Title: Livro\nLanguage: pt\nSlug: livro\n\n# \n{text}\n")
        assert "created" in coko_run("import", path, url=sms.url)
        assert coko_run("book", "fold", "livro", rule, url=sms.url).strip() == f"livro: {rule}"
        return sms.world.value("select id from catalog.book where slug = 'livro'")
    return make


def received(sms, book, **room):  # noqa: F811
    """(what the reader's phone shows, alphabet, parts sent, parts counted) of the first instalment."""
    made = sms.chapter(sms.reader(), book)
    sms.room(**room)
    sms.wait_state(made["message_id"], "delivered")
    (text,) = sms.texts()
    assert not text["defects"]
    return text["text"], text["encoding"], text["total"], made["segments"]


@pytest.mark.parametrize("rule, room, encoding, kept", [
    ("keep", {}, "ucs2", True),
    ("cheap", {}, "gsm7", False),
    ("always", {"tables": "portuguese"}, "gsm7", False),
    ("keep", {"tables": "portuguese"}, "gsm7", True),
    ("cheap", {"encoding": "auto"}, "gsm7", False),  # hard case 29, though the link would send UCS-2
])
def test_a_long_instalment_by_its_rule(sms, book, rule, room, encoding, kept):  # noqa: F811
    shown, alphabet, sent, counted = received(sms, book(rule, (WORDS + LONG) * 12), **room)
    assert alphabet == encoding
    assert ("\u00ea a \u00e1gua e a m\u00e3o n\u00e3o v\u00ea o p\u00e3o" in shown) == kept, shown
    assert sent <= counted <= 5
    if not kept or alphabet == "ucs2":
        assert sent == counted  # measured as it is sent; a table makes it cheaper than counted


def test_signs_alone_do_not_cost_a_kept_book(sms, book):  # noqa: F811
    shown, alphabet, sent, counted = received(sms, book("keep", "\u201cVem\u201d, diz ela\u2026 \u2014 " + LONG * 20))
    assert (alphabet, sent) == ("gsm7", counted) and shown.startswith('"Vem", diz ela... - Um')


def test_what_has_no_counterpart_is_counted_in_ucs2(sms, book):  # noqa: F811
    shown, alphabet, sent, counted = received(sms, book("always", "\u65e5\u672c \U0001f600. " + LONG * 20))
    assert (alphabet, sent) == ("ucs2", counted) and shown.startswith("\u65e5\u672c \U0001f600. Um")


def test_deliveries_of_the_book_for_its_author(sms, book):  # noqa: F811
    made = book("cheap", WORDS * 10)
    received(sms, made)
    lines = coko_run("book", "deliveries", "livro", url=sms.url).splitlines()
    assert [line.split() for line in lines[1:]] == [["1", "delivered", "1", lines[1].split()[3]]]
