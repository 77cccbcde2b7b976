# SPDX-License-Identifier: Apache-2.0
"""One daemon with every carrier of the lab, for the modules that play all of them.

    from ussd_carriers_kit import carriers  # noqa: F401     the fixture: a Daemon with phone(name)
    pick(phone, words), NAMES, POSTED (those that are answered by a call of ours)

All carriers are configured for one country, so that one reader's words are expected on each.
"""
import itertools
import json
import sys
import uuid

import pytest
import redis as redis_client

from daemon import Daemon, template_values
from support import TOP, free_port

sys.path.insert(0, str(TOP / "tests/lab"))
from carriers import PHONES  # noqa: E402
from carriers.asynchronous import Asynchronous, Gateway, HuaweiPhone  # noqa: E402
from carriers.pushing import PushGateway  # noqa: E402
from carriers.query import AirtelPhone  # noqa: E402
from carriers.script import option  # noqa: E402

CODE = "*384*26#"
NAMES = tuple(PHONES)
POSTED = tuple(name for name, phone in PHONES.items() if issubclass(phone, Asynchronous))
CREDENTIALS = {"airtel_comviva": {"user": AirtelPhone.userid, "password": AirtelPhone.password},
               "arkesel": {"user": PHONES["arkesel"].user_id},
               "nalo": {"user": PHONES["nalo"].user_id},
               "huawei": {"user": HuaweiPhone.rev_id, "password": HuaweiPhone.rev_password,
                          "send_user": HuaweiPhone.sp_id, "send_password": HuaweiPhone.sp_password},
               "integrat": {"send_user": "coko", "send_password": "integrat-password"}}
KEYED = "mtn_madapi_key"   # its pushes bring no token: no phone is behind it
CLIENT = ("coko-client", "client&secret=1")
numbers = itertools.count(2250708000000)


class Carriers(Daemon):
    gateways = {}   # by carrier: where what is posted or pushed arrives

    def phone(self, name, number=None, **options):
        """A subscriber of his own behind this carrier."""
        if name in self.gateways:
            options.setdefault("gateway", self.gateways[name])
        return PHONES[name](self.url, "demo", f"+{number or next(numbers)}", CODE, **options)

    def refused(self, reason):
        return self.metric("coko_ussd_refused_total", f'reason="{reason}"')


def patient(folder):
    """The shipped profiles, but for times that a busy machine keeps: our deadline, and how long a message that nothing numbers is
    known again."""
    folder.mkdir(parents=True)
    for name in NAMES:
        profile = json.loads((TOP / f"gateway/ussd/profiles/{name}.json").read_text())
        profile["deadline_ms"] = 4500
        if profile.get("step") == "message":
            profile["repeat_ms"] = 15000
        (folder / f"{name}.json").write_text(json.dumps(profile))
    (folder / f"{KEYED}.json").write_text(json.dumps(json.loads((folder / "mtn_madapi.json").read_text()) | {"name": KEYED}))
    return folder


@pytest.fixture(scope="module")
def carriers(work_dir, migrated_db, redis, coko_bin):
    redis_client.Redis.from_url(redis.url).flushall()
    sections = {f"carrier {name}": {"secret": "demo", "short_code": CODE, "country": "CI",
                                    **CREDENTIALS.get(name, {})} for name in NAMES}
    port = free_port()
    gateways = {name: Gateway(PHONES[name].confirmation) for name in POSTED}
    gateways["mtn_madapi"], gateways[KEYED] = PushGateway(client=CLIENT), PushGateway()
    rings = {"send_password": PushGateway.key, "ring_most": 4}
    sections["carrier mtn_madapi"].update(rings, token_url=gateways["mtn_madapi"].token_url, client_id=CLIENT[0],
                                          client_secret=CLIENT[1])
    sections[f"carrier {KEYED}"] = {"secret": "demo", "short_code": CODE, "country": "CI", **rings}
    for name, gateway in gateways.items():
        sections[f"carrier {name}"]["send_url"] = gateway.url
    sections["carrier cellulant"]["networks"] = "127.0.0.1"
    sections["carrier aat"]["url"] = f"http://127.0.0.1:{port}/ussd/aat/demo"
    folder = work_dir / f"carriers-{uuid.uuid4().hex[:6]}"
    one = Carriers(folder, template_values(migrated_db, redis.url),
                   {"coko": {"workers": 1, "profiles_dir": patient(folder / "profiles")}, "http": {"listen": f"127.0.0.1:{port}"}, **sections}, wait=False)
    one.port, one.url, one.gateways = port, f"http://127.0.0.1:{port}", gateways
    one.wait_ready(120)
    yield one
    one.stop()
    for gateway in gateways.values():
        gateway.close()


def pick(phone, *words):
    """Take the option whose label has one of the words. Where nothing counts the hops, the same key twice
    at once is a repetition: a wrong key goes between."""
    return apart(phone, option(phone, [w.lower() for w in words]))


def apart(phone, key):
    if not phone.tells_hops_apart and phone.history[-1][0] == key:
        phone.send("77")
    return phone.send(key)


def turn(phone, key, *words):
    """A navigation key, by its number or by its label where the carrier numbers for itself."""
    return apart(phone, key) if phone.can_type(key) else pick(phone, *words)
