"""A turn as server-sent events: ``evidence``, ``token``, ``answer``, ``error``.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import suppress

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from edge.errors import EdgeError
from edge.server import problems
from edge.server.problems import ClientGone
from edge.server.turns import Turn, Turns
from edge.types import Answered, Event, EvidenceFound, Question, TokenStreamed
from edge.wire import Json, answer_json, encode, evidence_json

MEDIA_TYPE = "text/event-stream"
KEEP_ALIVE = b": keep-alive\n\n"
STALLED_SECONDS = 30.0
"""A client that takes nothing for so long counts as gone: it would hold the engine."""

_LINE_END = re.compile(rb"\r\n|\r|\n")
_log = logging.getLogger(__name__)


class EventStream(StreamingResponse):
    """Answers a question event by event. What fails before the first event is a plain error response."""

    media_type = MEDIA_TYPE

    def __init__(self, turns: Turns, question: Question) -> None:
        super().__init__((), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._turns = turns
        self._question = question

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        async with self._turns.begin(self._question, receive) as turn:
            first = await turn.next()
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            with suppress(ClientGone, TimeoutError):
                async for part in _frames(turn, first, scope["path"]):
                    async with asyncio.timeout(STALLED_SECONDS):
                        await send({"type": "http.response.body", "body": part, "more_body": True})
                await send({"type": "http.response.body", "body": b""})


def frame(event: str, data: bytes) -> bytes:
    """One event; ``data`` may have several lines."""
    lines = b"".join(b"data: %b\n" % line for line in _LINE_END.split(data))
    return b"event: %b\n%b\n" % (event.encode("ascii"), lines)


async def _frames(turn: Turn, event: Event | None, path: str) -> AsyncIterator[bytes]:
    """From the first event to ``answer`` or ``error``."""
    try:
        while not isinstance(event, Answered):
            yield KEEP_ALIVE if event is None else _frame_of(event)
            event = await turn.next()
        yield _frame_of(event)
    except EdgeError as error:
        yield frame("error", encode(problems.of_error(error, path)))
    except ClientGone:
        raise
    except Exception:
        _log.exception("A turn failed")
        yield frame("error", encode(problems.internal(path)))


def _frame_of(event: Event) -> bytes:
    name, data = _named(event)
    return frame(name, encode(data))


def _named(event: Event) -> tuple[str, Json]:
    match event:
        case EvidenceFound():
            return "evidence", evidence_json(event)
        case TokenStreamed(text):
            return "token", {"text": text}
        case Answered(answer):
            return "answer", answer_json(answer)
