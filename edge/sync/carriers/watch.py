"""End a transfer that is too slow, wherever it hangs: greeting, headers or a body that trickles.

A time-out of a socket starts anew with every byte, so that a server may keep one busy for ever. Here a second thread
counts what arrived in each window and shuts the connection when that is too little.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Event, Thread
from typing import Self

LEAST_RATE = 1024
"""Bytes a second; a poor mobile link has five times as many."""

WINDOW_S = 30.0


class Watch:
    """Watches one request at a time; ``slow`` says afterwards whether it was ended."""

    def __init__(self, least_rate: int = LEAST_RATE, window_s: float = WINDOW_S) -> None:
        self.slow = False
        self._least, self._window_s = int(least_rate * window_s), window_s
        self._arrived = 0
        self._sockets: list[socket.socket] = []
        self._done = Event()

    def __enter__(self) -> Self:
        self.slow, self._arrived, self._done = False, 0, Event()
        Thread(target=self._watch, args=(self._done,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def follow(self, connection: socket.socket) -> socket.socket:
        """Watch a connection from here on. TLS takes the socket over, so this holds a duplicate."""
        self._sockets.append(connection.dup())
        return connection

    def count(self, arrived: int) -> None:
        """Count bytes that have arrived."""
        self._arrived += arrived

    def mark_answered(self) -> None:
        """Note that the headers have come, so that this window counts as passed."""
        self.count(self._least)

    def close(self) -> None:
        """Close the connections."""
        while self._sockets:
            self._sockets.pop().close()

    def __str__(self) -> str:
        return f"less than {self._least} bytes in {self._window_s:g} s"

    def _watch(self, done: Event) -> None:
        while not done.wait(self._window_s):
            arrived, self._arrived = self._arrived, 0
            if arrived < self._least:
                self.slow = True
                # Those of now: the first one that is shut lets the carrier go on, maybe to a new one.
                for connection in list(self._sockets):
                    with suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)
                return
