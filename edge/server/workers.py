"""Threads for the synchronous core: few of them, and a bounded number of requests waiting for one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from edge.errors import BusyError

T = TypeVar("T")


class Workers:
    """A thread pool that refuses work rather than letting it pile up."""

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._slots = threading.BoundedSemaphore(threads + waiting)

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Run ``work`` in a thread as soon as one is free.

        Raises:
            BusyError: too much is waiting already, or the server is stopping.
        """
        if not self._slots.acquire(blocking=False):
            raise BusyError("Too many requests are waiting.", "Try again in a moment.")
        try:
            future = self._pool.submit(work)
        except RuntimeError as error:
            self._slots.release()
            raise BusyError("The server is stopping.", "Start it again.") from error
        future.add_done_callback(lambda _: self._slots.release())
        return future

    async def run(self, work: Callable[[], T]) -> T:
        """Return the result of ``work``; raise what it raises, and ``BusyError``."""
        return await asyncio.wrap_future(self.submit(work))

    def close(self) -> None:
        """Wait for what is running; what has not begun is dropped."""
        self._pool.shutdown(cancel_futures=True)
