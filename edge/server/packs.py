"""GET /packs: the installed packs."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from edge.server.schema import describe_success, reply
from edge.server.services import ServicesDep
from edge.shapes import Packs, dump_packs

router = APIRouter(default_response_class=Response)


@router.get(
    "/packs", name="packs", summary="List the installed packs", responses=describe_success(shape=Packs)
)
async def list_packs(services: ServicesDep) -> Response:
    """List the packs in use, and those that cannot be used."""
    store = services.edge.packs
    return reply(await services.short.run(lambda: dump_packs(store.list(), store.find_problems())))
