"""The running server: its sockets, uvicorn and the signals."""

from __future__ import annotations

import errno
import http.client
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import FastAPI

from edge.errors import BusyError, EdgeError, UsageError
from edge.server import systemd
from edge.server.app import create_app
from edge.server.body import MAX_BYTES
from edge.server.connections import LimitedConnection
from edge.server.services import Services

if TYPE_CHECKING:
    from edge.app import Edge

BACKLOG = 128
GRACE_SECONDS = 5
"""For responses under way when the server stops."""

PROBE_SECONDS = 3
"""For whoever has the port to say what it is: a service that systemd starts for it needs a moment."""

ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""localhost may name an IPv6 address first on a machine that has none; then the next one is tried."""

Ready = Callable[[str], None]


def serve(edge: Edge, host: str, port: int, ready: Ready = lambda url: None) -> None:
    """Answer over HTTP until SIGINT or SIGTERM.

    Sockets that systemd hands over take the place of ``host`` and ``port``.

    Args:
        port: 0 takes any that is free.
        ready: called with the URL as soon as requests are answered.

    Raises:
        BusyError: something else listens there.
        UsageError: no such address or port, or one that needs a token and has none.
    """
    with ExitStack() as stack:
        listeners = [stack.enter_context(listener) for listener in systemd.take_listeners()]
        if listeners:
            host = systemd.get_address(systemd.find_public(listeners))
        app = create_app(edge, host)
        listeners = listeners or [stack.enter_context(bind(host, port))]
        url = make_url(host, systemd.find_public(listeners))
        server = Server(app, lambda: _announce(url, ready))
        with _stop_on_signals(server):
            server.run(sockets=listeners)


def _announce(url: str, ready: Ready) -> None:
    systemd.notify(f"READY=1\nSTATUS=Answering at {url}")
    ready(url)


class Server(uvicorn.Server):
    """uvicorn with an application object, a quiet log and a word when it is ready."""

    def __init__(self, app: FastAPI, ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            http=LimitedConnection,
            ws="websockets-sansio",
            ws_max_size=MAX_BYTES,
            ws_per_message_deflate=False,
            lifespan="on",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        super().__init__(config)
        self._services: Services = app.state.services
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the turns first: their streams would keep the server waiting."""
        systemd.notify("STOPPING=1")
        self._services.stop()
        await super().shutdown(sockets)


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket, so that an error in the address shows before anything starts.

    Raises:
        BusyError, UsageError: as ``serve``.
    """
    if not 0 <= port <= 65535:
        raise UsageError(f"{port} is not a port.", "Ports are 1 to 65535; 0 takes any that is free.")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"There is no address '{host}'.", "Use 127.0.0.1 for this machine alone.") from error
    failure = OSError(errno.EADDRNOTAVAIL, "no address")
    for family, _, _, _, address in found:
        try:
            return _listen(family, address)
        except OSError as error:
            failure = error
            if error.errno not in ABSENT:
                break
    raise _explain(failure, host, port) from failure


def _listen(family: int, address: tuple[Any, ...]) -> socket.socket:
    # asyncio switches off Nagle's delay (40 ms a response) only where the protocol is named.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # a port left a moment ago is free; on Windows it would mean something else
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def make_url(host: str, listener: socket.socket) -> str:
    """Return the URL of a server."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}"


def _explain(error: OSError, host: str, port: int) -> EdgeError:
    if error.errno == errno.EADDRINUSE and _is_edge(host, port):
        return BusyError(
            f"edge runs already and answers on port {port} of {host}, maybe as a service.",
            "Use that one, or take another port with --port. The service stops with: "
            "systemctl stop edge.socket edge.service",
        )
    if error.errno == errno.EADDRINUSE:
        return BusyError(
            f"Port {port} is in use on {host}.", "Stop what uses it, or take another with --port."
        )
    if error.errno == errno.EACCES:
        return UsageError(f"Port {port} may not be used.", "Take one above 1023 with --port.")
    if error.errno == errno.EADDRNOTAVAIL:
        return UsageError(f"{host} is not an address of this machine.", "Use 127.0.0.1, or one it has.")
    return UsageError(f"{host}:{port} cannot be listened on: {error.strerror}.", "Try another --port.")


def _is_edge(host: str, port: int) -> bool:
    """Return True if an edge listens there."""
    connection = http.client.HTTPConnection(host, port, timeout=PROBE_SECONDS)
    with closing(connection), suppress(OSError, http.client.HTTPException, ValueError):
        connection.request("GET", "/health")
        return {"status", "version", "engine"} <= set(json.load(connection.getresponse()))
    return False


@contextmanager
def _stop_on_signals(server: uvicorn.Server) -> Iterator[None]:
    """Return after a signal rather than die of it: uvicorn stops, then sends itself the signal again."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
