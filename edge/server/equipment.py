"""GET /equipment: the models that the installed packs are about."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from edge.packs.store import PackStore
from edge.retrieval.scope import is_known, list_models
from edge.server.schema import Name, describe_success, reply
from edge.server.services import ServicesDep
from edge.shapes import Equipment

router = APIRouter(default_response_class=Response)


@router.get("/equipment", summary="List the equipment", responses=describe_success(shape=Equipment))
async def list_equipment(
    services: ServicesDep,
    model: Annotated[Name, Query(description="Is there anything about this one?")] = "",
) -> Response:
    """List what a question may name as ``equipment``; ``known`` says whether ``model`` is among it."""
    return reply(await services.short.run(lambda: _read_equipment(services.edge.packs, model)))


def _read_equipment(store: PackStore, model: str) -> Equipment:
    with ExitStack() as stack:
        packs = [stack.enter_context(pack) for pack in store.open_all()]
        return {"models": list_models(packs), "known": bool(model) and is_known(packs, model)}
