#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A message centre for tests: SMPP 3.4 server with receipts, an inbox to ask, and faults on order.

Smsc holds accounts, store, faults and the one heap of planned receipts. smsc_link speaks SMPP,
smsc_store keeps what arrived, smsc_faults what shall go wrong, smsc_receipt writes receipts,
smsc_control is the HTTP JSON API. See README.md for flags, control API and faults. This program
shares no code with the daemon it judges.
"""

import argparse
import asyncio
import heapq
import itertools
import json
import ssl
import sys
import time
from collections import Counter

import lab_http
import smpp_codec as codec
from lab_http import HttpError
from smsc_control import Control
from smsc_faults import Faults
from smsc_link import MAX_QUEUE, Account, Delivery, Link
from smsc_receipt import form_id, receipt_pdu
from smsc_store import Store, digits

COUNTERS = ("connections", "bind_attempts", "binds", "binds_refused", "unbinds", "enquire_links",
            "submits", "accepted", "refused", "dropped_responses", "receipts", "dropped_receipts",
            "mo", "deliver_sent", "deliver_acked", "deliver_refused", "deliver_retries",
            "deliver_timeouts", "deliver_overflow", "unmatched_deliver_resp", "malformed",
            "unknown_commands", "unknown_responses")


class Smsc:
    def __init__(self, args):
        self.args = args
        self.passwords = {args.system_id: args.password}
        for extra in args.account:
            name, _, password = extra.partition(":")
            self.passwords[name] = password
        self.store = Store(args.keep)
        self.faults = Faults()
        self.links, self.accounts = {}, {}
        self.count, self.refusals = Counter(), Counter()
        self.receipts = []                      # heap of (due, order, account, part, again)
        self.order = itertools.count()
        # ids never repeat over restarts: the clock gives the base, 1,000 ids a millisecond
        self.last_id = args.first_id or int(time.time() * 1000) * 1000
        self.refs = itertools.count(1)
        self.pump_planned = False
        self.timer = None
        self.last_malformed = None
        self.allowance, self.allowance_at = 0.0, 0.0

    def account(self, name):
        if name not in self.accounts:
            self.accounts[name] = Account(self, name)
        return self.accounts[name]

    def window(self):
        return self.faults.plain["deliver_window"] or self.args.deliver_window

    def next_id(self):
        self.last_id += 1
        return self.last_id

    def response_id(self, part):
        return form_id(part.id, self.faults.plain["id_form"].get("resp", self.args.id_form))

    def receipt_id(self, part):
        form = self.faults.plain["id_form"]
        return form_id(part.id, form.get("receipt", form.get("resp", self.args.id_form)))

    def part_by_id(self, asked):
        for base in (10, 16):
            try:
                part = self.store.by_id.get(int(asked, base))
            except ValueError:
                continue
            if part:
                return part
        return None

    def within_rate(self):
        """Token bucket of max_per_s with one second of burst."""
        rate, now = self.faults.plain["max_per_s"], time.monotonic()
        self.allowance = min(rate, self.allowance + (now - self.allowance_at) * rate)
        self.allowance_at = now
        if self.allowance < 1:
            return False
        self.allowance -= 1
        return True

    def tell(self, part):
        if self.args.print and part.message.complete():
            print(json.dumps({"event": "message", **part.message.view()}), flush=True)

    # --- receipts ----------------------------------------------------------------------------
    def receipt(self, account, part, at_once=False):
        """Plan the receipts that registered_delivery and the faults ask for."""
        faults, dst = self.faults, part.sm.dst
        wanted, state, copies = part.sm.registered_delivery & 3, "DELIVRD", 1
        if faults.active():
            state = faults.take("receipt_state", dst) or state
            copies += faults.take("duplicate_receipt", dst) or 0
            if wanted and faults.take("drop_receipt", dst):
                self.count["dropped_receipts"] += 1
                wanted = 0
        states = state if isinstance(state, list) else [state]
        if wanted == 2 and states[-1] == "DELIVRD":
            wanted = 0
        delay = faults.plain["receipt_delay_ms"]
        delay = (self.args.receipt_delay_ms if delay is None else delay) / 1000
        spread = faults.plain["receipt_spread_ms"] / 1000
        due = time.monotonic() + (0 if at_once else delay)
        for word in states:
            for _ in range(copies):
                apart = faults.dice.uniform(0, spread) if spread else 0
                entry = (due + apart, next(self.order), account, part, word, bool(wanted))
                if at_once:
                    self.issue(entry)
                elif len(self.receipts) >= MAX_QUEUE:
                    self.count["deliver_overflow"] += 1
                else:
                    heapq.heappush(self.receipts, entry)

    def issue(self, entry):
        _, _, account, part, word, wanted = entry
        part.state, part.done = word if word in codec.STATES else "UNKNOWN", time.time()
        if wanted:
            self.count["receipts"] += 1
            account.push(Delivery(self.receipt_builder(part, word), part))

    def receipt_builder(self, part, word):
        """Built when it is sent, so that receipt_form and id_form may still change."""
        return lambda seq: receipt_pdu(seq, part, word, self.receipt_id(part),
                                       self.faults.plain["receipt_form"])

    def pump_soon(self):
        """Once a loop turn: issue the receipts that are due, fill the windows."""
        if not self.pump_planned:
            self.pump_planned = True
            asyncio.get_running_loop().call_soon(self.pump)

    def pump(self):
        self.pump_planned = False
        now, heap = time.monotonic(), self.receipts
        issued = False
        keeps = self.faults.plain["hold_receipts"]
        while heap and heap[0][0] <= now and not keeps:
            self.issue(heapq.heappop(heap))
            issued = True
        for account in self.accounts.values():
            account.pump()
        if issued:
            self.store.changes.note()
        if heap and not keeps and (self.timer is None or self.timer.cancelled()):
            self.timer = asyncio.get_running_loop().call_later(
                max(0.002, heap[0][0] - now), self.on_timer)

    def on_timer(self):
        self.timer = None
        self.pump()

    async def tick(self):
        """Each second: expire deliveries, obey stop_reading."""
        while True:
            await asyncio.sleep(1)
            now = time.monotonic()
            for link in list(self.links.values()):
                link.expire(now)
            self.pump_soon()

    def obey(self):
        """Apply the standing faults that act on the transports, and on what was kept."""
        self.pump_soon()
        for link in self.links.values():
            if not self.faults.plain["hold_resp"]:
                link.let_go()
            if self.faults.plain["stop_reading"]:
                link.transport.pause_reading()
            else:
                link.transport.resume_reading()

    # --- control verbs -----------------------------------------------------------------------
    def kick(self, how, only=None):
        """Close every link, or the one of this id: 'fin' politely, 'rst' at once, 'unbind' by asking."""
        for link in [li for li in self.links.values() if only in (None, li.id)]:
            if how == "rst":
                link.transport.abort()
            elif how == "unbind" and link.account:
                link.seq = link.seq % 0x7FFFFFFF + 1
                link.send_now(codec.pack(codec.UNBIND, 0, link.seq))
            else:
                link.leave()

    def originate(self, body):
        """Queue the deliver_sm of a phone's SMS; returns its Delivery list."""
        source, to, text = body.get("from"), body.get("to"), body.get("text", "")
        if not source or not to or not isinstance(text, str):
            raise HttpError(400, "from, to and text are needed")
        account = self.account(body.get("account", self.args.system_id))
        try:
            parts = codec.split_text(text, next(self.refs))
        except ValueError as error:
            raise HttpError(400, str(error)) from None
        if body.get("reverse"):
            parts.reverse()
        loop, out = asyncio.get_running_loop(), []
        for esm_class, coding, octets in parts:
            out.append(Delivery(self.mo_builder(body, esm_class, coding, octets), None,
                                loop.create_future()))
            account.push(out[-1])
        self.count["mo"] += 1
        account.pump()
        return out

    def mo_builder(self, body, esm_class, coding, octets):
        source, to = digits(body["from"]).encode(), str(body["to"]).encode()
        tlvs = [(int(tag, 16), bytes.fromhex(value))
                for tag, value in dict(body.get("tlvs", {})).items()]
        esm_class = body.get("esm_class", esm_class)
        coding = body.get("data_coding", coding)
        service = str(body.get("service_type", "")).encode()
        return lambda seq: codec.build_sm(
            codec.DELIVER_SM, seq, src=source, dst=to, message=octets, src_ton=1, src_npi=1,
            dst_ton=0, dst_npi=1, service_type=service, esm_class=esm_class, data_coding=coding,
            tlvs=tlvs)

    def stats(self):
        store = self.store
        return {"links": len(self.links),
                "bound": sum(1 for link in self.links.values() if link.account),
                "messages": len(store.messages), "incomplete": store.incomplete,
                "duplicate_texts": store.duplicate_texts,
                "duplicate_parts": store.duplicate_parts, "defects": dict(store.defects),
                "refusals": dict(self.refusals), "last_malformed": self.last_malformed,
                "receipts_planned": len(self.receipts),
                "deliver_queued": sum(len(a.queue) for a in self.accounts.values()),
                "deliver_outstanding": sum(len(li.outstanding) for li in self.links.values()),
                **{name: self.count[name] for name in COUNTERS}}

    def reset(self):
        """Forget messages, faults and figures; links stay."""
        self.store.clear()
        self.faults.clear()
        self.count.clear()
        self.refusals.clear()
        self.receipts.clear()
        for account in self.accounts.values():
            account.queue.clear()
        self.last_malformed = None
        self.obey()


def parse_args(argv):
    parser = argparse.ArgumentParser(description="fault-injecting SMSC for tests")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="SMPP; 0: any free port")
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--system-id", default="coko")
    parser.add_argument("--password", default="secret")
    parser.add_argument("--account", action="append", default=[], metavar="ID:PASSWORD",
                        help="one more account; may be repeated")
    parser.add_argument("--smsc-id", default="LAB")
    parser.add_argument("--receipt-delay-ms", type=int, default=50)
    parser.add_argument("--id-form", default="dec", help="dec dec0 hex HEX hex0 HEX0 constant")
    parser.add_argument("--first-id", type=int, default=0, help="default: from the clock")
    parser.add_argument("--deliver-window", type=int, default=100)
    parser.add_argument("--deliver-attempts", type=int, default=3, help="of one deliver_sm that is not taken")
    parser.add_argument("--keep", type=int, default=200000, help="messages kept in memory")
    parser.add_argument("--max-links", type=int, default=2000)
    parser.add_argument("--tls-cert", help="with --tls-key: speak TLS")
    parser.add_argument("--tls-key")
    parser.add_argument("--tls-client-ca", help="who binds must show a certificate of this authority")
    parser.add_argument("--tls13", action="store_true", help="TLS 1.3 or nothing")
    parser.add_argument("--print", action="store_true", help="each whole text as a JSON line")
    parser.add_argument("--die-with-parent", action="store_true")
    return parser.parse_args(argv)


async def serve(args):
    smsc = Smsc(args)
    context = None
    if args.tls_cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.tls_cert, args.tls_key)
        if args.tls13:
            context.minimum_version = ssl.TLSVersion.TLSv1_3
        if args.tls_client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(args.tls_client_ca)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Link(smsc), args.host, args.port, ssl=context)
    control, control_port = await lab_http.serve(Control(smsc), "127.0.0.1", args.control_port)
    ticking = asyncio.create_task(smsc.tick())
    await lab_http.run(port=server.sockets[0].getsockname()[1], control=control_port,
                       control_port=control_port)
    ticking.cancel()
    control.close()
    server.close()
    for link in list(smsc.links.values()):
        link.transport.abort()


def main(argv=None):
    args = parse_args(argv)
    if args.die_with_parent:
        lab_http.die_with_parent()
    asyncio.run(serve(args))
    return 0


if __name__ == "__main__":
    sys.exit(main())
