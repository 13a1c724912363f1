"""One HTTP request in a thread of its own, so that the thread that waits for it can give it up at any moment.

Every call has its own connection: closing it is what tells the server that nobody listens any more. No redirect is
followed: a key must not travel to where nobody sent it.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from queue import Empty, Full, Queue
from threading import Event, Thread

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout, make_headers, parse_url

BLOCK = 1 << 16
WAITING_BLOCKS = 16
"""Blocks that are read ahead: one megabyte at the most."""

POLL_S = 0.05

FAILURES = (HTTPError, HTTPException, OSError, ValueError)
"""All that a call may raise, from a name that is unknown to a chunk that is cut."""


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a response."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a server: its certificates, a proxy (empty for none), seconds to connect and of silence."""

    tls: ssl.SSLContext
    proxy: str
    connect_s: float
    read_s: float


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request. Without a body it is a GET."""

    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


class Call:
    """A request under way; it starts at once.

    `read_head` first, then `read_block` until it returns nothing; `close` in any case. Each raises one of ``FAILURES``
    where the connection fails, and returns None as soon as ``cancelled()``.
    """

    def __init__(self, request: Request, route: Route) -> None:
        self._request, self._route = request, route
        self._items: Queue[Head | bytes | BaseException] = Queue(WAITING_BLOCKS)
        self._closed = Event()
        self._head: Head | None = None
        self._sockets: list[socket.socket] = []
        Thread(target=self._run, name="openai", daemon=True).start()

    def read_head(self, cancelled: Callable[[], bool]) -> Head | None:
        """Return status and headers, also later on."""
        if self._head is None:
            item = self._take(cancelled)
            assert item is None or isinstance(item, Head)
            self._head = item
        return self._head

    def read_block(self, cancelled: Callable[[], bool]) -> bytes | None:
        """Return the next bytes as they came; ``b""`` at the end."""
        item = self._take(cancelled)
        assert item is None or isinstance(item, bytes)
        return item

    def close(self) -> None:
        """Close the connection, wherever the call is. Closing twice is allowed."""
        self._closed.set()
        for connection in self._sockets:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _take(self, cancelled: Callable[[], bool]) -> Head | bytes | None:
        while not cancelled():
            with suppress(Empty):
                item = self._items.get(timeout=POLL_S)
                if isinstance(item, BaseException):
                    raise item
                return item
        return None

    def _run(self) -> None:
        try:
            self._talk()
        except FAILURES as error:
            self._put(error)
        finally:
            while self._sockets:
                self._sockets.pop().close()

    def _talk(self) -> None:
        request, route = self._request, self._route
        with _make_manager(self, route) as manager:
            response = manager.request(
                "GET" if request.body is None else "POST",
                request.url,
                body=request.body,
                headers=dict(request.headers),
                timeout=Timeout(connect=route.connect_s, read=route.read_s),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                self._put(Head(response.status, response.headers))
                block = b"begin"
                while block and not self._closed.is_set():
                    block = response.read1(BLOCK, decode_content=False)
                    self._put(block)
            finally:
                response.close()

    def _put(self, item: Head | bytes | BaseException) -> None:
        while not self._closed.is_set():
            with suppress(Full):
                return self._items.put(item, timeout=POLL_S)

    def follow(self, connection: socket.socket) -> socket.socket:
        """Remember a connection, to be shut by `close`. TLS takes the socket over, so this holds a duplicate."""
        self._sockets.append(connection.dup())
        if self._closed.is_set():
            connection.close()
            raise OSError("given up")
        return connection


def _make_manager(call: Call, route: Route) -> urllib3.PoolManager:
    if route.proxy:
        url = parse_url(route.proxy if "://" in route.proxy else f"http://{route.proxy}")
        credentials = make_headers(proxy_basic_auth=url.auth) if url.auth else None
        manager: urllib3.PoolManager = urllib3.ProxyManager(
            url._replace(auth=None).url, proxy_headers=credentials, ssl_context=route.tls
        )
    else:
        manager = urllib3.PoolManager(ssl_context=route.tls)

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return call.follow(super()._new_conn())

    class Tls(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return call.follow(super()._new_conn())

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    manager.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}
    return manager
