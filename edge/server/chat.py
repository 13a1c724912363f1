"""POST /chat: a question, answered whole or as it comes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from edge.server.body import require_json
from edge.server.reply import reply
from edge.server.schema import Answer, ChatRequest, content
from edge.server.services import Services, services
from edge.server.sse import MEDIA_TYPE, EventStream, frame
from edge.shapes import Json, answer_json, encode, evidence_json
from edge.types import Answered, Event, EvidenceFound, TokenStreamed

router = APIRouter(default_response_class=Response)


class AnswerEvents(EventStream[Event]):
    """``evidence``, ``token`` and ``answer``, or ``error``."""

    def frames_of(self, event: Event) -> bytes:
        """See ``EventStream``."""
        name, data = _named(event)
        return frame(name, encode(data))

    def is_last(self, event: Event) -> bool:
        """See ``EventStream``."""
        return isinstance(event, Answered)

    def failure(self, problem: Json) -> bytes:
        """See ``EventStream``."""
        return frame("error", encode(problem))


@router.post(
    "/chat",
    summary="Ask a question",
    dependencies=[Depends(require_json)],
    responses=content(MEDIA_TYPE, model=Answer),
)
async def chat(
    asked: ChatRequest, request: Request, services: Annotated[Services, Depends(services)]
) -> Response:
    """Answer with pages. With ``"stream": true``: server-sent events ``evidence`` (``{"passages", "ms"}``),
    ``token`` (``{"text"}``, provisional), then ``answer`` (the whole shape) or ``error`` (a problem)."""
    work = services.answering(asked.question())
    if asked.stream:
        return AnswerEvents(services.turns, work)
    async with services.turns.begin(work, request.receive) as turn:
        while not isinstance(event := await turn.next(), Answered):
            pass
        return reply(answer_json(event.answer))


def _named(event: Event) -> tuple[str, Json]:
    match event:
        case EvidenceFound():
            return "evidence", evidence_json(event)
        case TokenStreamed(text):
            return "token", {"text": text}
        case Answered(answer):
            return "answer", answer_json(answer)
