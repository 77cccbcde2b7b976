# SPDX-License-Identifier: Apache-2.0
"""`coko import` on a real database: books nobody here wrote, books that are refused, exit codes."""
import os
import re
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from database import coko_run, sql
from support import COKO, TEST_KEYS, TOP

FOREIGN = [Path(p) for p in subprocess.run(
    "dpkg -L live-manual-epub ubuntu-packaging-guide-epub 2>/dev/null | grep '[.]epub$'", shell=True,
    capture_output=True, text=True, check=False).stdout.split()]

CONTAINER = "<container><rootfiles><rootfile full-path='b.opf'/></rootfiles></container>"


def coko_import(url, *files, env=None):
    return subprocess.run(
        [COKO, "import", *map(str, files)], cwd=TOP, capture_output=True, text=True, check=False,
        env={**os.environ, "DATABASE_URL": url, "COKO_KEYS": TEST_KEYS, **(env or {})})


def books(url):
    return dict(sql(url, "select slug, title from catalog.book"))


def write_text(path, **headers):
    body = headers.pop("body", "# Un\n\nUne phrase. Une autre.\n")
    lines = "".join(f"{k}: {v}\n" for k, v in {"Title": "Un livre", **headers}.items())
    path.write_text(f"{lines}\n{body}")
    return path


def write_epub(path, title="Un livre", pages=("<p>Un.</p>", "<p>Deux.</p>"), missing=()):
    items = "".join(f"<item id='p{i}' href='p{i}.xhtml' media-type='application/xhtml+xml'/>"
                    for i in range(len(pages)))
    refs = "".join(f"<itemref idref='p{i}'/>" for i in range(len(pages)))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("META-INF/container.xml", CONTAINER)
        z.writestr("b.opf", f"<package><metadata xmlns:dc='d'><dc:title>{title}</dc:title>"
                   f"</metadata><manifest>{items}</manifest><spine>{refs}</spine></package>")
        for i, page in enumerate(pages):
            if i not in missing:
                z.writestr(f"p{i}.xhtml", f"<html><body>{page}</body></html>")
    return path


def test_foreign_epubs_import_and_read_well(migrated_db):
    """Issue 2, item 4: the EPUBs of live-manual in every language and the Ubuntu packaging guide."""
    if not FOREIGN:
        pytest.skip("live-manual-epub and ubuntu-packaging-guide-epub are not installed")
    assert len(FOREIGN) >= 5
    before = books(migrated_db)
    with ThreadPoolExecutor(2) as two:
        out = "".join(two.map(lambda half: coko_run("import", *half, url=migrated_db),
                              (FOREIGN[::2], FOREIGN[1::2])))
    assert out.count(": created,") == len(FOREIGN), out
    new = set(books(migrated_db)) - set(before)
    assert len(new) == len(FOREIGN)
    for slug, language, parts in sql(
            migrated_db, "select slug, language, parts from catalog.book where slug = any(%s)",
            [sorted(new)]):
        rows = sql(migrated_db, "select t.body, t.ends, t.septets from catalog.part t"
                   " join catalog.book b on b.id = t.book_id where b.slug = %s order by t.no", [slug])
        text = "\n\n".join(r[0] for r in rows)
        assert parts == len(rows) >= 5 and len(text) > 20000, slug
        assert re.fullmatch("[a-z]{2}", language)
        letters = sum(c.isalpha() for c in text) / sum(not c.isspace() for c in text)
        assert letters > 0.75, (slug, letters)
        for markup in ("</", "<p", "&nbsp;", "&#", "xmlns", "class=\""):
            assert text.count(markup) <= text.count("<") // 2 + 40, (slug, markup)
        numbered = re.findall(r"(?m)^\d+$", text)
        assert len(numbered) < 20, (slug, numbered[:20])
        for body, ends, septets in rows:
            assert ends[-1] == len(body) and ends == sorted(set(ends)) and septets == sorted(septets)
            assert all(b - a <= 450 for a, b in zip([0, *septets], septets)), slug
    again = coko_run("import", *FOREIGN[-2:], url=migrated_db)
    assert again.count(": same,") == 2, again


def test_the_sample_catalogue_is_in_the_template(migrated_db):
    files = list((TOP / "deploy/sample/books").glob("*.txt"))
    have = books(migrated_db)
    assert len(files) >= 12 and {f.stem for f in files} <= set(have)
    rows = sql(migrated_db, "select b.slug, b.author_line, b.summary, b.parts,"
               " json_array_length(b.categories) from catalog.book b where b.slug = any(%s)",
               [[f.stem for f in files]])
    for slug, author, summary, parts, shelves in rows:
        assert author and summary and parts >= 6 and shelves >= 1, slug
    assert coko_run("import", *files, url=migrated_db).count(": same,") == len(files)


def test_a_changed_book_is_replaced_under_its_id(migrated_db, tmp_path):
    book = write_text(tmp_path / "change.txt")
    assert ": created," in coko_run("import", book, url=migrated_db)
    first = sql(migrated_db, "select id, code, version from catalog.book where slug = 'change'")
    write_text(book, body="# Un\n\nAutre chose.\n\n# Deux\n\nEt encore.\n")
    out = coko_run("import", book, url=migrated_db)
    assert ": replaced," in out and "2 parts" in out
    assert sql(migrated_db, "select id, code, version - 1 from catalog.book where slug = 'change'") == first


@pytest.mark.parametrize("name, make, why", [
    ("x.pdf", lambda p: p.write_text("%PDF"), "must end in .epub or .txt"),
    ("no-extension", lambda p: p.write_text("x"), "must end in .epub or .txt"),
    ("missing.epub", lambda p: None, "cannot be opened"),
    ("junk.epub", lambda p: p.write_bytes(b"junk" * 100), "zip"),
    ("empty.txt", lambda p: p.write_text(""), "empty"),
    ("line.txt", lambda p: p.write_text("Title: A\nboo\n\n# x\ny\n"), "line 2"),
    ("half.epub", lambda p: write_epub(p, missing=[1]), "a chapter is missing: p1.xhtml"),
])
def test_a_refused_file_says_why_and_leaves_nothing(migrated_db, tmp_path, name, make, why):
    before = sql(migrated_db, "select count(*), sum(parts) from catalog.book")
    make(tmp_path / name)
    done = coko_import(migrated_db, tmp_path / name)
    assert done.returncode == 1 and f"{name}: refused: " in done.stderr and why in done.stderr, done
    assert sql(migrated_db, "select count(*), sum(parts) from catalog.book") == before


def test_the_good_ones_are_imported_beside_a_broken_one(migrated_db, tmp_path):
    (tmp_path / "b.txt").write_text("broken")
    good = [write_text(tmp_path / "beside-1.txt"), write_epub(tmp_path / "beside-2.epub")]
    done = coko_import(migrated_db, good[0], tmp_path / "b.txt", good[1])
    assert done.returncode == 1 and done.stdout.count(": created,") == 2, done
    assert {"beside-1", "beside-2"} <= set(books(migrated_db))


def test_a_truncated_epub_leaves_nothing(migrated_db, tmp_path):
    whole = write_epub(tmp_path / "w.epub", pages=["<p>Du texte, encore du texte.</p>" * 50] * 8).read_bytes()
    before = books(migrated_db)
    cuts = []
    for i in range(1, 50, 6):
        cuts.append(tmp_path / f"cut-{i}.epub")
        cuts[-1].write_bytes(whole[:len(whole) * i // 50])
    done = coko_import(migrated_db, *cuts)
    assert done.returncode == 1 and done.stderr.count("refused") == len(cuts), done
    assert books(migrated_db) == before


def test_names_without_latin_letters_stay_apart(migrated_db, tmp_path):
    """Two books, and two authors, whose names hold no ASCII letter were one, or a refusal."""
    files = [write_text(tmp_path / f"{name}.txt", Title=name, Author=author)
             for name, author in (("القمر", "طه حسين"), ("الشمس", "نجيب محفوظ"))]
    out = coko_run("import", *files, url=migrated_db)
    assert out.count(": created,") == 2, out
    assert len(sql(migrated_db, "select slug from catalog.book where title in ('القمر', 'الشمس')")) == 2
    assert len(sql(migrated_db, "select slug from catalog.author where name in ('طه حسين', 'نجيب محفوظ')")) == 2
    assert coko_run("import", *files, url=migrated_db).count(": same,") == 2


def test_exit_codes_and_help(migrated_db, tmp_path):
    assert coko_import(migrated_db).returncode == 2
    assert coko_import(migrated_db, "--help").returncode == 0
    done = coko_import("postgresql://nobody@127.0.0.1:1/none", write_text(tmp_path / "a.txt"))
    assert done.returncode == 1 and "cannot connect" in done.stderr
    done = coko_import(migrated_db, tmp_path / "a.txt", env={"COKO_KEYS": ""})
    assert done.returncode == 1 and "keys" in done.stderr


def test_the_readers_command_is_in_no_list(coko_bin):
    assert "read-book" not in subprocess.run([coko_bin, "--help"], capture_output=True, text=True, check=True).stdout
    assert subprocess.run([coko_bin, "read-book"], capture_output=True, check=False).returncode == 2
