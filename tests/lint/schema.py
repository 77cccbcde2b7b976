#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What editors use of JSON Schema, as a check: faults(document, schema) lists "where: what".

A keyword that is not known here is an error of its own, so that a schema never says more than is
checked."""
import re

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
SAYS_NOTHING = {"$schema", "title", "description", "$defs", "type"}


def is_type(value, name):
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def bounds(value, schema):
    size = value if isinstance(value, int) else len(value)
    low = [schema[k] for k in ("minimum", "minLength", "minItems", "minProperties") if k in schema]
    high = [schema[k] for k in ("maximum", "maxLength", "maxItems", "maxProperties") if k in schema]
    return [f"{size} is not in {low or ''}..{high or ''}"] * bool(
        any(size < n for n in low) or any(size > n for n in high))


def of_object(value, schema, root, where):
    found = [f"{where}: {key} is missing" for key in schema.get("required", ()) if key not in value]
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for key, one in value.items():
        here = f"{where}.{key}"
        found += faults(key, schema.get("propertyNames", {}), root, here)
        if key in known:
            found += faults(one, known[key], root, here)
        elif others is False:
            found.append(f"{here}: not a key")
        elif others is not True:
            found += faults(one, others, root, here)
    return found


RULES = {
    "enum": lambda v, s, r, w: [] if v in s["enum"] else [f"{w}: {v!r} is none of {s['enum']}"],
    "pattern": lambda v, s, r, w: [] if re.search(s["pattern"], v) else [f"{w}: {v!r}"],
    "oneOf": lambda v, s, r, w: [] if sum(not faults(v, o, r, w) for o in s["oneOf"]) == 1
    else [f"{w}: not one of {len(s['oneOf'])} forms"],
    "$ref": lambda v, s, r, w: faults(v, r["$defs"][s["$ref"].rsplit("/", 1)[1]], r, w),
    "items": lambda v, s, r, w: [f for i, o in enumerate(v) for f in faults(o, s["items"], r, f"{w}[{i}]")],
}
OBJECT = {"required", "properties", "additionalProperties", "propertyNames"}
BOUNDS = {a + b for a in ("min", "max") for b in ("imum", "Length", "Items", "Properties")}


def faults(value, schema, root=None, where="$"):
    root = root or schema
    unknown = set(schema) - SAYS_NOTHING - set(RULES) - OBJECT - BOUNDS
    assert not unknown, f"{where}: {unknown} is not checked"
    if "type" in schema and not is_type(value, schema["type"]):
        return [f"{where}: not {schema['type']}"]
    found = []
    for key in set(schema) & set(RULES):
        found += RULES[key](value, schema, root, where)
    if set(schema) & OBJECT:
        found += of_object(value, schema, root, where)
    if set(schema) & BOUNDS:
        found += [f"{where}: {what}" for what in bounds(value, schema)]
    return found
