"""A JSON response of one of the shapes in ``edge.shapes``."""

from __future__ import annotations

from starlette.responses import Response

from edge.shapes import Json, encode


def reply(value: Json) -> Response:
    """Status 200 with ``value``."""
    return Response(encode(value), media_type="application/json")
