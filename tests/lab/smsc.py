#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A message centre for tests: SMPP 3.4 server with receipts, an inbox to ask, and faults on order.

A Link is one TCP connection (asyncio.Protocol); an Account is one system_id with all its links, its
queue of deliver_sm and the window over them; Smsc holds accounts, store and faults; Control is the
HTTP JSON API. Answers to one read leave in one write. Receipts wait in one heap. See README.md for
flags, control API and faults. This program shares no code with the daemon it judges.
"""

import argparse
import asyncio
import heapq
import itertools
import ssl
import sys
import time
from collections import Counter, deque

import lab_http
import smpp_codec as codec
from lab_http import HttpError, reply
from smsc_faults import FaultError, Faults
from smsc_store import Store, digits

MAX_QUEUE = 1000000                   # deliver_sm waiting for one account
DELIVER_TIMEOUT = 10.0
DELIVER_ATTEMPTS = 3
RETRYABLE = {0x08, 0x14, 0x58, 0x64}
STATE_ERROR = {"DELIVRD": "000", "UNDELIV": "001", "EXPIRED": "002", "REJECTD": "003"}


def bad_tlv():
    """A deliver_sm whose TLV claims more than the PDU holds."""
    whole = codec.build_sm(codec.DELIVER_SM, 0x53535353, src=b"1", dst=b"2", message=b"x")
    body = whole[16:] + b"\x14\x0c\x00\x40ab"
    return codec.pack(codec.DELIVER_SM, 0, 0x53535353, body)


GARBAGE = {
    "noise": bytes(range(128, 192)),
    "length_zero": bytes(16),
    "length_4": (4).to_bytes(4, "big"),
    "length_huge": b"\xff\xff\xff\xff" + bytes(12),
    "unknown_command": codec.pack(0x00000777, 0, 0x51515151),
    "unknown_response": codec.pack(0x80000777, 0, 0x51515151),
    "unmatched_response": codec.pack(codec.SUBMIT_SM | codec.RESP, 0, 0x7EADBEEF, b"x\0"),
    "nack_zero": codec.pack(codec.GENERIC_NACK, 3, 0),
    "short_deliver": codec.pack(codec.DELIVER_SM, 0, 0x52525252, b"\0\1\1no nul"),
    "bad_tlv": bad_tlv(),
}


def form_id(number, form):
    """The message id as this carrier writes it."""
    if form == "constant":
        return b"msg_id_not_implemented"
    style = {"dec": "{}", "dec0": "{:020}", "hex": "{:x}", "HEX": "{:X}", "hex0": "{:016x}",
             "HEX0": "{:016X}"}[form]
    return style.format(number).encode()


class Delivery:
    """One deliver_sm on its way to the ESME."""

    __slots__ = ("build", "attempts", "waiter", "part", "status")

    def __init__(self, build, part=None, waiter=None):
        self.build, self.part, self.waiter = build, part, waiter
        self.attempts, self.status = 0, None


class Account:
    """One system_id: its links and the deliver_sm that wait for a receiver."""

    def __init__(self, smsc, name):
        self.smsc, self.name = smsc, name
        self.links = []
        self.queue = deque()

    def push(self, delivery, front=False):
        if len(self.queue) >= MAX_QUEUE:
            self.smsc.count["deliver_overflow"] += 1
            return
        (self.queue.appendleft if front else self.queue.append)(delivery)

    def pump(self):
        """Send what the windows of the receiving links allow."""
        if not self.queue:
            return
        window = self.smsc.window()
        for link in self.links:
            while self.queue and link.receives and len(link.outstanding) < window:
                link.deliver(self.queue.popleft())
            link.flush()
            if not self.queue:
                return


class Link(asyncio.Protocol):
    ids = itertools.count(1)

    def __init__(self, smsc):
        self.smsc = smsc
        self.id = next(self.ids)
        self.framer = codec.Framer()
        self.account = None
        self.sends = self.receives = False      # what the bind allows the ESME
        self.out, self.out_size = [], 0
        self.outstanding = {}                   # our sequence -> (Delivery, deadline)
        self.seq = 0
        self.held = []                          # responses kept back by "reorder"
        self.drip = deque()
        self.countdown = None
        self.transport = None
        self.ending = False

    # --- transport -------------------------------------------------------------------------
    def connection_made(self, transport):
        self.transport = transport
        self.smsc.links[self.id] = self
        self.smsc.count["connections"] += 1
        if len(self.smsc.links) > self.smsc.args.max_links:
            transport.abort()

    def connection_lost(self, _error):
        self.smsc.links.pop(self.id, None)
        self.ending = True
        if self.account:
            self.account.links.remove(self)
            waiting = [item[0] for _, item in sorted(self.outstanding.items())]
            for delivery in reversed(waiting):          # they go out again on the next link
                self.account.push(delivery, front=True)
            self.account.pump()
        self.outstanding.clear()
        self.smsc.store.changes.note()

    def data_received(self, data):
        if self.smsc.faults.plain["silent"]:
            return
        try:
            for pdu in self.framer.feed(data):
                self.on_pdu(pdu)
                if self.ending:
                    return
        except codec.Malformed as bad:
            self.smsc.count["malformed"] += 1
            self.send(codec.pack(codec.GENERIC_NACK, bad.status, bad.seq))
            self.flush()
            if bad.fatal:
                self.ending = True
                self.transport.close()
            return
        finally:
            self.smsc.store.changes.note()
        self.flush()
        self.smsc.pump_soon()

    def pause_writing(self):
        self.transport.pause_reading()          # a peer that does not read is not read either

    def resume_writing(self):
        if not self.smsc.faults.plain["stop_reading"]:
            self.transport.resume_reading()

    def send(self, octets):
        self.out.append(octets)
        self.out_size += len(octets)

    def flush(self):
        if not self.out or self.transport.is_closing():
            self.out.clear()
            return
        octets = b"".join(self.out)
        self.out.clear()
        if self.smsc.faults.plain["one_byte_writes"] or self.drip:
            idle = not self.drip
            self.drip.extend(octets)
            if idle:
                self.drip_one()
        else:
            self.transport.write(octets)

    def drip_one(self):
        """One octet a loop turn, so that the peer sees every PDU cut at every place."""
        if self.drip and not self.transport.is_closing():
            self.transport.write(bytes((self.drip.popleft(),)))
            asyncio.get_running_loop().call_later(0.0002, self.drip_one)

    # --- PDUs --------------------------------------------------------------------------------
    def on_pdu(self, pdu):
        command, status, seq = codec.header(pdu)
        handler = self.HANDLERS.get(command)
        if handler:
            try:
                handler(self, pdu, seq)
            except codec.Malformed as bad:
                self.smsc.count["malformed"] += 1
                self.smsc.last_malformed = bad.why
                self.send(codec.pack(codec.GENERIC_NACK, bad.status, seq))
        elif command == codec.DELIVER_SM | codec.RESP or command == codec.GENERIC_NACK:
            self.on_delivered(seq, status)
        elif command & codec.RESP:
            self.smsc.count["unknown_responses"] += 1
        else:
            self.smsc.count["unknown_commands"] += 1
            self.send(codec.pack(codec.GENERIC_NACK, codec.RINVCMDID, seq))

    def on_bind(self, pdu, seq):
        command = codec.header(pdu)[0]
        smsc, faults = self.smsc, self.smsc.faults
        smsc.count["bind_attempts"] += 1
        if faults.take("bind_silent"):
            return
        status = faults.take("bind_status") or self.judge_bind(pdu)
        name, body = smsc.args.smsc_id.encode() + b"\0", b""
        if status == codec.OK:
            bind = codec.parse_bind(pdu)
            body = name
            if bind.version >= 0x34:
                body += codec.tlv(codec.T_SC_VERSION, b"\x34")
        self.send(codec.pack(command | codec.RESP, status, seq, body))
        if status != codec.OK:
            smsc.count["binds_refused"] += 1
            return
        self.become_bound(command, bind.system_id.decode("latin-1"))
        if faults.take("close_after_bind"):
            self.flush()
            self.ending = True
            self.transport.close()

    def judge_bind(self, pdu):
        if self.account:
            return codec.RALYBND
        bind = codec.parse_bind(pdu)
        password = self.smsc.passwords.get(bind.system_id.decode("latin-1"))
        if password is None:
            return codec.RINVSYSID
        return codec.OK if bind.password.decode("latin-1") == password else codec.RINVPASWD

    def become_bound(self, command, name):
        self.framer.limit = codec.MAX_PDU
        self.sends = command in (codec.BIND_TX, codec.BIND_TRX)
        self.receives = command in (codec.BIND_RX, codec.BIND_TRX)
        self.account = self.smsc.account(name)
        self.account.links.append(self)
        self.smsc.count["binds"] += 1
        self.smsc.store.changes.note()

    def on_enquire(self, _pdu, seq):
        self.smsc.count["enquire_links"] += 1
        if not self.smsc.faults.take("enquire_silent"):
            self.send(codec.pack(codec.ENQUIRE_LINK | codec.RESP, 0, seq))

    def on_unbind(self, _pdu, seq):
        self.smsc.count["unbinds"] += 1
        if self.smsc.faults.take("unbind_silent"):
            return
        self.send(codec.pack(codec.UNBIND | codec.RESP, 0, seq))
        self.flush()
        self.ending = True
        self.transport.close()

    def on_query(self, pdu, seq):
        if not self.sends:
            self.send(codec.pack(codec.QUERY_SM | codec.RESP, codec.RINVBNDSTS, seq))
            return
        asked = codec.parse_query(pdu)
        part = self.smsc.part_by_id(asked)
        if part is None:
            self.send(codec.pack(codec.QUERY_SM | codec.RESP, codec.RQUERYFAIL, seq))
            return
        done = time.strftime("%y%m%d%H%M%S000+", time.gmtime(part.done)) if part.done else ""
        body = asked + b"\0" + done.encode() + b"\0" + bytes((codec.STATES[part.state], 0))
        self.send(codec.pack(codec.QUERY_SM | codec.RESP, 0, seq, body))

    def on_submit(self, pdu, seq):
        command = codec.header(pdu)[0]
        smsc, faults = self.smsc, self.smsc.faults
        smsc.count["submits"] += 1
        if not self.sends:
            self.respond(command, codec.RINVBNDSTS, seq, None)
            return
        sm = codec.parse_data_sm(pdu) if command == codec.DATA_SM else codec.parse_sm(pdu)
        udh, rest = codec.split_udh(sm)
        status = self.judge_submit(sm, udh, rest)
        if status != codec.OK:
            smsc.count["refused"] += 1
            smsc.refusals[f"{status:#x}"] += 1
            self.respond(command, status, seq, None)
            return
        part = smsc.store.add(self.account.name, self.id, smsc.next_id(), sm, udh, rest)
        smsc.count["accepted"] += 1
        smsc.tell(part)
        early = faults.take("receipt_before_resp", sm.dst) if faults.armed else None
        if early:
            smsc.receipt(self.account, part, at_once=True)
            self.account.pump()
        closing = self.count_down()
        if closing and not faults.plain["close_answers"]:
            smsc.count["dropped_responses"] += 1
        elif faults.armed and faults.take("drop_resp", sm.dst):
            smsc.count["dropped_responses"] += 1
        else:
            self.respond(command, codec.OK, seq, part)
        if not early:
            smsc.receipt(self.account, part)
        if closing:
            self.flush()
            self.ending = True
            self.transport.close()

    def count_down(self):
        """True when close_after_n says that this submit is the last on the link."""
        faults = self.smsc.faults.plain
        if faults["close_after_n"] <= 0:
            return False
        faults["close_after_n"] -= 1
        return faults["close_after_n"] == 0

    def judge_submit(self, sm, udh, rest):
        """The status this submit deserves, faults first."""
        faults = self.smsc.faults
        if faults.armed:
            status = faults.take("resp_status", sm.dst)
            if status:
                return status
        if faults.plain["max_per_s"] and not self.smsc.within_rate():
            return codec.RTHROTTLED
        if not sm.dst:
            return codec.RINVDSTADR
        if len(sm.validity) not in (0, 16):
            return codec.RINVEXPIRY
        if len(sm.schedule) not in (0, 16):
            return codec.RINVSCHED
        if udh and codec.T_SAR_REF in sm.tlvs:
            return codec.RINVOPTPARAMVAL
        if codec.T_PAYLOAD not in sm.tlvs and codec.too_long(sm.data_coding, udh, rest):
            self.smsc.store.defects["too_long"] += 1
            return codec.RINVMSGLEN
        return codec.OK

    def respond(self, command, status, seq, part):
        """Queue a submit_sm_resp, bent as the faults ask."""
        faults = self.smsc.faults
        command |= codec.RESP
        body = b""
        if part is not None:
            part.message_id = self.smsc.response_id(part)
            body = part.message_id + b"\0"
        if not faults.armed and not faults.plain["resp_delay_ms"] and not self.held:
            self.send(codec.pack(command, status, seq, body))
            return
        to = part.sm.dst if part is not None else None
        command, body = self.bend(command, body, to)
        octets = codec.pack(command, status, seq, body)
        if faults.take("duplicate_resp", to):
            octets += octets
        depth = faults.take("reorder", to)
        if depth or self.held:
            self.hold(octets, depth or 1)
        elif faults.plain["resp_delay_ms"]:
            asyncio.get_running_loop().call_later(
                faults.plain["resp_delay_ms"] / 1000, self.send_now, octets)
        else:
            self.send(octets)

    def bend(self, command, body, to):
        form = self.smsc.faults.take("resp_form", to)
        if form in ("no_body", "no_id"):
            body = b""
        elif form == "nul":
            body = b"\0"
        elif form == "tlv":
            body += codec.tlv(0x0428, b"\x20") + codec.tlv(0x1400, b"vendor")
        elif form == "long_id":
            body = body[:-1].rjust(200, b"9") + b"\0"
        elif form == "wrong_command":
            command = codec.BIND_TX | codec.RESP
        return command, body

    def hold(self, octets, depth):
        """Keep responses until `depth` are there (or 200 ms), then send them last first."""
        if not self.held:
            self.hold_depth = depth
            asyncio.get_running_loop().call_later(0.2, self.release)
        self.held.append(octets)
        if len(self.held) >= self.hold_depth:
            self.release()

    def release(self):
        held, self.held = self.held, []
        if held:
            self.send_now(b"".join(reversed(held)))

    def send_now(self, octets):
        if not self.transport.is_closing():
            self.send(octets)
            self.flush()

    # --- towards the ESME --------------------------------------------------------------------
    def deliver(self, delivery):
        self.seq = self.seq % 0x7FFFFFFF + 1
        delivery.attempts += 1
        self.outstanding[self.seq] = (delivery, time.monotonic() + DELIVER_TIMEOUT)
        self.send(delivery.build(self.seq))
        self.smsc.count["deliver_sent"] += 1

    def on_delivered(self, seq, status):
        item = self.outstanding.pop(seq, None)
        if item is None:
            self.smsc.count["unmatched_deliver_resp"] += 1
            return
        delivery = item[0]
        if status in RETRYABLE and delivery.attempts < DELIVER_ATTEMPTS:
            account = self.account
            asyncio.get_running_loop().call_later(0.5, lambda: (account.push(delivery),
                                                                account.pump()))
            self.smsc.count["deliver_retries"] += 1
            return
        delivery.status = status
        self.smsc.count["deliver_acked" if status == 0 else "deliver_refused"] += 1
        if delivery.part is not None and status == 0:
            delivery.part.receipts += 1
        if delivery.waiter and not delivery.waiter.done():
            delivery.waiter.set_result(status)
        self.smsc.store.changes.note()

    def expire(self, now):
        """Give up waiting for deliver_sm_resp; send again on any link, at most three times."""
        late = [seq for seq, (_, deadline) in self.outstanding.items() if deadline < now]
        for seq in late:
            delivery = self.outstanding.pop(seq)[0]
            self.smsc.count["deliver_timeouts"] += 1
            if delivery.attempts < DELIVER_ATTEMPTS:
                self.account.push(delivery, front=True)

    HANDLERS = {codec.BIND_RX: on_bind, codec.BIND_TX: on_bind, codec.BIND_TRX: on_bind,
                codec.ENQUIRE_LINK: on_enquire, codec.UNBIND: on_unbind,
                codec.SUBMIT_SM: on_submit, codec.DATA_SM: on_submit, codec.QUERY_SM: on_query}


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
        if self.args.print:
            if part.message.complete():
                print(lab_http.json.dumps({"event": "message", **part.message.view()},
                                          ensure_ascii=False), flush=True)

    # --- receipts ----------------------------------------------------------------------------
    def receipt(self, account, part, at_once=False):
        """Plan the receipts that registered_delivery and the faults ask for."""
        faults, dst = self.faults, part.sm.dst
        wanted, state, copies = part.sm.registered_delivery & 3, "DELIVRD", 1
        if faults.armed:
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
        due = time.monotonic() + (0 if at_once else delay)
        for word in states:
            for _ in range(copies):
                entry = (due, next(self.order), account, part, word, bool(wanted))
                if at_once:
                    self.issue(entry)
                else:
                    heapq.heappush(self.receipts, entry)

    def issue(self, entry):
        _, _, account, part, word, wanted = entry
        part.state, part.done = word if word in codec.STATES else "UNKNOWN", time.time()
        if wanted:
            self.count["receipts"] += 1
            account.push(Delivery(lambda seq: self.receipt_pdu(seq, part, word), part))

    def receipt_pdu(self, seq, part, word):
        """A delivery receipt in the shape that receipt_form names (v3.4 appendix B)."""
        sm, form = part.sm, self.faults.plain["receipt_form"]
        number = self.receipt_id(part)
        text = receipt_text(number, part, word, form)
        tlvs = []
        if form in ("tlv", "both", "no_class"):
            tlvs = [(codec.T_RECEIPTED_ID, number + b"\0"),
                    (codec.T_STATE, bytes((codec.STATES.get(word, 7),)))]
        if form == "tlv":
            text = b""
        if form == "payload":
            tlvs, text = [(codec.T_PAYLOAD, text)], b""
        return codec.build_sm(
            codec.DELIVER_SM, seq, src=sm.dst, dst=sm.src, message=text, src_ton=sm.dst_ton,
            src_npi=sm.dst_npi, dst_ton=sm.src_ton, dst_npi=sm.src_npi,
            service_type=sm.service_type, esm_class=0 if form == "no_class" else 4, tlvs=tlvs)

    def pump_soon(self):
        """Once a loop turn: issue the receipts that are due, fill the windows."""
        if not self.pump_planned:
            self.pump_planned = True
            asyncio.get_running_loop().call_soon(self.pump)

    def pump(self):
        self.pump_planned = False
        now, heap = time.monotonic(), self.receipts
        issued = False
        while heap and heap[0][0] <= now:
            self.issue(heapq.heappop(heap))
            issued = True
        for account in self.accounts.values():
            account.pump()
        if issued:
            self.store.changes.note()
        if heap and (self.timer is None or self.timer.cancelled()):
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
        """Apply the standing faults that act on the transports."""
        for link in self.links.values():
            if self.faults.plain["stop_reading"]:
                link.transport.pause_reading()
            else:
                link.transport.resume_reading()

    # --- control verbs -----------------------------------------------------------------------
    def kick(self, how):
        """Close every link: 'fin' politely, 'rst' at once, 'unbind' by asking."""
        for link in list(self.links.values()):
            if how == "rst":
                link.transport.abort()
            elif how == "unbind" and link.account:
                link.seq = link.seq % 0x7FFFFFFF + 1
                link.send_now(codec.pack(codec.UNBIND, 0, link.seq))
            else:
                link.transport.close()

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


COUNTERS = ("connections", "bind_attempts", "binds", "binds_refused", "unbinds", "enquire_links",
            "submits", "accepted", "refused", "dropped_responses", "receipts", "dropped_receipts",
            "mo", "deliver_sent", "deliver_acked", "deliver_refused", "deliver_retries",
            "deliver_timeouts", "deliver_overflow", "unmatched_deliver_resp", "malformed",
            "unknown_commands", "unknown_responses")


def receipt_text(number, part, word, form):
    stamp = "%y%m%d%H%M"
    submitted = time.strftime(stamp, time.gmtime(part.submitted))
    done = time.strftime(stamp, time.gmtime(part.done or time.time()))
    sample = codec.text_of(part.sm.data_coding, part.rest)[0][:20].encode("ascii", "replace")
    error = STATE_ERROR.get(word, "099").encode()
    state = word.encode()
    if form == "short":
        return b"id:" + number + b" stat:" + state + b" err: 0"
    if form == "reordered":
        return (b"stat:" + state + b" err:0" + error + b" id:" + number + b" done date:"
                + done.encode() + b" text:")
    text = (b"id:" + number + b" sub:001 dlvrd:" + (b"001" if word == "DELIVRD" else b"000")
            + b" submit date:" + submitted.encode() + b" done date:" + done.encode()
            + b" stat:" + state + b" err:" + error + b" text:" + sample)
    return text[:text.index(b" err:")] if form == "truncated" else text


class Control:
    """The HTTP JSON API. Long polls take wait_ms, and count where it makes sense."""

    def __init__(self, smsc):
        self.smsc = smsc

    async def __call__(self, request):
        handler = self.ROUTES.get((request.method, request.path))
        if handler is None:
            raise HttpError(404, f"no {request.method} {request.path}")
        return await handler(self, request)

    async def messages(self, request):
        query, store = request.query, self.smsc.store
        complete = {"1": True, "0": False}.get(query.get("complete", "1"))
        state, want = query.get("state"), request.number("count", 1)

        def find():
            found = store.find(query.get("to"), request.number("after"), complete,
                               query.get("contains"))
            return [m for m in found if state is None or m.state() == state]

        await store.changes.until(lambda: len(find()) >= want, request.wait_s())
        found = find()[-request.number("limit", 1000):]
        return reply({"messages": [m.view() for m in found], "count": len(found)})

    async def parts(self, request):
        query, store = request.query, self.smsc.store
        to, want = query.get("to"), request.number("count", 1)

        def find():
            return [p for p in store.part_log if p.seq > request.number("after")
                    and (not to or digits(p.sm.dst) == digits(to))]

        await store.changes.until(lambda: len(find()) >= want, request.wait_s())
        found = find()[-request.number("limit", 1000):]
        return reply({"parts": [dict(p.view(), seq=p.seq) for p in found]})

    async def mo(self, request):
        deliveries = self.smsc.originate(request.json())
        waiters = [d.waiter for d in deliveries]
        if request.wait_s():
            await asyncio.wait(waiters, timeout=request.wait_s())
        return reply({"parts": len(deliveries),
                      "statuses": [w.result() if w.done() else None for w in waiters]})

    async def faults(self, request):
        body = request.json()
        garbage = body.pop("garbage", None)
        if garbage is not None and garbage not in GARBAGE:
            raise HttpError(400, f"garbage is one of {sorted(GARBAGE)}")
        try:
            self.smsc.faults.set(body)
        except FaultError as error:
            raise HttpError(400, str(error)) from None
        self.smsc.obey()
        if garbage:
            for link in list(self.smsc.links.values()):
                link.send_now(GARBAGE[garbage])
        return reply(self.smsc.faults.view())

    async def show_faults(self, _request):
        return reply(self.smsc.faults.view())

    async def raw(self, request):
        try:
            octets = bytes.fromhex(request.json()["hex"])
        except (KeyError, TypeError, ValueError):
            raise HttpError(400, "hex is needed") from None
        for link in list(self.smsc.links.values()):
            link.send_now(octets)
        return reply({"links": len(self.smsc.links)})

    async def kick(self, request):
        count = len(self.smsc.links)
        self.smsc.kick(request.json().get("how", "fin"))
        return reply({"kicked": count})

    async def stats(self, request):
        """wait_ms with any counter as a query parameter waits until it is at least that."""
        wanted = {k: request.number(k) for k in request.query if k != "wait_ms"}
        known = self.smsc.stats()
        if any(not isinstance(known.get(k), int) for k in wanted):
            raise HttpError(400, "only numbers of /stats can be waited for")

        def reached():
            now = self.smsc.stats()
            return all(now[k] >= v for k, v in wanted.items())

        await self.smsc.store.changes.until(reached, request.wait_s() if wanted else 0)
        return reply(self.smsc.stats())

    async def links(self, _request):
        return reply({"links": [
            {"id": link.id, "account": link.account.name if link.account else None,
             "sends": link.sends, "receives": link.receives,
             "outstanding": len(link.outstanding)} for link in self.smsc.links.values()]})

    async def reset(self, _request):
        self.smsc.reset()
        return reply({"reset": True})

    ROUTES = {("GET", "/messages"): messages, ("GET", "/parts"): parts, ("POST", "/mo"): mo,
              ("POST", "/faults"): faults, ("GET", "/faults"): show_faults, ("POST", "/raw"): raw,
              ("POST", "/kick"): kick, ("GET", "/stats"): stats, ("GET", "/links"): links,
              ("POST", "/reset"): reset}


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
    parser.add_argument("--keep", type=int, default=200000, help="messages kept in memory")
    parser.add_argument("--max-links", type=int, default=2000)
    parser.add_argument("--tls-cert", help="with --tls-key: speak TLS")
    parser.add_argument("--tls-key")
    parser.add_argument("--print", action="store_true", help="each whole text as a JSON line")
    parser.add_argument("--die-with-parent", action="store_true")
    return parser.parse_args(argv)


async def serve(args):
    smsc = Smsc(args)
    context = None
    if args.tls_cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.tls_cert, args.tls_key)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Link(smsc), args.host, args.port, ssl=context)
    control, control_port = await lab_http.serve(Control(smsc), "127.0.0.1", args.control_port)
    ticking = asyncio.create_task(smsc.tick())
    await lab_http.run(port=server.sockets[0].getsockname()[1], control=control_port)
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
