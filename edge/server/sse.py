"""A turn as server-sent events.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import logging
import re
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Generic

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from edge.errors import EdgeError
from edge.server import problems
from edge.server.problems import ClientGone
from edge.server.turns import T, Turn, Turns, Work
from edge.shapes import Problem

MEDIA_TYPE = "text/event-stream"
KEEP_ALIVE = b": keep-alive\n\n"
STALLED_SECONDS = 30.0
"""A client that takes nothing for so long counts as gone: it would hold the engine."""

_LINE_END = re.compile(rb"\r\n|\r|\n")
_log = logging.getLogger(__name__)


class EventStream(StreamingResponse, Generic[T]):
    """Sends a turn event by event. What fails before the first event is a plain error response."""

    media_type = MEDIA_TYPE

    def __init__(self, turns: Turns, work: Work[T]) -> None:
        super().__init__((), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._turns = turns
        self._work = work

    @abstractmethod
    def encode_event(self, event: T) -> bytes:
        """Return the bytes to send for an event; nothing for some."""

    @abstractmethod
    def is_last(self, event: T) -> bool:
        """Return True if the turn ends with it."""

    @abstractmethod
    def encode_failure(self, problem: Problem) -> bytes:
        """Return the bytes to send when something fails after the first event."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        async with self._turns.begin(self._work, receive) as turn:
            first = await turn.next()
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            with suppress(ClientGone, TimeoutError):
                unsent = b""
                async for part in self._encode_turn(turn, first, scope["path"]):
                    unsent += part
                    if turn.has_more:  # goes out together: a write for each costs twice the processor time
                        continue
                    async with asyncio.timeout(STALLED_SECONDS):
                        await send({"type": "http.response.body", "body": unsent, "more_body": True})
                    unsent = b""
                await send({"type": "http.response.body", "body": unsent})

    async def _encode_turn(self, turn: Turn[T], event: T | None, path: str) -> AsyncIterator[bytes]:
        """Yield bytes from the first event to the last, or to a failure."""
        try:
            while event is None or not self.is_last(event):
                if part := KEEP_ALIVE if event is None else self.encode_event(event):
                    yield part
                event = await turn.next()
            yield self.encode_event(event)
        except EdgeError as error:
            yield self.encode_failure(problems.describe_error(error, path))
        except ClientGone:
            raise
        except Exception:
            _log.exception("A turn failed")
            yield self.encode_failure(problems.describe_fault(path))


def encode_frame(event: str, data: bytes) -> bytes:
    """Encode one event, named unless ``event`` is empty; ``data`` may have several lines."""
    lines = b"".join(b"data: %b\n" % line for line in _LINE_END.split(data))
    name = b"event: %b\n" % event.encode("ascii") if event else b""
    return b"%b%b\n" % (name, lines)
