# SPDX-License-Identifier: Apache-2.0
"""What every lab server needs: a small bounded HTTP/1.1 server, a client, the ready line, waiting.

serve() takes one async handler(Request) -> Response. A Response can also misbehave on purpose:
cut=True closes the link without a byte, cut_after=n sends n octets of the answer and then closes,
hang=True never answers. run() prints the ready line and returns at SIGTERM or SIGINT.
"""

import asyncio
import ctypes
import json
import signal
import traceback
import urllib.parse

MAX_HEAD = 32 * 1024
MAX_BODY = 1024 * 1024
MAX_LINKS = 512
MAX_WAIT_MS = 60000
REASONS = {200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 400: "Bad Request",
           401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
           409: "Conflict", 411: "Length Required", 413: "Content Too Large", 415: "Unsupported",
           429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}


class HttpError(Exception):
    """Answer this status with this message."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status, self.message = status, message


class Request:
    __slots__ = ("method", "path", "query", "headers", "body")

    def json(self):
        """The body as a JSON object; HttpError 400 when it is none."""
        try:
            value = json.loads(self.body or b"{}")
        except (ValueError, RecursionError):
            raise HttpError(400, "the body is no JSON") from None
        if not isinstance(value, (dict, list)):
            raise HttpError(400, "the body must be a JSON object")
        return value

    def number(self, name, default=0):
        try:
            return int(self.query.get(name, default))
        except ValueError:
            raise HttpError(400, f"{name} must be a number") from None

    def wait_s(self):
        """Seconds a long poll may take (query wait_ms), bounded."""
        return max(0, min(self.number("wait_ms"), MAX_WAIT_MS)) / 1000


class Response:
    def __init__(self, status=200, body=b"", ctype="application/json", headers=(), *, cut=False,
                 cut_after=None, hang=False):
        self.status, self.ctype, self.headers = status, ctype, list(headers)
        self.body = body if isinstance(body, bytes) else str(body).encode()
        self.cut, self.cut_after, self.hang = cut, cut_after, hang

    def octets(self, keep):
        head = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Status')}"]
        if self.ctype and (self.body or self.status not in (202, 204)):
            head.append(f"Content-Type: {self.ctype}")
        head += [f"{k}: {v}" for k, v in self.headers]
        head += [f"Content-Length: {len(self.body)}",
                 "Connection: " + ("keep-alive" if keep else "close"), "", ""]
        return "\r\n".join(head).encode() + self.body


def reply(value, status=200):
    return Response(status, json.dumps(value).encode())    # ASCII: a text may hold half a pair


async def _read_chunked(reader):
    body = b""
    while True:
        line = await reader.readline()
        try:
            size = int(line.split(b";")[0], 16)
        except ValueError:
            raise HttpError(400, "bad chunk") from None
        if size < 0 or len(body) + size > MAX_BODY:
            raise HttpError(413, "body too large")
        if size == 0:
            while (await reader.readline()).strip():
                pass
            return body
        body += await reader.readexactly(size)
        await reader.readexactly(2)


async def _read_request(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    words = head[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise HttpError(400, "bad request line")
    request = Request()
    request.method = words[0]
    url = urllib.parse.urlsplit(words[1])
    request.path = urllib.parse.unquote(url.path)
    request.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
    request.headers = {}
    for line in head[1:]:
        name, colon, value = line.partition(":")
        if colon:
            request.headers.setdefault(name.strip().lower(), value.strip())
    if request.headers.get("transfer-encoding", "").lower() == "chunked":
        request.body = await _read_chunked(reader)
        return request
    try:
        length = int(request.headers.get("content-length", "0"))
    except ValueError:
        raise HttpError(400, "bad Content-Length") from None
    if not 0 <= length <= MAX_BODY:
        raise HttpError(413, "body too large")
    request.body = await reader.readexactly(length) if length else b""
    return request


async def _answer(handler, request):
    try:
        return await handler(request)
    except HttpError as error:
        return reply({"error": error.message}, error.status)
    except Exception as error:                   # a fault of the lab, or of the test that asked
        traceback.print_exc()
        return reply({"error": f"lab: {error!r}"}, 500)


async def _converse(handler, reader, writer):
    keep = True
    while keep:
        try:
            async with asyncio.timeout(120):         # wait_for can lose the cancel at our end
                request = await _read_request(reader)
        except HttpError as error:
            writer.write(reply({"error": error.message}, error.status).octets(False))
            return
        keep = request.headers.get("connection", "").lower() != "close"
        response = await _answer(handler, request)
        if response.hang:
            while await reader.read(65536):      # until the client gives up
                pass
            return
        if response.cut:
            writer.transport.abort()
            return
        octets = response.octets(keep)
        if response.cut_after is not None:
            writer.write(octets[:response.cut_after])
            await writer.drain()
            return
        writer.write(octets)
        await writer.drain()


async def serve(handler, host, port):
    """Start listening; returns (server, port)."""
    links = set()

    async def accept(reader, writer):
        if len(links) >= MAX_LINKS:
            writer.transport.abort()
            return
        links.add(writer)
        try:
            await _converse(handler, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError,
                asyncio.TimeoutError, UnicodeError):
            pass
        except asyncio.CancelledError:           # the lab is ending
            writer.transport.abort()
        finally:
            links.discard(writer)
            writer.close()

    server = await asyncio.start_server(accept, host, port, limit=MAX_HEAD)
    return server, server.sockets[0].getsockname()[1]


async def call(method, url, body=b"", headers=(), timeout=10):
    """One plain-HTTP request on its own link; returns (status, body) or (0, reason)."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        return 0, b"only http URLs"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    head = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}",
            "Connection: close", *(f"{k}: {v}" for k, v in headers), "", ""]

    async def exchange():
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
        try:
            writer.write("\r\n".join(head).encode() + body)
            await writer.drain()
            answer = await reader.read(MAX_BODY)
        finally:
            writer.close()
        first, _, rest = answer.partition(b"\r\n")
        words = first.split(b" ")
        return (int(words[1]) if len(words) > 1 and words[1].isdigit() else 0,
                rest.partition(b"\r\n\r\n")[2])

    try:
        async with asyncio.timeout(timeout):
            return await exchange()
    except asyncio.TimeoutError:
        return 0, b"timeout"
    except OSError as error:
        return 0, str(error).encode()


class Changes:
    """Lets a test wait for a fact instead of sleeping: note() wakes every waiter to look again."""

    def __init__(self):
        self.waiters = set()

    def note(self):
        if self.waiters:
            for waiter in self.waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self.waiters.clear()

    async def until(self, probe, seconds):
        """probe() as soon as it is true, or its last value after `seconds`."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            value = probe()
            left = end - loop.time()
            if value or left <= 0:
                return value
            waiter = loop.create_future()
            self.waiters.add(waiter)
            try:
                async with asyncio.timeout(left):    # wait_for loses a cancel that meets a note
                    await waiter
                await asyncio.sleep(0.002)       # many changes, one look
            except asyncio.TimeoutError:
                self.waiters.discard(waiter)


def die_with_parent():
    """SIGTERM us when our parent ends, so that a killed test leaves nothing running (Linux)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


async def run(**facts):
    """Print the ready line, then wait for SIGTERM or SIGINT."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    print(json.dumps({"ready": True, **facts}), flush=True)
    await done.wait()
