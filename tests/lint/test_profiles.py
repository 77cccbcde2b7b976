# SPDX-License-Identifier: Apache-2.0
"""gateway/ussd/profile.schema.json, which editors read, agrees with the shipped profiles."""
import json

import pytest

from schema import faults
from source import TOP

FOLDER = TOP / "gateway/ussd"
SCHEMA = json.loads((FOLDER / "profile.schema.json").read_text())
PROFILES = sorted((FOLDER / "profiles").glob("*.json"))
GOOD = json.loads((FOLDER / "profiles/beem.json").read_text())


@pytest.mark.parametrize("path", PROFILES, ids=lambda p: p.stem)
def test_a_profile_is_of_the_schema(path):
    profile = json.loads(path.read_text())
    assert faults(profile, SCHEMA) == []
    assert profile["name"] == path.stem


@pytest.mark.parametrize("change", [
    {"colour": "red"}, {"body": "smpp"}, {"name": "Beem"}, {"limit": 20}, {"limit": "160"}, {"step": "guess"},
    {"kinds": {"initiate": "start"}}, {"kinds": []}, {"fields": {"session": "s"}}, {"method": "PUT"},
    {"reply": {"type": "text/plain", "continue": "$text", "end": "$text"}}, {"test": {"network": ["1"]}},
    {"fields": {**GOOD["fields"], "session": []}}, {"one_start": "yes"}, {"echo": {"A": "b"}}])
def test_what_the_loader_refuses_the_schema_refuses(change):
    assert faults({**GOOD, **change}, SCHEMA)


def test_every_key_of_the_loader_is_in_the_schema():
    text = (FOLDER / "profile_load.c").read_text()
    keys = text.split("known_keys[] = {")[1].split("}")[0].replace('"', "").replace(",", " ").split()
    assert set(keys) == set(SCHEMA["properties"])
