"""GET /metrics: what Prometheus collects."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from edge import __version__
from edge.server.instruments import gauge
from edge.server.schema import content
from edge.server.services import Services, services

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

router = APIRouter(default_response_class=Response)


@router.get("/metrics", summary="Count", responses=content("text/plain"))
async def metrics(services: Annotated[Services, Depends(services)]) -> Response:
    """Counters and times in the Prometheus text format."""
    lines = [
        *gauge("edge_info", "The version that runs.", 1, version=__version__),
        *gauge("edge_turns_in_progress", "Questions being answered now.", len(services.turns)),
        *gauge("edge_requests_running", "Questions that have a thread.", services.turns.running),
        *gauge("edge_requests_waiting", "Questions that wait for one.", services.turns.waiting),
        *services.metrics.lines(),
    ]
    return Response("\n".join(lines) + "\n", headers={"Content-Type": MEDIA_TYPE})
