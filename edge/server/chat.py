"""POST /chat: a question, answered whole or as it comes."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from edge.server.body import require_json
from edge.server.schema import ChatRequest, Subject, describe_success, reply
from edge.server.services import ServicesDep
from edge.server.sse import MEDIA_TYPE, EventStream, encode_frame
from edge.shapes import Answer, Json, Problem, dump_answer, dump_evidence, encode
from edge.types import Answered, Event, EvidenceFound, Quoted, TokenStreamed

router = APIRouter(default_response_class=Response)


class AnswerEvents(EventStream[Event]):
    """``evidence``, ``token`` and ``answer``, or ``error``."""

    def encode_event(self, event: Event) -> bytes:
        """See ``EventStream``."""
        name, data = dump_event(event)
        return encode_frame(name, encode(data))

    def is_last(self, event: Event) -> bool:
        """See ``EventStream``."""
        return isinstance(event, Answered)

    def encode_failure(self, problem: Problem) -> bytes:
        """See ``EventStream``."""
        return encode_frame("error", encode(problem))


@router.post(
    "/chat",
    summary="Ask a question",
    dependencies=[Depends(require_json)],
    responses=describe_success(MEDIA_TYPE, shape=Answer),
)
async def chat(
    asked: ChatRequest, request: Request, services: ServicesDep, subject: Subject = ""
) -> Response:
    """Answer with pages. With ``"stream": true``: server-sent events ``evidence`` (``{"passages", "ms"}``), ``quote``
    (the whole shape: what is quoted while a language model writes), ``token`` (``{"text"}``, provisional), then
    ``answer`` (the whole shape) or ``error`` (a problem)."""
    work = services.prepare_answer(asked.to_question(subject))
    if asked.stream:
        return AnswerEvents(services.turns, work)
    async with services.turns.begin(work, request.receive) as turn:
        while not isinstance(event := await turn.next(), Answered):
            pass
        return reply(dump_answer(event.answer))


def dump_event(event: Event) -> tuple[str, Json]:
    """Return the name and the data of an event."""
    match event:
        case EvidenceFound():
            return "evidence", dump_evidence(event)
        case Quoted(answer):
            return "quote", dump_answer(answer)
        case TokenStreamed(text):
            return "token", {"text": text}
        case Answered(answer):
            return "answer", dump_answer(answer)
