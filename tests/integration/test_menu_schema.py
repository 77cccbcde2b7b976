# SPDX-License-Identifier: Apache-2.0
"""menus/flow.schema.json is what editors go by: the service's flow is valid by it, what the language has is in it, and what
`coko menus check` refuses for its form, it refuses too."""

import copy
import json
import pathlib

import jsonschema
import pytest

MENUS = pathlib.Path(__file__).resolve().parents[2] / "menus"
FLOW = json.loads((MENUS / "coko" / "flow.json").read_text())
SCHEMA = json.loads((MENUS / "flow.schema.json").read_text())

SCREENS = {
    "amount": {"type": "input", "text": "t", "var": "v", "kind": "amount", "currency": "XOF", "min": 100, "to": "home"},
    "date": {"type": "input", "text": "t", "var": "v", "kind": "date", "earliest": "1920-01-01", "latest": "{today}", "to": "home"},
    "pin": {"type": "input", "text": "t", "var": "v", "kind": "pin", "digits": 4, "to": "check"},
    "sub": {"type": "sub", "flow": "ask", "with": {"q": "x"}, "var": "v", "on": {"1..9": "home"}, "else": "@again"},
    "strict": {"type": "menu", "text": "t", "safety": "sensitive", "options": [{"text": "t", "to": "@return"}]},
}
HEAD = {
    "currencies": {"XOF": 0, "GHS": 2},
    "variations": {"CI": {"var": "country", "is": "CI|SN"}},
    "experiments": {"order": {"var": "x", "by": "hash", "variants": {"a": 1, "b": 1}}},
    "subflows": {"ask": {"start": "sub", "params": ["q"], "result": "found"}},
}
BROKEN = [
    ("amount", "currency", None), ("date", "latest", None), ("pin", "digits", None), ("pin", "digits", 3), ("pin", "kind", "secret"),
    ("sub", "flow", None), ("sub", "else", None), ("strict", "safety", "safe"), ("strict", "walk", False), ("sub", "with", {"q": 1}),
]


def faults(flow):
    return list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(flow))


def full():
    flow = copy.deepcopy(FLOW)
    flow.update(copy.deepcopy(HEAD))
    flow["screens"].update(copy.deepcopy(SCREENS))
    return flow


def test_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_service_is_valid():
    assert faults(FLOW) == []


def test_language_is_valid():
    assert faults(full()) == []


@pytest.mark.parametrize("screen,key,value", BROKEN)
def test_broken_screen_is_refused(screen, key, value):
    flow = full()
    if value is None:
        del flow["screens"][screen][key]
    else:
        flow["screens"][screen][key] = value
    assert faults(flow)


@pytest.mark.parametrize("key,value", [
    ("currencies", {"XOF": 4}), ("variations", {"CI": {"is": "CI"}}), ("subflows", {"ask": {"result": "found"}}),
    ("experiments", {"order": {"var": "x", "by": "hash", "variants": {"a": 1}}}), ("experiment", {}),
])
def test_broken_head_is_refused(key, value):
    flow = full()
    flow[key] = value
    assert faults(flow)
