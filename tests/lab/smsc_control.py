# SPDX-License-Identifier: Apache-2.0
"""The HTTP JSON API of the SMSC. Long polls take wait_ms, and count where it makes sense."""

import asyncio

import smpp_codec as codec
from lab_http import HttpError, reply
from smsc_faults import FaultError
from smsc_link import Link
from smsc_store import digits


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


class Control:
    """One method a path; ROUTES names them."""

    def __init__(self, smsc):
        self.smsc = smsc

    async def __call__(self, request):
        handler = self.ROUTES.get((request.method, request.path))
        if handler is None:
            raise HttpError(404, f"no {request.method} {request.path}")
        response = await handler(self, request)
        response.headers.append(("Access-Control-Allow-Origin", "*"))    # for the page at /phone/
        return response

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

    async def ledger(self, request):
        """Every part in a few words: what was taken, and whether its receipt was acknowledged."""
        after = request.number("after")
        found = [p for p in self.smsc.store.part_log if p.seq > after][:request.number("limit", 20000)]
        return reply({"parts": [
            [p.seq, p.sm.dst.decode("latin-1"), p.n, codec.text_of(p.sm.data_coding, p.rest, p.udh)[0],
             self.smsc.response_id(p).decode(), p.receipts, p.state] for p in found]})

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
            body = request.json()
            octets = bytes.fromhex(body["hex"])
        except (KeyError, TypeError, ValueError):
            raise HttpError(400, "hex is needed") from None
        links = [link for link in self.smsc.links.values()
                 if "account" not in body or link.account and link.account.name == body["account"]]
        for link in links:
            link.send_now(octets)
        return reply({"links": len(links)})

    async def outbind(self, request):
        """Connects to an ESME that waits for us and says outbind; it binds on that connection."""
        body = request.json()
        loop = asyncio.get_running_loop()
        _, link = await loop.create_connection(lambda: Link(self.smsc), "127.0.0.1", int(body["port"]))
        link.send_now(codec.pack(codec.OUTBIND, 0, 1, body.get("system_id", "LAB").encode() + b"\0"
                                 + body.get("password", "").encode() + b"\0"))
        return reply({"link": link.id})

    async def kick(self, request):
        count = len(self.smsc.links)
        body = request.json()
        self.smsc.kick(body.get("how", "fin"), body.get("link"))
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
             "outstanding": len(link.outstanding), "deliver_sent": link.seq} for link in self.smsc.links.values()]})

    async def reset(self, _request):
        self.smsc.reset()
        return reply({"reset": True})

    ROUTES = {("GET", "/messages"): messages, ("GET", "/parts"): parts,
              ("GET", "/ledger"): ledger, ("POST", "/mo"): mo,
              ("POST", "/faults"): faults, ("GET", "/faults"): show_faults, ("POST", "/raw"): raw,
              ("POST", "/kick"): kick, ("POST", "/outbind"): outbind, ("GET", "/stats"): stats, ("GET", "/links"): links,
              ("POST", "/reset"): reset}
