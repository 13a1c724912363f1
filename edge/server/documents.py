"""GET /documents/…: the original a passage came from, and a page of it as a picture."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from edge.errors import UsageError
from edge.packs.pages import MAX_WIDTH, PDF, WIDTH, page_png
from edge.server.schema import content
from edge.server.services import Services, services
from edge.types import Box

if TYPE_CHECKING:
    from edge.packs.store import PackStore

MAX_BOXES = 200
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""An original is somebody else's file: as HTML it may show itself, but run nothing and load nothing."""

router = APIRouter(prefix="/documents/{pack}/{document:path}", default_response_class=Response)
ServicesOf = Annotated[Services, Depends(services)]


@router.get("/pages/{n}.png", summary="Show a page", responses=content("image/png"))
async def page(
    services: ServicesOf,
    request: Request,
    pack: str,
    document: str,
    n: Annotated[int, Path(description="Counted from 1")],
    boxes: Annotated[
        str, Query(description="To mark: left,top,right,bottom;… as fractions of the page")
    ] = "",
    width: Annotated[int, Query(ge=16, le=MAX_WIDTH, description="In pixels")] = WIDTH,
) -> Response:
    """A page of a PDF as a picture."""
    marked = parse_boxes(boxes, n)
    return await services.drawing.run(
        partial(_page, services.edge.packs, _known(request), pack, document, n, marked, width)
    )


@router.get("", summary="Get an original", responses=content("application/octet-stream"))
async def original(services: ServicesOf, request: Request, pack: str, document: str) -> Response:
    """The file a document was read from, byte for byte."""
    return await services.short.run(partial(_original, services.edge.packs, _known(request), pack, document))


def parse_boxes(text: str, page: int) -> tuple[Box, ...]:
    """The boxes of ``left,top,right,bottom;…``.

    Raises:
        UsageError: not four fractions from 0 to 1 a box, or too many boxes.
    """
    parts = text.split(";") if text else []
    try:
        boxes = tuple(_box(part, page) for part in parts)
    except ValueError as error:
        raise UsageError(
            f"boxes: {error}", "Write left,top,right,bottom as fractions of the page, with ; between boxes."
        ) from error
    if len(boxes) > MAX_BOXES:
        raise UsageError(f"boxes: {len(boxes)} are too many.", f"At most {MAX_BOXES} are drawn.")
    return boxes


def _box(text: str, page: int) -> Box:
    sides = [float(side) for side in text.split(",")]
    if len(sides) != 4:
        raise ValueError(f"'{text}' is not four numbers")
    left, top, right, bottom = sides
    if not (0 <= left <= right <= 1 and 0 <= top <= bottom <= 1):
        raise ValueError(f"'{text}' is not a part of the page")
    return Box(page, left, top, right, bottom)


def _page(
    store: PackStore, known: str, pack: str, name: str, n: int, boxes: tuple[Box, ...], width: int
) -> Response:
    with store.open(pack) as opened:
        document = opened.document(name)
        tag = _tag(document.sha256, n, boxes, width)
        if known == tag:
            return _not_modified(tag)
        picture = page_png(opened.original(name), document.media_type, n, boxes, width)
    return Response(picture, media_type="image/png", headers=_cached(tag))


def _original(store: PackStore, known: str, pack: str, name: str) -> Response:
    with store.open(pack) as opened:
        document = opened.document(name)
        tag = _tag(document.sha256)
        if known == tag:
            return _not_modified(tag)
        data = opened.original(name)
    headers = {
        "Content-Type": _content_type(document.media_type, data),
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(name.rpartition('/')[2], safe='')}",
    }
    if document.media_type != PDF:  # a browser's PDF viewer does not work in a sandbox, and is one
        headers["Content-Security-Policy"] = SANDBOX
    return Response(data, headers=headers | _cached(tag))


def _known(request: Request) -> str:
    """What the client holds already."""
    return request.headers.get("if-none-match", "")


def _tag(*parts: object) -> str:
    return f'"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"'


def _cached(tag: str) -> dict[str, str]:
    """Keep it, but ask each time: a pack may be replaced under the same name."""
    return {"ETag": tag, "Cache-Control": "private, no-cache"}


def _not_modified(tag: str) -> Response:
    return Response(status_code=304, headers=_cached(tag))


def _content_type(media_type: str, data: bytes) -> str:
    """With the charset where it is known; an older HTML file declares its own."""
    if not media_type.startswith("text/"):
        return media_type
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return media_type
    return f"{media_type}; charset=utf-8"
