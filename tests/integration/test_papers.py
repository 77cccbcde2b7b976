# SPDX-License-Identifier: Apache-2.0
"""`coko invoice` and `coko royalties`: what is on the paper, read back by another program, and what the lists say."""
import csv
import os
import subprocess

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sqlfixtures import *  # noqa: F401,F403
from sqlworld import key
from support import COKO, TEST_KEYS
from test_sql_invoices import at, papers
from test_sql_refunds import approved, claim, event
from test_sql_royalties import give_back, read

NUMBER = "+2250501020304"


def coko(world, *args, code=0):
    done = subprocess.run([str(COKO), *args], env={**os.environ, "DATABASE_URL": world.url, "COKO_KEYS": TEST_KEYS}, capture_output=True,
                          text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + (done.stderr if code else "")


def page(path):
    """The words of a PDF, as poppler reads them."""
    return subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True).stdout


def dial(world, number=NUMBER):
    """A reader whose number is sealed as the daemon seals it."""
    sub = HKDF(hashes.SHA256(), 32, b"coko", b"seal").derive(bytes.fromhex(TEST_KEYS.split(":")[1]))
    head, nonce = (1).to_bytes(4, "big"), os.urandom(12)
    sealed = head + nonce + AESGCM(sub).encrypt(nonce, number.encode(), head + b"auth.identity")
    return world.one("auth.dial", key(number), sealed, 1, "CI", "mtn", "")


@pytest.fixture
def shop(world):
    at(world, "2026-10-05 10:00+00")
    world.rows("insert into billing.seller values ('CI', '2026-09-01', 'Éditions du lab', E'Abidjan Plateau\\nNCC 0000000 X')")
    return world


def test_an_invoice_and_its_credit_note_on_paper(shop, tmp_path):
    reader = dial(shop)
    charge = shop.buy(reader, "month", 1500)["charge_id"]
    assert "no invoice" in coko(shop, "invoice", "CI-2026-F000001", code=1)
    assert len(papers(shop)) == 1
    coko(shop, "invoice", "CI-2026-F000001", "--pdf", str(tmp_path / "a.pdf"))
    text = page(tmp_path / "a.pdf")
    for words in ("Éditions du lab", "NCC 0000000 X", "Facture CI-2026-F000001", "05/10/2026", "+225 ********04", "Pass mois, 05/10/2026",
                  "1 271 FCFA", "TVA 18 %", "229 FCFA", "1 500 FCFA", "MTN MoMo"):
        assert words in text, f"{words}:\n{text}"
    assert "0501" not in text
    coko(shop, "invoice", "ci-2026-f000001", "--pdf", str(tmp_path / "b.pdf"))
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    approved(shop, charge, 500)
    event(shop, claim(shop), "success", 500, "R77")
    assert len(papers(shop)) == 2
    shop.rows("update auth.users set lang = 'en' where id = %s", reader["user_id"])
    coko(shop, "invoice", "CI-2026-A000001", "--pdf", str(tmp_path / "c.pdf"))
    text = page(tmp_path / "c.pdf")
    for words in ("Avoir CI-2026-A000001", "sur la facture CI-2026-F000001", "-424 FCFA", "-76 FCFA", "-500 FCFA", "R77"):
        assert words in text, f"{words}:\n{text}"
    shop.buy(dial(shop, "+2250505050505"))
    assert len(papers(shop)) == 3
    lines = coko(shop, "invoice", "CI-2026-F000002")
    assert "TTC 100 FCFA" in lines and "+225 ********05" in lines
    assert "no invoice" in coko(shop, "invoice", "CI-2026-F000003", code=1)
    assert "no-such-folder" in coko(shop, "invoice", "CI-2026-F000001", "--pdf", str(tmp_path / "no-such-folder/x"), code=1)
    coko(shop, "invoice", code=2)


def test_a_month_of_royalties_from_the_command(shop):
    reader, book = dial(shop), shop.book("fleuve", title='Le "fleuve", 1', authors=["Fatou, dite Fa"])
    charge = shop.buy(reader, "month", 1500)["charge_id"]
    read(shop, reader, book, 2)
    assert "not_over" in coko(shop, "royalties", "run", "2026-10", "--country", "ci", code=1)
    at(shop, "2026-11-05 10:00+00")
    pot = (1271 - 38) // 2
    assert f"CI ok       pot {pot}, to authors {pot} XOF\n" in coko(shop, "royalties", "run", "2026-10")
    assert f"CI done     pot {pot}, to authors {pot} XOF\n" in coko(shop, "royalties", "run", "2026-10")
    give_back(shop, charge, 1500)
    at(shop, "2026-12-05 10:00+00")
    coko(shop, "royalties", "run", "2026-11", "--country", "CI")
    rows = list(csv.DictReader(coko(shop, "royalties", "show", "2026-11", "--csv").splitlines()))
    assert rows == [{"country": "CI", "author": "fatou-dite-fa", "name": "Fatou, dite Fa", "book": "fleuve", "kind": "refund",
                     "sold_in": "2026-10", "amount": str(-pot), "currency": "XOF"}]
    assert "pool" in coko(shop, "royalties", "show", "2026-10")
    for bad in ("2026-13", "2026-1", "10-2026", "2026-00", ""):
        coko(shop, "royalties", "show", bad, code=2)
    assert "no such country" in coko(shop, "royalties", "run", "2026-10", "--country", "XX", code=1)
