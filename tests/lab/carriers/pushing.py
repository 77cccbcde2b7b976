# SPDX-License-Identifier: Apache-2.0
"""Carriers that let us begin: the gateway that takes a push of JSON, and the phone that it rings."""
import json

from carriers.asynchronous import Gateway
from carriers.base import Nonconformity

TAKEN = b'{"statusCode":"0000","statusMessage":"Success","transactionId":"t","data":{"outboundResponse":"ok"}}'


class PushGateway(Gateway):
    """MTN MADAPI's POST /messages/ussd/outbound; key is what x-api-key must be, answered 401 otherwise."""

    content_type, parse = "application/json", staticmethod(json.loads)
    key = "madapi-key"

    def __init__(self, confirmation=TAKEN, **options):
        super().__init__(confirmation, **options)

    def put(self, call):
        if call.headers.get("x-api-key") != self.key:
            raise Nonconformity(f"x-api-key is not ours: {call.headers}")
        super().put(call)


class Rung:
    """Of a phone whose carrier pushes: `gateway` is where it arrives."""

    gateway = None

    def rung(self, seconds=15.0):
        """The next push to this phone is on its screen; the screen. AssertionError when none comes."""
        call = self.gateway.take(lambda push: push and push.get("msisdn") == self.digits, seconds)
        assert call, f"{self.digits} is not rung in {seconds} s"
        self.last_push, push = call
        self.session, self.hops, self.calls = push.get("sessionId"), 0, []
        self.last, self.ended = self.judge_push(push)
        self.history = [("", self.last)]
        return self.last
