# SPDX-License-Identifier: Apache-2.0
"""Carriers that let us begin: the gateway that takes a push of JSON, and the phone that it rings."""
import json
import secrets
import urllib.parse

from carriers.asynchronous import Gateway

TAKEN = b'{"statusCode":"0000","statusMessage":"Success","transactionId":"t","data":{"outboundResponse":"ok"}}'


class PushGateway(Gateway):
    """MTN MADAPI's POST /messages/ussd/outbound: x-api-key must be key and, with a client (its id and its secret), Authorization a
    token of token_url that has not ended. Other calls are answered 401 and do not arrive."""

    content_type, parse = "application/json", staticmethod(json.loads)
    key = "madapi-key"

    def __init__(self, confirmation=TAKEN, client=None, **options):
        self.client, self.minted = client, []
        self.heal()
        super().__init__(confirmation, **options)
        self.token_url = self.url + "v1/oauth/access_token?grant_type=client_credentials"

    def heal(self):
        """As at first, but for the tokens that were given out."""
        self.answer, self.confirmation = 200, TAKEN
        self.believes = True             # False: no token opens anything
        self.life = "3599"               # of the next token, a text as theirs
        self.token_answer = 200          # 0: none at all
        self.turned_away = 0

    def revoke(self):
        """No token of before opens anything any more."""
        self.minted = [None for _ in self.minted]

    def answers(self, path, heads, body):
        if path.startswith("/v1/oauth/"):
            return (*self.mint(heads, body), False)
        if not self.lets_in(heads):
            self.turned_away += 1
            return 401, b'{"statusCode":"4001"}', False
        return super().answers(path, heads, body)

    def lets_in(self, heads):
        scheme, _, token = heads.get("authorization", "").partition(" ")
        bears = scheme == "Bearer" and token in self.minted[-1:] and self.believes if self.client else not scheme
        return bears and heads.get("x-api-key") == self.key

    def mint(self, heads, body):
        form = urllib.parse.parse_qs(body.decode())
        if heads.get("content-type") != "application/x-www-form-urlencoded" or form != {
                "grant_type": ["client_credentials"], "client_id": [self.client[0]], "client_secret": [self.client[1]]}:
            return 401, b'{"error":"invalid_client"}'
        if self.token_answer != 200:
            return self.token_answer, b""
        self.minted.append(secrets.token_urlsafe(900))
        return 200, json.dumps({"token_type": "BearerToken", "access_token": self.minted[-1], "expires_in": self.life,
                                "status": "approved"}).encode()


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
