# SPDX-License-Identifier: Apache-2.0
"""Hard case 37: SIGHUP while readers stand in the menu. New dialogues get the new menu, the others go on
with theirs; a broken menu changes nothing and says why."""
import json
import shutil
import signal
import sys

import pytest

from support import TOP, wait_until
from ussdkit import ask_of, dial_home, pick

sys.path.insert(0, str(TOP / "tests/lab"))
from ussd_client import AtPhone  # noqa: E402


class Menus:
    """The service's own files in a folder of the test's, to be changed under the daemon."""

    def __init__(self, folder):
        self.data = folder
        for name in ("api", "gateway", "deploy"):
            (folder / name).symlink_to(TOP / name)
        (folder / "menus").mkdir()
        shutil.copytree(TOP / "menus/coko", folder / "menus/coko")
        self.flow = folder / "menus/coko/flow.json"
        self.fr = folder / "menus/coko/text/fr.json"

    def title(self, word):
        """Home begins with this word from now on."""
        text = json.loads(self.fr.read_text())
        text["screens"]["home"] = word
        self.fr.write_text(json.dumps(text))


@pytest.fixture
def menus(tmp_path):
    return Menus(tmp_path)


@pytest.fixture
def coko(daemon, menus):
    return daemon(config={"coko": {"workers": 2, "data_dir": menus.data}})


def reload(coko, result, times):
    """SIGHUP, until each of the two workers has counted it."""
    coko.process.signal(signal.SIGHUP)
    wait_until(lambda: coko.metric("coko_ussd_menu_reloads_total", f'result="{result}"') == 2 * times,
               f"{result} {times} times by both workers", 30)


def title_of(coko, n):
    phone = AtPhone(coko.url, "demo", f"+22507000014{n:02d}")
    dial_home(phone)
    phone.send("00")
    return phone.last.split("\n")[0]


def test_37_a_dialogue_goes_on_with_the_menu_it_began_with(coko, menus):
    old = AtPhone(coko.url, "demo", "+2250700001401")
    dial_home(old)
    old.send("00")
    before = old.last.split("\n")[0]
    menus.title("Nouveau menu")
    reload(coko, "taken", 1)
    assert title_of(coko, 2) == "Nouveau menu"
    for _hop in range(4):  # whichever worker gets it
        pick(old, "Aide")
        assert old.send("0").split("\n")[0] == before, "the version that the dialogue began with"
    pick(old, "couvrir")
    old.send("1")
    old.send("1")
    card = old.last
    dropped = AtPhone(coko.url, "demo", "+2250700001401")
    dropped.dial()
    assert ask_of(dropped)
    assert dropped.send("1") == card, "and so does its resumption"
    assert dropped.send("00").split("\n")[0] == before
    assert dial_home(dropped).split("\n")[0] == "Nouveau menu", "anew is new"
    assert coko.metric("coko_ussd_states_refused_total") == 0


def test_37_a_broken_menu_is_refused_with_all_its_faults(coko, menus):
    phone = AtPhone(coko.url, "demo", "+2250700001403")
    dial_home(phone)
    before, whole = title_of(coko, 4), menus.flow.read_text()
    menus.flow.write_text(whole.replace('"to": "discover"', '"to": "nowhere"').replace('"label_max": 24', '"label_max": 2'))
    reload(coko, "refused", 1)
    told = [r["msg"] for r in coko.log_lines() if r["event"] == "menu fault"]
    assert sum("nowhere" in line for line in told) >= 4 and any("whole number" in line for line in told), told
    menus.flow.write_text("{")
    reload(coko, "refused", 2)
    menus.flow.write_text(whole.replace('{"charset": "gsm7", "max": 160},', "").replace('{"charset": "gsm7", "max": 182},', ""))
    reload(coko, "refused", 3)
    assert any("S6" in r["msg"] for r in coko.log_lines() if r["event"].startswith("menu not reloaded"))
    assert title_of(coko, 5) == before
    pick(phone, "Aide")
    assert not phone.ended
    menus.flow.write_text(whole)
    coko.process.signal(signal.SIGHUP)  # the same as is loaded: nothing to take
    menus.title("Enfin")
    reload(coko, "taken", 1)
    assert title_of(coko, 6) == "Enfin"


def test_37_old_menus_are_kept_up_to_a_bound(coko, menus):
    phones = []
    for version in range(6):
        if version:
            menus.title(f"Menu {version}")
            reload(coko, "taken", version)
        phones.append(AtPhone(coko.url, "demo", f"+22507000014{10 + version}"))
        dial_home(phones[-1])
        pick(phones[-1], "Aide")
    assert coko.metric("coko_ussd_menu_generations") == 2 * 4
    titles = [phone.send("00").split("\n")[0] for phone in phones]
    assert titles[3:] == ["Menu 3", "Menu 4", "Menu 5"] and titles[2] == "Menu 2"
    assert titles[:2] == ["Menu 5"] * 2, "their version is gone: they begin anew, and no error"
    menus.title("Menu 4")
    reload(coko, "taken", 6)
    assert title_of(coko, 30) == "Menu 4", "one that comes back"
    assert coko.metric("coko_ussd_menu_generations") == 2 * 4
