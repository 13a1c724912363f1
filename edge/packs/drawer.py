"""Draws pages in a process of its own: a page that hangs, crashes or swells costs its own picture only.

A PDF of 2 kB can ask for more drawing than a machine does in a year. The process has limits on time, memory and
pixels; when it reaches one it is killed, and the next page gets a new one.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from edge.errors import BusyError, EdgeError, PackError
from edge.packs.pages import INSTEAD, draw_page, locate_texts, refuse_other_types
from edge.types import Box

TIMEOUT_S = 20.0
"""A page of a manual takes 20 to 300 ms; a large drawing some seconds on a slow machine."""
MEMORY_BYTES = 1 << 30
POLL_S = 0.05

Unwanted = Callable[[], bool]
"""Asked now and then; True ends the work."""
Places = list[tuple[Box, ...]]


class PageDrawer:
    """One process that draws one page after another. Safe to use from several threads.

    Args:
        timeout_s: after this a page is given up.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self.timeout_s = timeout_s
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None

    def draw(
        self,
        original: bytes,
        media_type: str,
        page: int,
        highlight: Sequence[Box],
        width: int,
        is_unwanted: Unwanted = lambda: False,
    ) -> bytes:
        """Return what ``draw_page`` returns; its arguments and its errors are those too.

        Raises:
            PackError: the page takes too long or too much memory.
            BusyError: nobody wants it any more, or the server is stopping.
        """
        refuse_other_types(media_type)
        return bytes(
            self._do(partial(draw_page, original, media_type, page, highlight, width), page, is_unwanted)
        )

    def locate(
        self,
        original: bytes,
        media_type: str,
        page: int,
        texts: Sequence[str],
        is_unwanted: Unwanted = lambda: False,
    ) -> Places:
        """Return what ``locate_texts`` returns; errors as ``draw``."""
        refuse_other_types(media_type)
        places: Places = self._do(partial(locate_texts, original, media_type, page, texts), page, is_unwanted)
        return places

    def stop(self) -> None:
        """End the drawing under way; there is no other. Its process ends with it."""
        self._stopping.set()
        with self._lock:
            self._kill()

    def _do(self, work: partial[Any], page: int, is_unwanted: Unwanted) -> Any:
        """Let the process do it; it calls functions of ``edge.packs.pages`` only."""
        with self._lock:
            return self._wait(work, page, is_unwanted)

    def _wait(self, work: partial[Any], page: int, is_unwanted: Unwanted) -> Any:
        deadline = time.monotonic() + self.timeout_s
        try:
            connection = self._start()
            connection.send(work)
            while not connection.poll(POLL_S):
                if self._stopping.is_set() or is_unwanted():
                    raise BusyError("The drawing of the page was ended.", "Ask for it again.")
                if time.monotonic() > deadline:
                    message = f"Page {page} was given up: drawing it takes over {self.timeout_s:.0f} s."
                    raise PackError(message, INSTEAD)
            outcome = connection.recv()
        except (EOFError, OSError) as error:
            self._kill()
            raise PackError(f"Page {page} made its drawing fail.", INSTEAD) from error
        except EdgeError:
            self._kill()
            raise
        if isinstance(outcome, EdgeError):
            raise outcome
        return outcome

    def _start(self) -> Connection:
        """Return the connection to the process, which is started when there is none."""
        if self._stopping.is_set():
            raise BusyError("The server is stopping.", "Ask again when it is back.")
        if self._process is None or self._connection is None or not self._process.is_alive():
            self._kill()
            context = multiprocessing.get_context("spawn")  # a fork would copy threads and pipes
            self._connection, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
        return self._connection

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None


def _serve(connection: Connection) -> None:
    """Draw the pages that the parent asks for until it hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_die_with_parent, daemon=True).start()
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(EOFError):
        while True:
            connection.send(_work(connection.recv()))


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(work: partial[Any]) -> Any:
    """Do what is asked for. Return errors, so that they travel between processes like results."""
    try:
        return work()
    except EdgeError as error:
        return error
    except (ArithmeticError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError) as error:
        return PackError(f"The page cannot be drawn: {error!r}", INSTEAD)
