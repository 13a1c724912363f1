"""The application: endpoints, middleware and lifetime put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI

from edge import __version__
from edge.server import (
    chat,
    documents,
    equipment,
    feedback,
    health,
    jobs,
    live,
    metrics,
    notes,
    packs,
    page,
    problems,
    receipts,
    search,
    session,
)
from edge.server.body import BodyLimit
from edge.server.instruments import RequestMetrics
from edge.server.limits import READS, Buckets, RateLimit
from edge.server.schema import FAILURE
from edge.server.security import Guard, check_token, is_loopback
from edge.server.services import Services
from edge.server.v1 import chat as v1_chat
from edge.server.v1 import embeddings as v1_embeddings
from edge.server.v1 import models as v1_models

if TYPE_CHECKING:
    from edge.app import Edge

ENDPOINTS = (
    page, session, chat, live, search, packs, equipment, jobs, feedback, notes, documents, receipts, health,
    metrics, v1_chat, v1_models, v1_embeddings,
)  # fmt: skip


def create_app(edge: Edge, host: str | None = None) -> FastAPI:
    """Return the application for an ``Edge``, which it uses but does not close.

    Args:
        host: the address it will listen on; None takes that of the settings.

    Raises:
        UsageError: the address is not loopback and no token is set.
    """
    host = host or edge.settings.host
    check_token(host, edge.settings.token)
    app = FastAPI(
        title="edge",
        version=__version__,
        summary="Answers from the installed manuals, with the page",
        lifespan=_run_services,
        responses=FAILURE,
        docs_url=None,  # FastAPI's pages load their scripts from the Internet
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.services = Services(edge)
    for endpoint in ENDPOINTS:
        app.include_router(endpoint.router)
    problems.install_handlers(app)
    settings = edge.settings
    if settings.requests_per_minute and not is_loopback(host):
        per_minute, burst = settings.requests_per_minute, settings.request_burst
        app.add_middleware(
            RateLimit,
            questions=Buckets(per_minute, burst),
            reads=Buckets(READS * per_minute, READS * burst),
            metrics=app.state.services.metrics,
        )
    app.add_middleware(BodyLimit)  # the last one added sees a request first
    app.add_middleware(Guard, host=host, token=edge.settings.token)
    app.add_middleware(RequestMetrics, metrics=app.state.services.metrics)
    return app


@asynccontextmanager
async def _run_services(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    services.warm_up()
    yield
    await services.close()
