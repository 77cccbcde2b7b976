# SPDX-License-Identifier: Apache-2.0
"""The dialects of USSD over SMPP, all on one daemon with a bind each: the plays of a carrier over HTTP (ussd_plays.py),
each submit_sm judged field by field against what is written down here once more."""
import json
import re
import sys
import uuid

import pytest
import redis as redis_client

from daemon import Daemon, template_values
from support import TOP, Lab, wait_until
from ussd_plays import played

sys.path.insert(0, str(TOP / "tests/lab"))
import smpp_codec as codec  # noqa: E402
from ussd_smpp import DIALECTS, INFO, OP, OPS, TYPES, SmppPhone  # noqa: E402

CODE = "*384*26#"
NAMES = [f"smpp_{dialect}" for dialect in DIALECTS]
NUMBERS = iter(range(2250707000000, 2250708000000))


@pytest.fixture(scope="module")
def centre(work_dir, coko_bin):
    """One message centre with an account for each dialect."""
    accounts = [part for name in NAMES for part in ("--account", f"{name}:secret")]
    one = Lab("smsc.py", work_dir / f"smsc-{uuid.uuid4().hex[:6]}.log", "--port", "0", "--control-port", "0", *accounts)
    yield one
    one.stop()


@pytest.fixture(scope="module")
def coko(work_dir, migrated_db, redis, centre):
    """The shipped profiles, but for a deadline that a busy machine keeps."""
    redis_client.Redis.from_url(redis.url).flushall()
    folder = work_dir / f"dialects-{uuid.uuid4().hex[:6]}"
    own = folder / "profiles"
    own.mkdir(parents=True)
    config = {"coko": {"workers": 1, "profiles_dir": own}}
    for name in NAMES:
        profile = json.loads((TOP / f"gateway/ussd/profiles/{name}.json").read_text())
        (own / f"{name}.json").write_text(json.dumps({**profile, "deadline_ms": 4500}))
        config[f"link {name}"] = {"host": "127.0.0.1", "port": centre.port, "system_id": name, "password": "secret",
                                  "sender": "26", "retry": "200ms"}
        config[f"carrier {name}"] = {"link": name, "short_code": CODE, "country": "CI"}
    one = Daemon(folder, template_values(migrated_db, redis.url, centre), config)
    centre.control("GET", f"/stats?wait_ms=30000&bound={len(NAMES) + 1}")
    yield one
    one.stop()


class Phone(SmppPhone):
    """Of a dialect's own account; each reply is the submit_sm that is written down for it."""

    def __init__(self, centre, name, number=None):
        super().__init__(centre.control, f"+{number or next(NUMBERS)}", name.removeprefix("smpp_"), CODE)
        self.account = name

    def deliver(self, kind, text="", tlvs=None, **more):
        return super().deliver(kind, text, tlvs, account=self.account, **more)

    def twice(self, kind, text):
        """One delivery in two deliver_sm that come together."""
        op = {} if not self.dialect["at"] else {OP: OPS[kind], self.dialect["at"]: self.session}
        tlvs = [(int(tag, 16), bytes.fromhex(value)) for tag, value in op.items()]
        pdus = b"".join(codec.build_sm(
            codec.DELIVER_SM, 0x20000 + n, src=self.number[1:].encode(), dst=CODE.encode(), message=text.encode(),
            src_ton=1, src_npi=1, service_type=b"USSD" if op else TYPES[kind].encode(), tlvs=tlvs) for n in (1, 2))
        assert self.control("POST", "/raw", {"hex": pdus.hex(), "account": self.account}) == {"links": 1}

    def judge(self, part):
        screen = super().judge(part)
        at, end = self.dialect["at"], self.ended
        session = f"{int(self.session, 16) | (end and self.dialect['end_bit']):04x}"
        said = self.dialect["close" if end else "ask"]
        want = {"service_type": "USSD" if at else said, "tlvs": {OP: said, at: session} if at else {},
                "esm_class": 0, "data_coding": 0, "registered_delivery": 0, "validity": "", "udh": "", "defects": [],
                "from": CODE, "to": self.number[1:], "to_ton": 1}
        assert {field: part[field] for field in want} == want
        assert part["octets"] == len(screen) + len(re.findall(r"[\^{}\[\]~|€\\]", screen))
        return screen

    def pick(self, word):
        for line in self.last.splitlines():
            key, _, label = line.partition(" ")
            if key.isdigit() and word in label.lower():
                return self.send(key)
        raise AssertionError(f"no option with {word!r} in:\n{self.last}")


def home_of(centre, name):
    phone = Phone(centre, name)
    assert "Bienvenue" in phone.dial() and not phone.ended
    phone.send("1")
    return phone


def metric(coko, family, name, label):
    return coko.metric(f"coko_ussd_talk_{family}_total", f'carrier="{name}",{label}')


@played(NAMES, "begin", "continue", "bad choice", "more", "home", "back", "end")
def test_a_dialogue_from_begin_to_end(coko, centre, name):
    phone = home_of(centre, name)
    home = phone.last
    assert "Decouvrir" in home or "Découvrir" in home
    discover = phone.pick("couvrir")
    wrong = phone.send("77")
    assert discover.splitlines()[-1] in wrong and wrong != discover and not phone.ended
    first = phone.pick("nouveau")
    assert phone.send("98") not in (first, home) and not phone.ended
    assert phone.send("00") == home
    phone.pick("couvrir")
    assert phone.send("0") == home
    nobody = Phone(centre, name, 12 + NAMES.index(name))   # a number that no network has
    nobody.dial()
    assert nobody.ended and "plus tard" in nobody.last
    assert metric(coko, "replies", name, 'result="refused"') == 0


@played(NAMES, "long dial")
def test_a_long_dial_walks(coko, centre, name):
    phone = home_of(centre, name)
    again = Phone(centre, name, phone.number[1:])
    again.after = phone.after
    assert re.search(r"\d+ ép", again.dial("*384*26*201#")) and not again.ended
    again.pick("sum")
    assert not again.ended


@played(NAMES, "notice")
def test_an_abort_is_taken_without_an_answer_and_keeps_the_place(coko, centre, name):
    phone = home_of(centre, name)
    phone.pick("couvrir")
    place = phone.pick("nouveau")
    assert phone.hang_up() == [0]
    assert not phone.parts(), "nothing is said to who left"
    again = Phone(centre, name, phone.number[1:])
    again.after = phone.after
    assert "1 Oui, reprendre" in again.dial()
    assert again.send("1") == place


@played(NAMES, "duplicate")
def test_a_duplicate_is_one_step(coko, centre, name):
    """Both together, so that no pause of the machine parts them by the second and a half that makes a new key."""
    phone = home_of(centre, name)
    before = metric(coko, "heard", name, 'what="repeated"')
    home = phone.last
    phone.twice("answer", next(line.split()[0] for line in home.splitlines() if "Aide" in line))
    assert phone.reply() != home and not phone.ended
    wait_until(lambda: metric(coko, "heard", name, 'what="repeated"') == before + 1, "the second known again")
    assert not phone.parts(), "one connection: one reply"
    assert phone.send("0") == home, "one step down, not two"
