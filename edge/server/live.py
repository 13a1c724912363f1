"""/ws: questions and the events of their answers over one WebSocket, for whoever keeps a line open.

A message from the client is a question, in the shape of ``POST /chat``. What comes back is ``{"event", "data"}``, with
the events that ``/chat`` streams. One question at a time: another message ends the turn under way, and
``{"stop": true}`` does no more than that.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress

from fastapi import APIRouter, WebSocket
from pydantic import ValidationError
from starlette.types import Message
from starlette.websockets import WebSocketDisconnect

from edge.errors import EdgeError, UsageError
from edge.server import problems
from edge.server.chat import dump_event
from edge.server.problems import ClientGone
from edge.server.schema import ChatRequest, Subject
from edge.server.services import Services
from edge.server.sse import STALLED_SECONDS
from edge.shapes import Json, encode
from edge.types import Answered

PATH = "/ws"
MAX_SOCKETS = 64
TRY_LATER = 1013
"""https://www.iana.org/assignments/websocket: try again later."""

router = APIRouter()
_log = logging.getLogger(__name__)


@router.websocket(PATH)
async def answer_questions(socket: WebSocket, subject: Subject = "") -> None:
    """Answer questions until the client goes away."""
    services: Services = socket.app.state.services
    await socket.accept()
    if services.sockets >= MAX_SOCKETS:
        return await socket.close(TRY_LATER, "Too many connections")
    services.sockets += 1
    try:
        with suppress(ClientGone, TimeoutError, WebSocketDisconnect):
            await Line(socket, services, subject).serve()
    finally:
        services.sockets -= 1


class Line:
    """The line to one client."""

    def __init__(self, socket: WebSocket, services: Services, subject: str) -> None:
        self._socket = socket
        self._services = services
        self._subject = subject
        self._next: Message | None = None

    async def serve(self) -> None:
        """Answer one question after another.

        Raises:
            ClientGone, TimeoutError: the client went away, or reads nothing any more.
        """
        while True:
            message = self._next or await self._socket.receive()
            self._next = None
            if message["type"] == "websocket.disconnect":
                raise ClientGone
            await self._answer(message)

    async def _answer(self, message: Message) -> None:
        try:
            asked = _read_question(message)
            if asked is not None:
                await self._follow(asked)
        except EdgeError as error:
            await self._send("error", problems.describe_error(error, PATH))
        except (ClientGone, TimeoutError, WebSocketDisconnect):
            raise
        except Exception:
            _log.exception("A turn failed")
            await self._send("error", problems.describe_fault(PATH))

    async def _follow(self, asked: ChatRequest) -> None:
        """Send the events of a turn, to its end or until the client sends something else."""
        work = self._services.prepare_answer(asked.to_question(self._subject))
        async with self._services.turns.begin(work, self._receive_next) as turn:
            event = None
            while not isinstance(event, Answered):
                try:
                    event = await turn.next()
                except ClientGone:
                    return  # stopped by the next message, which may be the last
                if event is not None:
                    await self._send(*dump_event(event))

    async def _receive_next(self) -> Message:
        """Wait for the next message, keep it, and say that nobody waits for this turn any more."""
        self._next = await self._socket.receive()
        return {"type": "http.disconnect"}

    async def _send(self, event: str, data: Json) -> None:
        text = encode({"event": event, "data": data}).decode()
        async with asyncio.timeout(STALLED_SECONDS):
            await self._socket.send_text(text)


def _read_question(message: Message) -> ChatRequest | None:
    """Return the question of a message; None for ``{"stop": true}``.

    Raises:
        UsageError: it is neither.
    """
    text = message.get("text") or (message.get("bytes") or b"").decode("utf-8", "replace")
    try:
        if json.loads(text) == {"stop": True}:
            return None
        return ChatRequest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "message"
        raise UsageError(f"{where}: {first['msg']}.", 'Send {"message": "…"}, as to POST /chat.') from error
    except ValueError as error:
        raise UsageError("That is not JSON.", 'Send {"message": "…"}, as to POST /chat.') from error
