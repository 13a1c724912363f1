"""GET /search: passages without an answer."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from edge.assistant import Assistant
from edge.server.reply import reply
from edge.server.schema import Name, Search, content
from edge.server.services import Services, services
from edge.shapes import Json, search_json
from edge.types import Question

router = APIRouter(default_response_class=Response)

MAX_RESULTS = 100


@router.get("/search", summary="Find passages", responses=content(model=Search))
async def search(
    services: Annotated[Services, Depends(services)],
    q: Annotated[str, Query(description="What to look for")],
    k: Annotated[int, Query(ge=1, le=MAX_RESULTS, description="How many passages at most")] = 10,
    pack: Annotated[tuple[Name, ...], Query(description="Only these packs")] = (),
    equipment: Annotated[Name, Query(description="Only what holds for this model")] = "",
) -> Response:
    """The passages that fit best, best first."""
    question = Question(text=q, packs=pack, equipment=equipment or None)
    return reply(await services.short.run(partial(_found, services.edge.assistant, question, k)))


def _found(assistant: Assistant, question: Question, limit: int) -> Json:
    began = time.perf_counter()
    evidence = assistant.search(question, limit)
    return search_json(evidence, (time.perf_counter() - began) * 1000)
