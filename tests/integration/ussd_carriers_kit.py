# SPDX-License-Identifier: Apache-2.0
"""One daemon with every carrier of the lab, for the modules that play all of them.

    from ussd_carriers_kit import carriers  # noqa: F401     the fixture: a Daemon with phone(name)
    welcome(phone), pick(phone, words), NAMES

All carriers are configured for one country, so that one reader's words are expected on each.
"""
import itertools
import sys
import uuid

import pytest
import redis as redis_client

from daemon import Daemon, template_values
from support import TOP, free_port

sys.path.insert(0, str(TOP / "tests/lab"))
from carriers import PHONES  # noqa: E402
from carriers.asynchronous import Asynchronous  # noqa: E402
from carriers.query import AirtelPhone  # noqa: E402
from carriers.script import option  # noqa: E402

CODE = "*384*26#"
# Not played: asynchronous carriers, which have no profile yet, and Nalo: its 120 septets are narrower than
# what the menu is proved for, and the daemon refuses to start.
NAMES = tuple(name for name, phone in PHONES.items()
              if not issubclass(phone, Asynchronous) and name != "nalo")
CREDENTIALS = {"airtel_comviva": {"user": AirtelPhone.userid, "password": AirtelPhone.password},
               "arkesel": {"user": PHONES["arkesel"].user_id}}
numbers = itertools.count(2250708000000)


class Carriers(Daemon):
    def phone(self, name, number=None, **options):
        """A subscriber of his own behind this carrier."""
        return PHONES[name](self.url, "demo", f"+{number or next(numbers)}", CODE, **options)

    def refused(self, reason):
        return self.metric("coko_ussd_refused_total", f'reason="{reason}"')


@pytest.fixture(scope="module")
def carriers(work_dir, migrated_db, redis, coko_bin):
    redis_client.Redis.from_url(redis.url).flushall()
    sections = {f"carrier {name}": {"secret": "demo", "short_code": CODE, "country": "CI",
                                    **CREDENTIALS.get(name, {})} for name in NAMES}
    port = free_port()
    sections["carrier aat"]["url"] = f"http://127.0.0.1:{port}/ussd/aat/demo"
    one = Carriers(work_dir / f"carriers-{uuid.uuid4().hex[:6]}", template_values(migrated_db, redis.url),
                   {"coko": {"workers": 1}, "http": {"listen": f"127.0.0.1:{port}"}, **sections}, wait=False)
    one.port, one.url = port, f"http://127.0.0.1:{port}"
    one.wait_ready(120)
    yield one
    one.stop()


def welcome(phone):
    """From the dial to the home screen, past what only a new reader sees."""
    phone.dial()
    if "Bienvenue" in phone.last or "Welcome" in phone.last:
        phone.send("1")
    return phone


def counted(phone):
    """Whether a hop can be told from the last by more than what is typed: a number, the path, a link."""
    return phone.sequence or phone.whole_path or phone.carrier in (
        "orange_xhtml", "cellcube", "aat", "restcomm", "mtn_comviva")


def pick(phone, *words):
    """Take the option whose label has one of the words. Where nothing counts the hops, the same key twice
    at once is a repetition: a wrong key goes between."""
    key = option(phone, [w.lower() for w in words])
    if not counted(phone) and phone.history[-1][0] == key:
        phone.send("77")
    return phone.send(key)


def turn(phone, key, *words):
    """A navigation key, by its number or by its label where the carrier numbers for itself."""
    return phone.send(key) if phone.can_type(key) else pick(phone, *words)
