"""A limit on connections: in all, from each address, and on the time that a request's header takes.

Every connection costs a file descriptor, of which a process has about a thousand. When there are too many, the one
that has waited longest without a request goes, so that half-open ones lock nobody out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from edge.server.limits import identify_client

MAX_CONNECTIONS = 512
MAX_FROM_ADDRESS = 128
"""Not for loopback, where everybody has one address."""
HEADER_SECONDS = 10.0
"""From the connection, or the first byte after a response, to the end of the header."""


class LimitedConnection(H11Protocol):
    """One connection of HTTP/1.1 that ends when its header does not, or when others need its place."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._since = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_waiting(self) -> bool:
        """True as long as no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def address(self) -> str:
        """The address that the limit for each address counts."""
        return identify_client({"client": self.client})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, and make room."""
        super().connection_made(transport)
        self._limit_time()
        everybody = [other for other in self.connections if isinstance(other, LimitedConnection)]
        _make_room(self, everybody, MAX_CONNECTIONS)
        if not _is_loopback(self.address):
            near = [other for other in everybody if other.address == self.address]
            _make_room(self, near, MAX_FROM_ADDRESS)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a header that has begun has to end in time."""
        super().data_received(data)
        if self.is_waiting and self in self.connections:
            self._limit_time()
        else:
            self._stop_timer()  # at work, or no longer HTTP: the connection has become a WebSocket

    def on_response_complete(self) -> None:
        """Wait for the next request, last among those that wait."""
        self._since = time.monotonic()
        super().on_response_complete()

    def abort(self) -> None:
        """Close at once, without an answer."""
        self.connections.discard(self)
        self.transport.abort()

    def _limit_time(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEADER_SECONDS, self._end_late_header)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end_late_header(self) -> None:
        if self.is_waiting:
            self.abort()


def _make_room(new: LimitedConnection, among: Iterable[LimitedConnection], most: int) -> None:
    """End the connection that has waited longest, if there are too many; the new one if all are at work."""
    alive = [one for one in among if one in one.connections]
    if len(alive) > most:
        waiting = [one for one in alive if one.is_waiting and one is not new]
        min(waiting, key=lambda one: one._since, default=new).abort()


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return True  # a socket of this machine
