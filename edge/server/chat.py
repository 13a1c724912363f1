"""POST /chat: a question, answered whole or as it comes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from edge.errors import UsageError
from edge.server.reply import reply
from edge.server.schema import Answer, ChatRequest, content
from edge.server.services import Services, services
from edge.server.sse import MEDIA_TYPE, EventStream
from edge.wire import answer_json

router = APIRouter(default_response_class=Response)


class NotJsonError(UsageError):
    """The body is sent as something else than JSON."""

    http_status = 415
    title = "Not JSON"


def sent_as_json(request: Request) -> None:
    """Refuse another media type by name; its body would only look like nonsense."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        sent = f"sent as '{media_type}'" if media_type else "sent without a type"
        raise NotJsonError(
            f"The body is {sent}, not as JSON.", "Add the header 'Content-Type: application/json'."
        )


@router.post(
    "/chat",
    summary="Ask a question",
    dependencies=[Depends(sent_as_json)],
    responses=content(MEDIA_TYPE, model=Answer),
)
async def chat(
    asked: ChatRequest, request: Request, services: Annotated[Services, Depends(services)]
) -> Response:
    """Answer with pages. With ``"stream": true``: server-sent events ``evidence`` (``{"passages", "ms"}``),
    ``token`` (``{"text"}``, provisional), then ``answer`` (the whole shape) or ``error`` (a problem)."""
    if asked.stream:
        return EventStream(services.turns, asked.question())
    async with services.turns.begin(asked.question(), request.receive) as turn:
        return reply(answer_json(await turn.answer()))
