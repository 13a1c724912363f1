"""Every error as a problem document (RFC 9457) with a hint; never a traceback."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.errors import BusyError, EdgeError
from edge.server.openai_errors import is_v1, to_openai, to_openai_status
from edge.shapes import InvalidField, Problem, encode

MEDIA_TYPE = "application/problem+json"
KIND = "urn:edge:problem:"
SEE_SCHEMA = "GET /openapi.json describes every request."

_log = logging.getLogger(__name__)
_HINTS = {
    400: "Send a JSON object in UTF-8.",
    404: "GET /openapi.json lists what there is.",
}


class ClientGone(Exception):
    """The client closed its connection, or stopped reading; nobody sees what is answered."""


def make_problem(
    status: int, title: str, detail: str, hint: str, instance: str, kind: str = "about:blank"
) -> Problem:
    """Return a problem document. ``instance`` is the path of the request."""
    return {
        "type": kind,
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
        "hint": hint,
    }


def describe_error(error: EdgeError, instance: str) -> Problem:
    """Return an ``EdgeError`` as a problem; ``type`` ends in the error's name: ``…:not-found``."""
    words = re.findall("[A-Z][a-z]*", type(error).__name__.removesuffix("Error"))
    kind = KIND + "-".join(words).lower()
    return make_problem(error.http_status, error.title, error.message, error.hint, instance, kind)


def describe_fault(instance: str) -> Problem:
    """Return the problem that stands for a mistake of ours. The log has the details; the client does not."""
    hint = "Try again; if it stays, the server's log says what happened."
    return make_problem(
        500, EdgeError.title, "Something went wrong inside edge.", hint, instance, KIND + "internal"
    )


def respond_with(error: EdgeError, path: str) -> Response:
    """Return the whole response to an ``EdgeError``."""
    headers = {}
    if retry_after := getattr(error, "retry_after_s", isinstance(error, BusyError)):
        headers["Retry-After"] = str(int(retry_after))
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return _respond(describe_error(error, path), headers)


def install_handlers(app: FastAPI) -> None:
    """Answer every exception with a problem. To be called before other middleware is added."""
    app.add_exception_handler(EdgeError, _handle_edge_error)
    app.add_exception_handler(RequestValidationError, _handle_invalid)
    app.add_exception_handler(HTTPException, _handle_http)
    app.add_exception_handler(ClientGone, _handle_client_gone)
    app.add_middleware(_UnexpectedErrors)


class _UnexpectedErrors:
    """Middleware for errors nobody foresaw. Starlette's own sits outside all others and breaks the connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, note_start)
        except Exception:
            if started or scope["type"] != "http":
                raise
            _log.exception("%s %s failed", scope["method"], scope["path"])
            await _respond(describe_fault(scope["path"]))(scope, receive, send)


def _respond(body: Problem, headers: Mapping[str, str] | None = None) -> Response:
    if is_v1(body["instance"]):
        return Response(encode(to_openai(body)), to_openai_status(body), headers, "application/json")
    return Response(encode(body), body["status"], headers, MEDIA_TYPE)


async def _handle_edge_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, EdgeError)
    return respond_with(error, request.url.path)


async def _handle_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found: list[InvalidField] = [
        {"field": _name_field(one["loc"]), "message": _explain(one)} for one in error.errors()
    ]
    detail = "; ".join(f"{one['field'] or 'body'}: {one['message']}" for one in found)
    kind = KIND + "validation"
    body = make_problem(422, "Invalid request", f"{detail}.", SEE_SCHEMA, request.url.path, kind)
    body["errors"] = found
    return _respond(body)


async def _handle_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    allowed = (error.headers or {}).get("Allow")
    hint = f"Allowed: {allowed}." if allowed else _HINTS.get(error.status_code, SEE_SCHEMA)
    title = HTTPStatus(error.status_code).phrase
    body = make_problem(error.status_code, title, error.detail, hint, request.url.path)
    return _respond(body, error.headers)


async def _handle_client_gone(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # seen by the metrics only


def _name_field(location: Sequence[int | str]) -> str:
    """Return ``history.0.role``, say; empty for the body as a whole."""
    where, *path = location
    return "" if where == "body" and path and isinstance(path[0], int) else ".".join(map(str, path))


def _explain(error: Mapping[str, Any]) -> str:
    if error["type"] == "json_invalid":
        return f"not valid JSON at character {error['loc'][-1]} ({error['ctx']['error']})"
    return str(error["msg"]).removeprefix("Value error, ")
