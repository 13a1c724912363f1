"""GET /search: passages without an answer."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from edge.assistant import Assistant
from edge.server.schema import Name, describe_success, reply
from edge.server.services import ServicesDep
from edge.shapes import Search, dump_search
from edge.types import Question

router = APIRouter(default_response_class=Response)

MAX_RESULTS = 100


@router.get("/search", summary="Find passages", responses=describe_success(shape=Search))
async def search(
    services: ServicesDep,
    q: Annotated[str, Query(description="What to look for")],
    k: Annotated[int, Query(ge=1, le=MAX_RESULTS, description="How many passages at most")] = 10,
    pack: Annotated[tuple[Name, ...], Query(description="Only these packs")] = (),
    equipment: Annotated[Name, Query(description="Only what holds for this model")] = "",
) -> Response:
    """Return the passages that fit best, best first."""
    question = Question(text=q, packs=pack, equipment=equipment or None)
    return reply(await services.short.run(partial(_search, services.edge.assistant, question, k)))


def _search(assistant: Assistant, question: Question, limit: int) -> Search:
    began = time.perf_counter()
    evidence = assistant.search(question, limit)
    return dump_search(evidence, (time.perf_counter() - began) * 1000)
