# SPDX-License-Identifier: Apache-2.0
"""What the SMSC received: every part, and the texts that a handset would show.

Store.add() takes one accepted submit_sm; parts of one text meet under (account, source,
destination, width, reference, total). Only memory, bounded by `keep` messages; the oldest go
first. Store.changes wakes long polls. Nothing here talks SMPP.
"""

import time
from collections import Counter, OrderedDict, deque

import smpp_codec as codec
from lab_http import Changes

FINAL = {"DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "REJECTD"}


def digits(number):
    """A number as the store compares it: digits only, no + and no 00 in front."""
    number = number.decode("latin-1") if isinstance(number, bytes) else str(number)
    bare = "".join(c for c in number if c.isdigit())
    return bare[2:] if number.startswith("00") else bare or number


class Part:
    __slots__ = ("id", "n", "seq", "sm", "udh", "rest", "state", "submitted", "done", "defects",
                 "receipts", "link", "message", "message_id")

    def view(self):
        """The part as the control API shows it."""
        sm = self.sm
        return {"id": self.id, "message_id": self.message_id.decode(), "n": self.n,
                "state": self.state, "link": self.link,
                "submitted_at": self.submitted, "done_at": self.done, "receipts": self.receipts,
                "esm_class": sm.esm_class, "data_coding": sm.data_coding,
                "registered_delivery": sm.registered_delivery,
                "validity": sm.validity.decode("latin-1"), "priority": sm.priority,
                "service_type": sm.service_type.decode("latin-1"),
                "udh": self.udh.hex(), "octets": len(self.udh) + len(self.rest),
                "text": codec.text_of(sm.data_coding, self.rest, self.udh)[0], "defects": self.defects,
                "tlvs": {f"{tag:04x}": value.hex() for tag, value in sm.tlvs.items()
                         if tag != codec.T_PAYLOAD},
                "to": sm.dst.decode("latin-1"), "from": sm.src.decode("latin-1"),
                "to_ton": sm.dst_ton, "from_ton": sm.src_ton}


class Message:
    """One text: its parts by number, complete or not."""

    __slots__ = ("seq", "account", "src", "dst", "ref", "width", "total", "parts", "first", "last",
                 "text", "defects")

    def complete(self):
        return self.text is not None

    def state(self):
        """delivered, failed, partial (finals differ), pending or incomplete."""
        if not self.complete():
            return "incomplete"
        states = {part.state for part in self.parts.values()}
        if states == {"DELIVRD"}:
            return "delivered"
        if states <= FINAL:
            return "partial" if "DELIVRD" in states else "failed"
        return "pending"

    def join(self):
        """Put the parts together as a handset does; UCS-2 joins octets, GSM joins characters."""
        parts = [self.parts[n] for n in sorted(self.parts)]
        coding = parts[0].sm.data_coding
        self.defects = [d for part in parts for d in part.defects]
        if len({part.sm.data_coding for part in parts}) > 1:
            self.defects.append("mixed_data_coding")
        if codec.alphabet_of(coding) == "ucs2":
            text, defects = codec.text_of(coding, b"".join(p.rest for p in parts))
            self.defects += [d for d in defects if d not in self.defects]
            self.text = text
        else:
            self.text = "".join(codec.text_of(p.sm.data_coding, p.rest, p.udh)[0] for p in parts)

    def view(self):
        return {"seq": self.seq, "to": self.dst.decode("latin-1"),
                "from": self.src.decode("latin-1"), "account": self.account,
                "text": self.text, "complete": self.complete(), "state": self.state(),
                "total": self.total, "ref": self.ref, "ref_width": self.width,
                "encoding": codec.alphabet_of(next(iter(self.parts.values())).sm.data_coding),
                "defects": self.defects or [], "first_at": self.first, "last_at": self.last,
                "parts": [self.parts[n].view() for n in sorted(self.parts)]}


class Store:
    def __init__(self, keep=200000):
        self.keep = keep
        self.changes = Changes()
        self.seq = 0
        self.part_seq = 0
        self.clear()

    def clear(self):
        self.messages = OrderedDict()          # seq -> Message
        self.by_to = {}                        # digits -> deque of Message
        self.open_sets = {}                    # concat key -> Message
        self.by_id = {}                        # message_id number -> Part
        self.part_log = deque(maxlen=self.keep)
        self.texts = Counter()                 # hash of (to, text)
        self.octets = Counter()                # hash of (to, udh, octets)
        self.duplicate_texts = 0
        self.duplicate_parts = 0
        self.incomplete = 0
        self.defects = Counter()

    def add(self, account, link, number, sm, udh, rest):
        """Keep one accepted part under message id `number`; returns it."""
        part = Part()
        self.part_seq += 1
        part.id, part.seq, part.sm, part.udh, part.rest = number, self.part_seq, sm, udh, rest
        part.link, part.state, part.submitted, part.done = link, "ENROUTE", time.time(), None
        part.receipts, part.message_id = 0, b""
        part.defects = self._defects(sm, udh, rest)
        concat = codec.concat_of(udh, sm.tlvs) if udh or sm.tlvs else None
        part.n = concat[3] if concat else 1
        self._note_octets(sm, udh, rest)
        part.message = self._place(account, part, concat)
        self.part_log.append(part)
        self.by_id[number] = part
        self.changes.note()
        return part

    def _defects(self, sm, udh, rest):
        found = codec.text_of(sm.data_coding, rest, udh)[1]
        if found:
            self.defects.update(found)
        return found

    def _note_octets(self, sm, udh, rest):
        key = hash((sm.dst, udh, rest))
        self.octets[key] += 1
        if self.octets[key] > 1:
            self.duplicate_parts += 1

    def _place(self, account, part, concat):
        sm = part.sm
        if concat is None:
            message = self._new(account, sm, None, None, 1)
            message.parts[1] = part
            self._complete(message)
            return message
        width, ref, total, n = concat
        key = (account, sm.src, sm.dst, width, ref, total)
        message = self.open_sets.get(key)
        if message is None or n in message.parts:      # the reference came round, or a part again
            message = self.open_sets[key] = self._new(account, sm, width, ref, total)
        message.parts[n] = part
        message.last = part.submitted
        if len(message.parts) == total:
            del self.open_sets[key]
            self._complete(message)
        return message

    def _new(self, account, sm, width, ref, total):
        message = Message()
        self.seq += 1
        message.seq, message.account, message.src, message.dst = self.seq, account, sm.src, sm.dst
        message.width, message.ref, message.total = width, ref, total
        message.parts, message.text, message.defects = {}, None, None
        message.first = message.last = time.time()
        self.messages[message.seq] = message
        self.incomplete += 1
        self.by_to.setdefault(digits(sm.dst), deque()).append(message)
        if len(self.messages) > self.keep:
            self._evict()
        return message

    def _evict(self):
        _, old = self.messages.popitem(last=False)
        queue = self.by_to[digits(old.dst)]
        queue.popleft()
        if not queue:
            del self.by_to[digits(old.dst)]
        key = (old.account, old.src, old.dst, old.width, old.ref, old.total)
        if self.open_sets.get(key) is old:
            del self.open_sets[key]
        self.incomplete -= not old.complete()
        for part in old.parts.values():
            self.by_id.pop(part.id, None)
        if len(self.octets) > 4 * self.keep:           # forget rather than grow
            self.octets.clear()
            self.texts.clear()

    def _complete(self, message):
        message.join()
        self.incomplete -= 1
        key = hash((message.dst, message.text))
        self.texts[key] += 1
        if self.texts[key] > 1:
            self.duplicate_texts += 1

    def find(self, to=None, after=0, complete=None, contains=None):
        """Messages in order of arrival that fit."""
        source = self.by_to.get(digits(to), ()) if to else self.messages.values()
        return [m for m in source if m.seq > after
                and (complete is None or m.complete() == complete)
                and (contains is None or (m.text is not None and contains in m.text))]
