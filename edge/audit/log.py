"""The log as turns see it: a row is handed over, and whoever waits for it goes on once it is on the disk.

One thread writes. All rows that wait go into one commit, so that a busy server pays for the disk once for many.
The thread also loads what encrypts, while the turn still searches.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from edge.audit.entry import NewRow
from edge.errors import EdgeError, StorageError

if TYPE_CHECKING:
    from edge.audit.store import LogStore

MOST_ROWS = 1024
"""In one commit."""

RETRY_S = 60.0
"""A log that could not be written is left alone for so long."""

_log = logging.getLogger(__name__)


class AuditLog:
    """The log of this device, opened when first needed. Safe to use from several threads.

    Args:
        folder: where it lies.
        device: the name of the device, for a log that begins.
        clock: seconds that never go backwards.
    """

    def __init__(self, folder: Path, device: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder, self.device = folder, device
        self._clock = clock
        self._queue: SimpleQueue[tuple[NewRow, Future[int]] | None] = SimpleQueue()
        self._lock = threading.Lock()  # over the thread
        self._thread: threading.Thread | None = None
        self._store: LogStore | None = None
        self._problem: EdgeError | None = None
        self._retry_at = 0.0

    @property
    def problem(self) -> EdgeError | None:
        """Why rows cannot be written for now; None while all is well."""
        return self._problem

    def warm_up(self) -> None:
        """Begin to load what writing needs, and return at once."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
                self._thread.start()

    def submit(self, row: NewRow) -> Future[int]:
        """Hand over a row. The result is its number, once it is on the disk; else an ``EdgeError``."""
        self.warm_up()
        future: Future[int] = Future()
        self._queue.put((row, future))
        return future

    def close(self) -> None:
        """Write what waits, and close the log. Closing twice is allowed."""
        with self._lock:
            if self._thread is not None:
                self._queue.put(None)
                self._thread.join()
                self._thread = None

    def _run(self) -> None:
        from edge.audit import store  # noqa: F401 - loads what encrypts

        waiting: list[tuple[NewRow, Future[int]]] = []
        ended = False
        while not ended:
            ended = self._take(waiting)
            if waiting:
                self._write(waiting)
                waiting.clear()
        if self._store is not None:
            self._store.close()
            self._store = None

    def _take(self, waiting: list[tuple[NewRow, Future[int]]]) -> bool:
        """Wait for a row and take all that are there; True when the log is being closed."""
        item = self._queue.get()
        while item is not None:
            waiting.append(item)
            if len(waiting) == MOST_ROWS:
                return False
            try:
                item = self._queue.get_nowait()
            except Empty:
                return False
        return True

    def _write(self, waiting: list[tuple[NewRow, Future[int]]]) -> None:
        try:
            numbers = self._append([row for row, _ in waiting])
        except EdgeError as error:
            for _, future in waiting:
                future.set_exception(error)
        else:
            for (_, future), number in zip(waiting, numbers, strict=True):
                future.set_result(number)

    def _append(self, rows: list[NewRow]) -> list[int]:
        from edge.audit.store import LogStore

        if self._problem is not None and self._clock() < self._retry_at:
            raise self._problem
        try:
            if self._store is None:
                self._store = LogStore(self.folder, self.device)
            numbers = self._store.append(rows)
        except EdgeError as error:
            self._give_up(error)
            raise
        except Exception as error:  # nobody who waits may wait for ever
            _log.exception("The audit log failed")
            failure = StorageError(f"The audit log failed: {error}.", "edge audit verify")
            self._give_up(failure)
            raise failure from error
        self._problem = None
        return numbers

    def _give_up(self, error: EdgeError) -> None:
        if self._problem is None:
            _log.warning("%s Turns are not recorded meanwhile.", error.message)
        self._problem, self._retry_at = error, self._clock() + RETRY_S
        if self._store is not None:
            self._store.close()
            self._store = None
