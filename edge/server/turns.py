"""A turn runs in a thread; its events are awaited on the event loop.

Events pass through a short queue: a client that reads slowly slows its own turn down. When the client goes away,
or the server stops, ``cancelled()`` becomes true for the engine and the thread is free again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.types import Receive

from edge.assistant import Assistant
from edge.errors import BusyError
from edge.server.problems import ClientGone
from edge.server.workers import Workers
from edge.types import Answer, Answered, Event, Question

BUFFERED = 16
"""Events between the thread and the loop."""

KEEP_ALIVE_SECONDS = 15.0

OnAnswer = Callable[[Answer], None]


class Turn:
    """One question being answered."""

    def __init__(self, assistant: Assistant, question: Question, on_answer: OnAnswer) -> None:
        self._assistant = assistant
        self._question = question
        self._on_answer = on_answer
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event | Exception] = asyncio.Queue(BUFFERED)
        self._stopped = threading.Event()

    async def next(self) -> Event | None:
        """The next event, or None when nothing came for ``KEEP_ALIVE_SECONDS``.

        Raises:
            ClientGone: the client closed its connection.
            EdgeError: whatever answering raises.
        """
        try:
            async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                event = await self._events.get()
        except TimeoutError:
            return None
        if isinstance(event, Exception):
            raise event
        if isinstance(event, Answered):
            self._on_answer(event.answer)
        return event

    async def answer(self) -> Answer:
        """The answer, passing over the events before it; raises as ``next`` does."""
        while True:
            event = await self.next()
            if isinstance(event, Answered):
                return event.answer

    def work(self) -> None:
        """Answer the question: what the thread does."""
        if self._stopped.is_set():
            return
        try:
            for event in self._assistant.answer(self._question, self._stopped.is_set):
                self._hand_over(event)
                if self._stopped.is_set():
                    return
        except Exception as error:  # every kind of it is the client's to see, as a problem
            self._hand_over(error)

    def stop(self, reason: Exception) -> None:
        """Make ``cancelled()`` true and let ``next`` raise ``reason``. For the event loop only."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        while not self._events.empty():  # lets a thread that waits for room go on
            self._events.get_nowait()
        self._events.put_nowait(reason)

    def _hand_over(self, event: Event | Exception) -> None:
        if not self._stopped.is_set():
            asyncio.run_coroutine_threadsafe(self._events.put(event), self._loop).result()


class Turns:
    """The turns that are running."""

    def __init__(self, assistant: Assistant, workers: Workers, on_answer: OnAnswer) -> None:
        self._assistant = assistant
        self._workers = workers
        self._on_answer = on_answer
        self._running: set[Turn] = set()

    def __len__(self) -> int:
        return len(self._running)

    @asynccontextmanager
    async def begin(self, question: Question, receive: Receive) -> AsyncIterator[Turn]:
        """Answer a question until the block is left, or ``receive`` says that the client is gone.

        Raises:
            BusyError: too many questions are waiting.
        """
        turn = Turn(self._assistant, question, self._on_answer)
        self._workers.submit(turn.work)
        watcher = asyncio.create_task(_watch(receive, turn))
        self._running.add(turn)
        try:
            yield turn
        finally:
            self._running.discard(turn)
            watcher.cancel()
            turn.stop(ClientGone())

    def stop(self) -> None:
        """End all turns: the server is stopping."""
        for turn in self._running:
            turn.stop(BusyError("The server is stopping.", "Ask again when it is back."))


async def _watch(receive: Receive, turn: Turn) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    turn.stop(ClientGone())
