"""POST /v1/chat/completions: the language model in use, or, grounded, the packs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from edge.audit.turn import Generation
from edge.engine.interface import ChatEngine, ChatRequest, Finished, RefusedError, Written
from edge.errors import EngineError, UsageError
from edge.server.body import require_json
from edge.server.schema import Subject, reply
from edge.server.services import Services, ServicesDep
from edge.server.sse import MEDIA_TYPE
from edge.server.turns import Cancelled, Work
from edge.server.v1 import completion, grounded
from edge.server.v1.completion import Heading
from edge.server.v1.grounded import GroundedChunks
from edge.server.v1.models import find_language_model
from edge.server.v1.requests import ChatCompletionRequest
from edge.server.v1.responses import ChatCompletion, describe
from edge.server.v1.stream import Chunks
from edge.types import Answered, Prompt

if TYPE_CHECKING:
    from edge.app import Edge

router = APIRouter(default_response_class=Response)


class ContextLengthError(UsageError):
    """A prompt and its answer are longer than the model's context."""

    http_status = 400
    title = "Too long for the model"


@router.post(
    "/v1/chat/completions",
    name="chat_completions",
    summary="Complete a chat",
    dependencies=[Depends(require_json)],
    responses=describe(ChatCompletion, MEDIA_TYPE),
)
async def complete_chat(
    asked: ChatCompletionRequest, request: Request, services: ServicesDep, subject: Subject = ""
) -> Response:
    """Answer as OpenAI does. The language model writes what it likes; nothing of that is checked.

    With ``"edge": {"grounded": true}`` or the model ``edge-grounded`` the packs answer the last message: the content is
    the checked answer, ``edge`` has the shape of ``POST /chat``, and a refusal is an answer with ``edge.refused``. A
    request without ``edge`` gets notice, warnings and pages in the content as well. Such a stream has the passages
    in its first chunk and then nothing until the answer was checked as a whole.
    """
    if asked.grounded:
        return await _answer(asked, request, services, subject)
    heading, work = Heading(asked.model), _prepare_writing(services.edge, asked, subject)
    if asked.stream:
        return Chunks(services.turns, work, heading, asked.include_usage)
    async with services.turns.begin(work, request.receive) as turn:
        pieces: list[Written] = []
        while not isinstance(event := await turn.next(), Finished):
            pieces += [event] if event else []
        return reply(completion.dump_completion(heading, pieces, event))


async def _answer(
    asked: ChatCompletionRequest, request: Request, services: Services, subject: str
) -> Response:
    work, heading, aware = (
        services.prepare_answer(asked.to_question(subject)),
        Heading(asked.model),
        asked.edge is not None,
    )
    if asked.stream:
        return GroundedChunks(services.turns, work, heading, aware)
    async with services.turns.begin(work, request.receive) as turn:
        while not isinstance(event := await turn.next(), Answered):
            pass
        return reply(grounded.dump_completion(heading, event.answer, aware))


def _prepare_writing(edge: Edge, asked: ChatCompletionRequest, subject: str) -> Work[Written | Finished]:
    request = asked.to_chat_request(edge.settings.max_output_tokens)

    def work(cancelled: Cancelled) -> Iterator[Written | Finished]:
        engine = find_language_model(edge, asked.model)
        generation = Generation(engine.name, request.messages, request.max_tokens, asdict(request.sampling))
        try:
            with edge.audit.begin_chat(subject, generation) as draft:
                for event in engine.chat(request, cancelled):
                    if isinstance(event, Finished):
                        draft.end_chat(engine.name, asdict(event))
                    else:
                        draft.note_written(event.text)
                    yield event
        except RefusedError as error:
            if _fits(engine, request):
                raise UsageError(error.message, "Change the request.") from error
            raise ContextLengthError(error.message, "Send less, or set a smaller max_tokens.") from error

    return work


def _fits(engine: ChatEngine, request: ChatRequest) -> bool:
    with suppress(EngineError):
        return engine.fits(Prompt("", (), request.messages, request.max_tokens))
    return True
