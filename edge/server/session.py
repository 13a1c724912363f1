"""POST /session: a browser shows the token once and gets a cookie for it.

Pictures in a page cannot carry the header ``Authorization``; a cookie they can. Scripts cannot read it
(``HttpOnly``), and no other site's page makes the browser send it (``SameSite=Strict``).
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from edge.server.schema import describe_success, reply
from edge.server.security import COOKIE, derive_cookie
from edge.server.services import ServicesDep

DAYS = 30

router = APIRouter(default_response_class=Response)


class Session(TypedDict, closed=True):
    """How long the browser is let in, in seconds; 0 where no token is asked for."""

    seconds: int


@router.post("/session", summary="Let a browser in", responses=describe_success(shape=Session))
async def open_session(request: Request, services: ServicesDep) -> Response:
    """Answer a request that carries the token with a cookie that stands for it."""
    token = services.edge.settings.token
    seconds = DAYS * 24 * 3600 if token else 0
    response = reply(Session(seconds=seconds))
    if token:
        is_secure = request.url.scheme == "https"
        response.set_cookie(
            COOKIE, derive_cookie(token), max_age=seconds, httponly=True, samesite="strict", secure=is_secure
        )
    return response
