"""GET /packs: what is installed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from edge.packs.store import PackStore
from edge.server.reply import reply
from edge.server.schema import Packs, content
from edge.server.services import Services, services
from edge.shapes import Json, packs_json

router = APIRouter(default_response_class=Response)


@router.get("/packs", summary="List the installed packs", responses=content(model=Packs))
async def packs(services: Annotated[Services, Depends(services)]) -> Response:
    """The packs in use, and those that cannot be used."""
    return reply(await services.short.run(lambda: _listed(services.edge.packs)))


def _listed(store: PackStore) -> Json:
    return packs_json(store.list(), store.problems())
