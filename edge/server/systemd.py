"""systemd and the service: it hands over listening sockets (sd_listen_fds) and hears the state (sd_notify).

Without systemd there are no such sockets, and nobody is told.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, MutableMapping
from contextlib import suppress

from edge.errors import UsageError
from edge.server.security import is_loopback

FIRST = 3
"""The descriptor of the first socket; the others follow."""

LISTEN_ON_TCP = (
    "Name addresses and ports in the socket unit: ListenStream=127.0.0.1:8765, without Accept=yes."
)


def take_listeners(environ: MutableMapping[str, str] = os.environ) -> list[socket.socket]:
    """Return the sockets that were handed to this process, usually none. Its children will not hear of them.

    Raises:
        UsageError: one is no listening TCP socket.
    """
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    return [_open_listener(FIRST + index) for index in range(int(count))]


def find_public(listeners: list[socket.socket]) -> socket.socket:
    """Return the socket whose address decides who may ask: the one outside loopback, if there is one.

    Raises:
        UsageError: they listen on several networks.
    """
    outside = {host: listener for listener in listeners if not is_loopback(host := get_address(listener))}
    if len(outside) > 1:
        raise UsageError(
            f"The sockets from systemd listen on {' and '.join(outside)}.",
            "Name one address in the socket unit, or [::] for all of them; loopback may stand beside it.",
        )
    return next(iter(outside.values()), listeners[0])


def get_address(listener: socket.socket) -> str:
    """Return the address a socket listens on."""
    return str(listener.getsockname()[0])


def is_service(environ: Mapping[str, str] = os.environ) -> bool:
    """Return True if systemd runs this process and waits to hear that it is ready."""
    return "NOTIFY_SOCKET" in environ


def notify(state: str, environ: Mapping[str, str] = os.environ) -> None:
    """Tell systemd, if it wants to hear: ``READY=1``, ``STOPPING=1``."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(state.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)


def _open_listener(descriptor: int) -> socket.socket:
    try:
        os.set_inheritable(descriptor, False)
        listener = socket.socket(fileno=descriptor)
    except OSError as error:
        raise UsageError(
            f"What systemd handed over as descriptor {descriptor} is no socket.", LISTEN_ON_TCP
        ) from error
    internet = listener.family in (socket.AF_INET, socket.AF_INET6)
    listening = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if not (internet and listening and listener.type == socket.SOCK_STREAM):
        listener.close()
        raise UsageError("A socket that systemd handed over does not listen on TCP.", LISTEN_ON_TCP)
    return listener
