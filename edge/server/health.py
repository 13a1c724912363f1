"""GET /health: is it up, and can it answer? Open to all, so it names no pack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.responses import Response

from edge import __version__
from edge.errors import EdgeError
from edge.server.schema import describe_success, reply
from edge.server.services import ServicesDep
from edge.shapes import Health
from edge.types import EXTRACTIVE

if TYPE_CHECKING:
    from edge.app import Edge

router = APIRouter(default_response_class=Response)


@router.get("/health", name="health", summary="Say how it goes", responses=describe_success(shape=Health))
async def get_health(services: ServicesDep) -> Response:
    """Answer 200 as long as the server runs; ``edge doctor`` says more about ``degraded``."""
    return reply(await services.health.run(lambda: _check(services.edge)))


def _check(edge: Edge) -> Health:
    sound, packs, engine = True, 0, edge.settings.engine
    try:
        packs = len(edge.packs.list())
        sound = packs > 0 and not edge.packs.find_problems()
        made = edge.get_engine(engine)
        engine = made.name if made else EXTRACTIVE
    except EdgeError:
        sound = False
    return {
        "status": "ok" if sound else "degraded",
        "version": __version__,
        "packs": packs,
        "engine": engine,
    }
