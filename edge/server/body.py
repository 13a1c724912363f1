"""Checks of a request's body: its size before anything else happens, its media type where JSON is wanted."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.errors import UsageError
from edge.server.problems import respond_with

MAX_BYTES = 1 << 20
MAX_PHOTO_BYTES = 8 << 20
DRAINED_BYTES = 16 << 20
"""Read of a body that is too large, so that the client gets to read the answer instead of a reset connection."""

_PHOTOS = re.compile(r"/jobs/[^/]+/steps/[0-9]+/photos")


class TooLargeError(UsageError):
    """The body of a request is larger than any question."""

    http_status = 413
    title = "Too large"


class NotJsonError(UsageError):
    """The body of a request is sent as something other than JSON."""

    http_status = 415
    title = "Not JSON"


def require_json(request: Request) -> None:
    """Refuse another media type by its name.

    Raises:
        NotJsonError: the request does not say that its body is JSON.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        sent = f"sent as '{media_type}'" if media_type else "sent without a type"
        raise NotJsonError(
            f"The body is {sent}, not as JSON.", "Add the header 'Content-Type: application/json'."
        )


class BodyLimit:
    """Middleware that hands the application a body within its bounds, chunked or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413, or pass the request on."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        try:
            body = await _read(receive, MAX_PHOTO_BYTES if _PHOTOS.fullmatch(scope["path"]) else MAX_BYTES)
        except TooLargeError as error:
            return await respond_with(error, scope["path"])(scope, receive, send)
        if body is not None:
            await self._app(scope, _replay(body, receive), send)


async def _read(receive: Receive, most: int) -> bytes | None:
    """Return the whole body; None when the client went away before its end."""
    body, size, more = bytearray(), 0, True
    while more and size <= DRAINED_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        if size <= most:
            body += part
    if size > most:
        raise TooLargeError(f"The request is larger than {most >> 10} KiB.", "Send a shorter one.")
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that begins with a body that was read already."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return first.pop() if first else await receive()

    return receive_again
