"""GET /metrics: counters and times for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import Response

from edge.server.schema import describe_success
from edge.server.services import ServicesDep

router = APIRouter(default_response_class=Response)


@router.get("/metrics", name="metrics", summary="Count", responses=describe_success("text/plain"))
async def get_metrics(services: ServicesDep) -> Response:
    """Return counters and times in the Prometheus text format."""
    return Response(
        generate_latest(services.metrics.registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4}
    )
