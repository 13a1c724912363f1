"""A limit on how often one client may ask: a token bucket for each address.

https://en.wikipedia.org/wiki/Token_bucket. Off while the server listens on loopback, where everybody who asks is this
machine's own program, or a proxy that knows its clients better.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.errors import UsageError
from edge.server.instruments import Metrics
from edge.server.problems import respond_with

SEARCH, HEALTH = "/search", "/health"
READS = 10
"""Requests that only read, for each question that a client may ask: a page of the manual takes several."""

MAX_CLIENTS = 4096
"""Buckets that are kept. Who has asked longest ago gets a full one."""

ADDRESSES_OF_A_NETWORK = 64
"""Bits of an IPv6 address that one customer is given whole: the rest costs nothing to change."""


class TooManyRequestsError(UsageError):
    """A client asks faster than it may."""

    http_status = 429
    title = "Too many requests"
    retry_after_s = 1


class Buckets:
    """Tokens of every client; a request takes one.

    Args:
        per_minute: how fast a bucket fills.
        burst: what it holds.
        clock: seconds that never go backwards.
    """

    def __init__(self, per_minute: int, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._burst, self._clock = per_minute / 60, max(1, burst), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> float:
        """Take a token and return 0, or return the seconds until there is one."""
        now = self._clock()
        tokens, then = self._buckets.pop(client, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - then) * self._per_second)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._per_second
        self._buckets[client] = (tokens if wait else tokens - 1, now)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return wait


class RateLimit:
    """Middleware that refuses what a client asks too often: questions (every POST, and searches), or anything else.

    Args:
        questions: the tokens of questions.
        reads: the tokens of all other requests but ``/health``.
    """

    def __init__(self, app: ASGIApp, questions: Buckets, reads: Buckets, metrics: Metrics) -> None:
        self._app = app
        self._questions, self._reads = questions, reads
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 429, or pass the request on. A WebSocket is read no faster than its client may ask."""
        if scope["type"] == "websocket":
            return await self._app(scope, self._slow_down(scope, receive), send)
        if scope["type"] != "http" or scope["path"] == HEALTH:
            return await self._app(scope, receive, send)
        asks = scope["method"] == "POST" or scope["path"] == SEARCH
        wait = (self._questions if asks else self._reads).take(identify_client(scope))
        if not wait:
            return await self._app(scope, receive, send)
        self._metrics.count_refusal("rate")
        error = TooManyRequestsError("You ask too often.", f"Ask again in {math.ceil(wait)} s.")
        error.retry_after_s = math.ceil(wait)
        await respond_with(error, scope["path"])(scope, receive, send)

    def _slow_down(self, scope: Scope, receive: Receive) -> Receive:
        async def receive_slowly() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive":
                while wait := self._questions.take(identify_client(scope)):
                    await asyncio.sleep(wait)
            return message

        return receive_slowly


def identify_client(scope: Scope) -> str:
    """Return the client that a request counts for: its address, of IPv6 the network."""
    host, _ = scope.get("client") or ("", 0)
    try:
        address = ip_address(host)
    except ValueError:
        return str(host)
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> ADDRESSES_OF_A_NETWORK << ADDRESSES_OF_A_NETWORK))
