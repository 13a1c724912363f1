"""A turn runs in a thread; its events are awaited on the event loop.

So many turns run at once and so many more wait in order; what comes on top is refused. Events pass through a short
queue: a client that reads slowly slows its own turn down. When the client goes away, or the server stops,
``cancelled()`` becomes true for the engine, and a turn that waited has left the queue.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Generic, TypeVar

from starlette.types import Receive

from edge.errors import BusyError, EngineError
from edge.server.problems import ClientGone
from edge.server.workers import Workers

BUFFERED = 16
"""Events between the thread and the loop."""

KEEP_ALIVE_SECONDS = 15.0
MAX_RETRY_AFTER_S = 60

T = TypeVar("T")
Cancelled = Callable[[], bool]
Work = Callable[[Cancelled], Iterator[T]]
Observe = Callable[[object], None]


class FullError(BusyError):
    """As many requests wait as may."""

    retry_after_s = 1


class Turn(Generic[T]):
    """One piece of work under way.

    Args:
        work: yields events until it is done or ``cancelled()``; what it raises, ``next`` raises.
        observe: is shown every event and every error that reaches the client.
    """

    def __init__(self, work: Work[T], observe: Observe) -> None:
        self._work = work
        self._observe = observe
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[T | Exception] = asyncio.Queue()
        self._free = threading.Semaphore(BUFFERED)
        self._stopped = threading.Event()

    async def next(self) -> T | None:
        """Return the next event, or None when nothing came for ``KEEP_ALIVE_SECONDS``.

        Raises:
            ClientGone: the client closed its connection.
            EdgeError: whatever the work raises; that it ended, when it is asked for more than there is.
        """
        try:
            async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                event = await self._events.get()
        except TimeoutError:
            return None
        self._free.release()
        self._observe(event)
        if isinstance(event, Exception):
            raise event
        return event

    @property
    def has_more(self) -> bool:
        """True if the next event is there already."""
        return not self._events.empty()

    def run(self) -> None:
        """Do the work and pass its events on. The thread runs this."""
        if self._stopped.is_set():
            return
        try:
            for event in self._work(self._stopped.is_set):
                self._put(event)
                if self._stopped.is_set():
                    return
            raise EngineError("The answer broke off.", "Ask again.")
        except Exception as error:  # every kind of it is the client's to see, as a problem
            self._put(error)

    def stop(self, reason: Exception) -> None:
        """Make ``cancelled()`` true and let ``next`` raise ``reason``. For the event loop only."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._free.release(BUFFERED)  # lets a thread that waits for room go on
        while not self._events.empty():
            self._events.get_nowait()
        self._events.put_nowait(reason)

    def _put(self, event: T | Exception) -> None:
        self._free.acquire()
        if not self._stopped.is_set():
            with suppress(RuntimeError):  # the loop was closed meanwhile
                self._loop.call_soon_threadsafe(self._deliver, event)

    def _deliver(self, event: T | Exception) -> None:
        if not self._stopped.is_set():
            self._events.put_nowait(event)


class Turns:
    """The turns that run and those that wait. For the event loop only.

    Args:
        workers: one thread for each turn that may run.
        waiting: turns that may wait.
    """

    def __init__(self, workers: Workers, waiting: int, observe: Observe) -> None:
        self._workers = workers
        self._most_waiting = waiting
        self._observe = observe
        self._begun: set[Turn[Any]] = set()
        self._running: set[Turn[Any]] = set()
        self._waiting: deque[Turn[Any]] = deque()
        self._usual_s = 1.0

    def __len__(self) -> int:
        return len(self._begun)

    @property
    def running(self) -> int:
        """The number of turns that have a thread."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """The number of turns that wait for one."""
        return len(self._waiting)

    @asynccontextmanager
    async def begin(self, work: Work[T], receive: Receive) -> AsyncIterator[Turn[T]]:
        """Work until the block is left, or ``receive`` says that the client is gone.

        Raises:
            FullError: too many turns are waiting.
            BusyError: the server is stopping.
        """
        turn = Turn(work, self._observe)
        self._admit(turn)
        watcher = asyncio.create_task(_watch(receive, turn))
        self._begun.add(turn)
        try:
            yield turn
        finally:
            self._begun.discard(turn)
            watcher.cancel()
            turn.stop(ClientGone())
            with suppress(ValueError):
                self._waiting.remove(turn)

    def stop(self) -> None:
        """End all turns: the server is stopping."""
        self._waiting.clear()
        for turn in self._begun:
            turn.stop(BusyError("The server is stopping.", "Ask again when it is back."))

    def _admit(self, turn: Turn[Any]) -> None:
        if len(self._running) < self._workers.threads:
            self._run(turn)
        elif len(self._waiting) < self._most_waiting:
            self._waiting.append(turn)
        else:
            raise self._refuse()

    def _run(self, turn: Turn[Any]) -> None:
        loop, began = asyncio.get_running_loop(), time.monotonic()

        def report_end(_: object) -> None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._finish, turn, time.monotonic() - began)

        future = self._workers.submit(turn.run)
        self._running.add(turn)
        future.add_done_callback(report_end)

    def _finish(self, turn: Turn[Any], took_s: float) -> None:
        self._running.discard(turn)
        self._usual_s += 0.1 * (took_s - self._usual_s)
        while self._waiting and len(self._running) < self._workers.threads:
            waited = self._waiting.popleft()
            try:
                self._run(waited)
            except BusyError as error:
                waited.stop(error)

    def _refuse(self) -> FullError:
        """Return the refusal; a place in the queue should be free after what a turn takes, by the number of threads."""
        seconds = min(MAX_RETRY_AFTER_S, math.ceil(self._usual_s / self._workers.threads))
        error = FullError("Too many requests are waiting.", f"Try again in {seconds} s.")
        error.retry_after_s = seconds
        self._observe(error)
        return error


async def _watch(receive: Receive, turn: Turn[Any]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    turn.stop(ClientGone())
