"""GET /metrics: what Prometheus collects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from edge import __version__
from edge.engine.interface import Engine
from edge.engine.totals import Cost, Totals
from edge.server.instruments import counter, gauge
from edge.server.schema import content
from edge.server.services import Services, services

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

router = APIRouter(default_response_class=Response)


@router.get("/metrics", summary="Count", responses=content("text/plain"))
async def metrics(services: Annotated[Services, Depends(services)]) -> Response:
    """Counters and times in the Prometheus text format."""
    cost = _cost(services.edge.list_engines())
    lines = [
        *gauge("edge_info", "The version that runs.", 1, version=__version__),
        *gauge("edge_turns_in_progress", "Questions being answered now.", len(services.turns)),
        *gauge("edge_requests_running", "Questions that have a thread.", services.turns.running),
        *gauge("edge_requests_waiting", "Questions that wait for one.", services.turns.waiting),
        *counter("edge_prefill_tokens_total", "Tokens of prompts that were computed.", cost.prefilled),
        *counter("edge_reused_tokens_total", "Tokens of prompts that were still there.", cost.reused),
        *counter("edge_generated_tokens_total", "Tokens written.", cost.generated),
        *counter("edge_decode_steps_total", "Runs of the model for the tokens written.", cost.steps),
        *services.metrics.lines(),
    ]
    return Response("\n".join(lines) + "\n", headers={"Content-Type": MEDIA_TYPE})


def _cost(engines: Iterable[Engine]) -> Cost:
    """Of all engines that count."""
    totals = (getattr(engine, "totals", None) for engine in engines)
    return sum((one.cost for one in totals if isinstance(one, Totals)), Cost())
