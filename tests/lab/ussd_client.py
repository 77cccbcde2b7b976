#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Phones behind the USSD gateways of 27 carriers (the folder carriers), as a module and a program.

A phone dials, sends and repeats in its carrier's exact wire format, and every reply is judged by
that carrier's rules: Nonconformity is raised when the carrier would have dropped the session.
Use from a test:  phone = AtPhone(url, "demo", "+2250500000001"); phone.dial("*384*26#");
phone.send("1"); assert "Prix" in phone.last; phone.ended. As a program: see --help or README.md.
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from carriers import PHONES  # noqa: E402
from carriers.base import Call, Nonconformity, Phone, Reply, at_once  # noqa: E402
from carriers.con_end import AtPhone  # noqa: E402
from carriers.jsons import HubtelPhone  # noqa: E402
from carriers.script import ScriptFault, run  # noqa: E402

__all__ = ["PHONES", "AtPhone", "Call", "HubtelPhone", "Nonconformity", "Phone", "Reply", "ScriptFault",
           "at_once", "run"]


def show(phone):
    print(phone.last)
    print(f"--- {'END' if phone.ended else 'CON'} hop {phone.hops} "
          f"{phone.last_reply.seconds * 1000:.0f} ms", flush=True)


def walk(phone, code, inputs):
    phone.dial(code)
    show(phone)
    for text in inputs or (line.rstrip("\n") for line in sys.stdin):
        if phone.ended:
            break
        phone.send(text)
        show(phone)


def main(argv=None):
    parser = argparse.ArgumentParser(description="dial a USSD service as a carrier would")
    parser.add_argument("--base", default=os.environ.get("COKO_URL", "http://127.0.0.1:8080"))
    parser.add_argument("--carrier", choices=sorted(PHONES), default="africastalking")
    parser.add_argument("--secret", default="demo")
    parser.add_argument("--msisdn", help="default: a number of the carrier's country")
    parser.add_argument("--service-code", default="*384*26#")
    parser.add_argument("--dial", help="default: the service code")
    parser.add_argument("--script", help="a .dial file to play; prints the transcript")
    parser.add_argument("inputs", nargs="*", help="none: type them, one a line")
    args = parser.parse_args(argv)
    kind = PHONES[args.carrier]
    phone = kind(args.base, args.secret, args.msisdn or kind.number, args.service_code)
    try:
        if args.script:
            with open(args.script, encoding="utf-8") as script:
                print(run(phone, script.read()), end="")
        else:
            walk(phone, args.dial, args.inputs)
    except (Nonconformity, ScriptFault) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{phone.url}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
