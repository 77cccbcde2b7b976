# SPDX-License-Identifier: Apache-2.0
"""The ordinary suite of the outbox against a message centre made of npm "smpp", whose codec nobody here wrote."""
import pytest

from lab_fixtures import NodeLab
from smsworld import NUMBER, Sms
from sqlfixtures import sql_server  # noqa: F401
from support import wait_until

OTHER = "+2250505060708"


@pytest.fixture
def npm(sql_server, work_dir, request):  # noqa: F811
    folder = work_dir / request.node.name.replace("[", "-").replace("]", "")
    folder.mkdir(parents=True, exist_ok=True)
    server = NodeLab("smpp_server.js", folder / "npm-smsc.log", "--port", "0", "--control-port", "0")
    made = Sms(folder, sql_server.database("sms"), server)
    try:
        yield made
        assert made.stats()["errors"] == 0, made.stats()
    finally:
        try:
            made.end()
        finally:
            assert server.stop() == 0


def read(text):
    return " ".join(text.split())


def body(npm, message):
    return npm.world.value("select body from messaging.message where id = %s", message)


@pytest.mark.parametrize("concat", ["udh8", "udh16", "sar", "payload"])
def test_a_chapter_is_whole_with_a_receipt_on_each_part(npm, concat):
    made = npm.chapter(npm.reader(), npm.world.book())
    text = body(npm, made["message_id"])
    npm.room(concat=concat)
    npm.wait_state(made["message_id"], "delivered")
    (got,) = npm.texts()
    assert read(got["text"]) == read(text) and got["from"] == "2626"
    assert {p["registered_delivery"] for p in got["parts"]} == {1}
    wait_until(lambda: [p["receipts"] for p in npm.parts()] == [1] * got["total"], "an answer to each receipt")
    assert npm.stats()["duplicate_texts"] == 0


def test_letters_that_are_not_in_gsm_and_pairs_arrive(npm):
    message = npm.notice(npm.reader())
    text = "Ɗan ƙasa ya karanta littafi 📖 da dare. " * 6
    npm.world.rows("update messaging.message set body = %s, fold = 'keep' where id = %s", text, message)
    npm.room()
    npm.wait_state(message, "delivered")
    (got,) = npm.texts()
    assert read(got["text"]) == read(text) and got["data_coding"] == 8 and got["total"] > 1


def test_what_a_reader_types_is_answered_and_stop_is_the_end(npm):
    reader, book = npm.reader(), npm.world.book()
    first = npm.chapter(reader, book)
    npm.room()
    npm.wait_state(first["message_id"], "delivered")
    assert npm.type("SUITE") == [0]
    assert len(npm.texts(count=2)) == 2
    assert npm.type("AIDE " + "s'il vous plaît " * 20) == [0] * 5  # parts in UCS-2
    assert len(npm.texts(count=3)) == 3
    assert npm.type("ARRÊT") == [0]
    assert npm.texts(contains="recevrez")
    wait_until(lambda: not npm.world.rows("select 1 from messaging.message where state in ('queued', 'sending')"), "all to end")
    assert "recevrez" in npm.parts()[-1]["text"], "nothing after the confirmation (M3)"


def test_a_link_cut_in_the_middle_repeats_nothing(npm):
    made = [npm.chapter(npm.reader(n), npm.world.book()) for n in (NUMBER, OTHER)]
    npm.room(window=1, rate=20, burst=1)
    npm.stats(accepted=3)
    npm.smsc.control("POST", "/kick")
    npm.stats(accepted=9, binds=2)
    wait_until(lambda: not npm.world.rows("select 1 from messaging.message where state in ('queued', 'sending', 'accepted')"), "all to end")
    npm.world.later("6 minutes")
    npm.world.call("messaging.match_orphans", "lab", 100)
    assert npm.stats()["duplicate_texts"] == 0 and npm.stats()["accepted"] <= 10
    assert {npm.state(m["message_id"]) for m in made} <= {"delivered", "unknown"}


def test_kill_9_in_the_middle_repeats_nothing(npm):
    made = [npm.chapter(npm.reader(n), npm.world.book()) for n in (NUMBER, OTHER)]
    npm.room(window=1, rate=10, burst=1, lease="2s")
    npm.stats(accepted=3)
    npm.rooms[0].kill()
    npm.room("b:0", lease="2s")
    wait_until(lambda: not npm.world.rows("select 1 from messaging.message where state in ('queued', 'sending', 'accepted')"), "all to end", 30)
    assert npm.stats()["duplicate_texts"] == 0 and npm.stats()["accepted"] <= 10
    assert {npm.state(m["message_id"]) for m in made} <= {"delivered", "unknown"}


def test_an_idle_bind_is_probed_and_ends_with_unbind(npm):
    room = npm.room(enquire_link="100ms")
    npm.stats(enquire_links=3)
    assert npm.stats()["binds"] == 1
    assert room.stop(timeout=30) == 0
    assert npm.stats(unbinds=1)["unbinds"] == 1


def test_a_transmitter_and_a_receiver_share_the_outbox(npm):
    made = npm.chapter(npm.reader(), npm.world.book())
    npm.room(mode="transmitter")
    npm.stats(bound=2)
    npm.wait_state(made["message_id"], "delivered")
    assert npm.type("AIDE") == [0]
    assert len(npm.texts(count=2)) == 2
