# SPDX-License-Identifier: Apache-2.0
"""One SMPP connection of the SMSC, and the account whose window of deliver_sm it shares.

A Link is one TCP connection (asyncio.Protocol): it cuts PDUs, answers them, bends the answers as
the faults ask and sends what the Account queued. Answers to one read leave in one write. Every
limit is here: queue length, window, time and attempts of a deliver_sm.
"""

import asyncio
import itertools
import time
from collections import deque

import smpp_codec as codec

MAX_QUEUE = 1000000                   # deliver_sm waiting for one account
DELIVER_TIMEOUT = 10.0
LINGER = 1.0                          # seconds that a peer has to close after our FIN
RETRYABLE = {0x08, 0x14, 0x58, 0x64}


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
        """Send what the windows of the receiving links allow, one after the other on each."""
        window = self.smsc.window()
        turn = [link for link in self.links if link.receives and len(link.outstanding) < window]
        used = set(turn) if self.queue else ()
        while self.queue and turn:
            link = turn.pop(0)
            link.deliver(self.queue.popleft())
            self.links.remove(link)             # the next delivery begins behind it
            self.links.append(link)
            if len(link.outstanding) < window:
                turn.append(link)
        for link in used:
            link.flush()


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
        self.kept = []                          # and by "hold_resp", until it is taken off
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
        elif self.smsc.faults.plain["stop_reading"]:
            # after the transport's own first step, which asks for reading whatever was said before it
            asyncio.get_running_loop().call_soon(transport.pause_reading)

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
        if self.ending or self.smsc.faults.plain["silent"]:
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
                self.leave()
            return
        finally:
            self.smsc.store.changes.note()
        self.flush()
        self.smsc.pump_soon()

    def leave(self):
        """Say all, then FIN, and still read: a close on unread octets would be a reset, which may
        take our last answers away from the peer."""
        if self.ending:
            return
        self.flush()
        if self.drip:
            self.transport.write(bytes(self.drip))
        self.ending, self.receives = True, False
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
            asyncio.get_running_loop().call_later(LINGER, self.transport.abort)
        else:
            self.transport.close()

    def pause_writing(self):
        self.transport.pause_reading()          # a peer that does not read is not read either

    def resume_writing(self):
        if not self.smsc.faults.plain["stop_reading"]:
            self.transport.resume_reading()

    def send(self, octets):
        self.out.append(octets)
        self.out_size += len(octets)

    def flush(self):
        if not self.out or self.ending or self.transport.is_closing():
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
        if self.drip and not self.ending and not self.transport.is_closing():
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
            self.leave()

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
        self.leave()

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
        early = faults.take("receipt_before_resp", sm.dst) if faults.active() else None
        if early:
            smsc.receipt(self.account, part, at_once=True)
            self.account.pump()
        closing = self.count_down()
        if closing and not faults.plain["close_answers"]:
            smsc.count["dropped_responses"] += 1
        elif faults.active() and faults.take("drop_resp", sm.dst):
            smsc.count["dropped_responses"] += 1
        else:
            self.respond(command, codec.OK, seq, part)
        if not early:
            smsc.receipt(self.account, part)
        if closing:
            self.leave()

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
        if faults.active():
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
        if not faults.active() and not faults.plain["resp_delay_ms"] and not faults.plain["hold_resp"] and not self.held:
            self.send(codec.pack(command, status, seq, body))
            return
        to = part.sm.dst if part is not None else None
        command, body = self.bend(command, body, to)
        octets = codec.pack(command, status, seq, body)
        if faults.take("duplicate_resp", to):
            octets += octets
        depth = faults.take("reorder", to)
        if faults.plain["hold_resp"]:
            self.kept.append(octets)
        elif depth or self.held:
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

    def let_go(self):
        """What hold_resp kept, in its order."""
        kept, self.kept = self.kept, []
        if kept:
            self.send_now(b"".join(kept))

    def release(self):
        held, self.held = self.held, []
        if held:
            self.send_now(b"".join(reversed(held)))

    def send_now(self, octets):
        if not self.ending and not self.transport.is_closing():
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
        if status in RETRYABLE and delivery.attempts < self.smsc.args.deliver_attempts:
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
        """Give up waiting for deliver_sm_resp; send again on any link, --deliver-attempts times."""
        late = [seq for seq, (_, deadline) in self.outstanding.items() if deadline < now]
        for seq in late:
            delivery = self.outstanding.pop(seq)[0]
            self.smsc.count["deliver_timeouts"] += 1
            if delivery.attempts < self.smsc.args.deliver_attempts:
                self.account.push(delivery, front=True)

    HANDLERS = {codec.BIND_RX: on_bind, codec.BIND_TX: on_bind, codec.BIND_TRX: on_bind,
                codec.ENQUIRE_LINK: on_enquire, codec.UNBIND: on_unbind,
                codec.SUBMIT_SM: on_submit, codec.DATA_SM: on_submit, codec.QUERY_SM: on_query}
