"""What the endpoints share: the assistant, the threads it runs in, the turns under way and the metrics."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from fastapi import Request

from edge.errors import EdgeError
from edge.server.instruments import Metrics
from edge.server.turns import Turns
from edge.server.workers import Workers

if TYPE_CHECKING:
    from edge.wiring import Edge

TURN_THREADS, TURNS_WAITING = 8, 32
SHORT_THREADS, SHORT_WAITING = 4, 64
DRAWING_THREADS, DRAWINGS_WAITING = 1, 64  # PDFium draws one page at a time


class Services:
    """Made once for each application.

    ``short`` runs what takes milliseconds and ``drawing`` makes pictures of pages, so that no search waits for a turn
    or a page.
    """

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.metrics = Metrics()
        self.short = Workers("short", SHORT_THREADS, SHORT_WAITING)
        self.drawing = Workers("drawing", DRAWING_THREADS, DRAWINGS_WAITING)
        self._turn_workers = Workers("turn", TURN_THREADS, TURNS_WAITING)
        self.turns = Turns(edge.assistant, self._turn_workers, self.metrics.answered)

    def warm_up(self) -> None:
        """Start what the first question needs, in the background; a failure shows when it is asked."""
        self.short.submit(self._warm_up)

    def _warm_up(self) -> None:
        with suppress(EdgeError):
            self.edge.warm_up()

    async def close(self) -> None:
        """End the turns and wait for their threads. The ``Edge`` belongs to whoever made it."""
        self.turns.stop()
        for workers in (self._turn_workers, self.drawing, self.short):
            await asyncio.to_thread(workers.close)


def services(request: Request) -> Services:
    """The application's services, for endpoints to depend on."""
    found: Services = request.app.state.services
    return found
