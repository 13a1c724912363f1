"""The parts that all endpoints share: the assistant, its threads, the turns under way and the metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from edge.errors import EdgeError
from edge.packs.drawer import PageDrawer
from edge.server.idle import IdlePrefill
from edge.server.instruments import Metrics
from edge.server.turns import Cancelled, Turns, Work
from edge.server.workers import Workers
from edge.types import Event, Question

if TYPE_CHECKING:
    from edge.app import Edge

SHORT_THREADS, SHORT_WAITING = 4, 64
DRAWING_THREADS, DRAWINGS_WAITING = 1, 64  # PDFium draws one page at a time
LIKELY = 3  # lists of passages; more would take the place of conversations
EMBEDDING_THREADS, EMBEDDINGS_WAITING = 1, 16  # there is one embedder


class Services:
    """The shared parts of one application.

    ``turns`` are the questions, ``embeddings`` the texts of others. ``short`` runs what takes milliseconds and
    ``drawing`` makes pictures of pages, so that no search waits for a turn or a page; ``health`` waits for neither.
    ``sockets`` is the number of WebSockets that are open.
    """

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.sockets = 0
        self.metrics = Metrics()
        self.short = Workers("short", SHORT_THREADS, SHORT_WAITING)
        self.health = Workers("health", 1, SHORT_WAITING)
        self.drawing = Workers("drawing", DRAWING_THREADS, DRAWINGS_WAITING)
        self.drawer = PageDrawer()
        settings, observe = edge.settings, self.metrics.observe
        self._turn_workers = Workers("turn", max(1, settings.max_requests), 0)
        self._embedding_workers = Workers("embedding", EMBEDDING_THREADS, 0)
        self.turns = Turns(self._turn_workers, settings.max_waiting, observe)
        self.embeddings = Turns(self._embedding_workers, EMBEDDINGS_WAITING, observe)
        self.metrics.watch(self.turns, edge.list_engines)
        self.idle = IdlePrefill(
            edge.get_prefiller,
            lambda: edge.assistant.list_likely_prompts(LIKELY),
            lambda: len(self.turns) > 0,
        )

    def prepare_answer(self, question: Question) -> Work[Event]:
        """Return the work of a turn that answers a question from the packs."""

        def work(cancelled: Cancelled) -> Iterator[Event]:
            return self.edge.assistant.answer(question, cancelled)

        return work

    def warm_up(self) -> None:
        """Start what the first question needs, in the background; a failure shows when it is asked."""
        self.short.submit(self._warm_up)
        if self.edge.settings.idle_prefill:
            self.idle.start()

    def _warm_up(self) -> None:
        with suppress(EdgeError):
            self.edge.warm_up()

    def stop(self) -> None:
        """End the turns: their streams would keep a stopping server waiting."""
        self.turns.stop()
        self.embeddings.stop()

    async def close(self) -> None:
        """End the turns and wait for their threads. The ``Edge`` belongs to whoever made it."""
        self.stop()
        await asyncio.to_thread(self.drawer.stop)
        await asyncio.to_thread(self.idle.stop)
        for workers in (self._turn_workers, self._embedding_workers, self.drawing, self.short, self.health):
            await asyncio.to_thread(workers.close)


def get_services(request: Request) -> Services:
    """Return the application's services."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(get_services)]
"""For endpoints to depend on."""
