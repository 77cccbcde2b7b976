# SPDX-License-Identifier: Apache-2.0
"""Hard case 38: SIGHUP changes a link under its live bind, in every worker, and touches no other link."""
import json
import signal

from daemon import render_ini
from database import coko_run, sql
from support import wait_until
from test_sms_daemon import stats


def links(database):
    return {r["account"]: r for r in json.loads(coko_run("status", "--json", url=database))["links"]}


def logged(one, event, word=""):
    return [r for r in one.log_lines() if r["event"] == event and word in r["msg"]]


def reload(one, config):
    one.ini.write_text(render_ini(one.values, config))
    one.process.signal(signal.SIGHUP)


def test_hard_38_reload_of_window_rate_password_tls_keeps_live_binds(daemon, smsc, migrated_db):
    """Expected: window and rate hold at once on the same bind; a refused link binds as soon as its password is
    right; a certificate that cannot be read changes nothing; what wants a restart is named by each worker."""
    sql(migrated_db, "insert into messaging.account (name) values ('second') on conflict do nothing")
    second = {"host": "127.0.0.1", "port": smsc.port, "system_id": "coko", "sender": "27", "password": "guess"}
    config = {"coko": {"workers": 2}, "link lab": {"window": 5, "rate": 6}, "link second": second}
    one = daemon(config=config, smsc=smsc)
    wait_until(lambda: logged(one, "bind refused"), "the wrong password", 30)
    wait_until(lambda: links(migrated_db)["lab"]["state"] == "bound", "the bind of lab", 30)
    second["password"] = "secret"
    config["link lab"] = {"window": 90, "rate": 77, "sender": "28"}
    config["link third"] = {**second, "account": "lab3"}
    reload(one, config)
    stats(smsc, bound=2)
    wait_until(lambda: (links(migrated_db)["lab"]["window_size"], links(migrated_db)["lab"]["rate_full"]) == (90, 77),
               lambda: f"window and rate: {links(migrated_db)}", 30)
    wait_until(lambda: len(logged(one, "option wants a restart", "key=sender")) == 2, "a word from each worker", 30)
    assert len(logged(one, "link added: wants a restart", "lab3")) == 2
    second.update(tls="yes", ca_file="/nonexistent.pem")
    reload(one, config)
    wait_until(lambda: len(logged(one, "link not reloaded")) == 2, "the certificate to be refused", 30)
    assert not logged(one, "bind down") and stats(smsc)["bound"] == 2
    assert stats(smsc)["binds"] == 2, "nobody was bound a second time"


def test_38_reload_of_the_number_of_binds_keeps_the_others(daemon, smsc, migrated_db):
    """Option binds: more are opened, what is too many says goodbye, those that stay are not touched; each has its row and figures."""
    link = {"binds": 1}
    config = {"link lab": link}
    one = daemon(config=config, smsc=smsc)
    stats(smsc, bound=1)
    first = ids(smsc)
    link["binds"] = 3
    reload(one, config)
    stats(smsc, bound=3)
    assert first < ids(smsc)
    wait_until(lambda: sorted(b for b in names(migrated_db) if b) == ["lab", "lab#2", "lab#3"], lambda: f"{names(migrated_db)}", 20)
    wait_until(lambda: one.metric("coko_smpp_bind_up", "lab#3") == 1, "the figures of the third", 20)
    link["binds"] = 2
    reload(one, config)
    wait_until(lambda: stats(smsc)["bound"] == 2, "the third to leave", 20)
    assert first < ids(smsc) and stats(smsc)["unbinds"] == 1 and stats(smsc)["binds"] == 3
    wait_until(lambda: sorted(b for b in names(migrated_db) if b) == ["lab", "lab#2"], lambda: f"{names(migrated_db)}", 20)


def ids(smsc):
    return {link["id"] for link in smsc.control("GET", "/links")["links"]}


def names(database):
    return [r["bind"] for r in json.loads(coko_run("status", "--json", url=database))["links"] if r["account"] == "lab"]
