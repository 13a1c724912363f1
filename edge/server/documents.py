"""GET /documents/…: the original a passage came from, and a page of it as a picture."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response
from starlette.types import Receive

from edge.errors import UsageError
from edge.packs.pages import MAX_WIDTH, PDF, WIDTH
from edge.server.schema import describe_success
from edge.server.services import ServicesDep
from edge.types import Box

if TYPE_CHECKING:
    from edge.packs.store import PackStore

MAX_BOXES = 200
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""An original is somebody else's file: as HTML it may show itself, but run nothing and load nothing."""

router = APIRouter(prefix="/documents/{pack}/{document:path}", default_response_class=Response)


@router.get("/pages/{n}.png", name="page", summary="Show a page", responses=describe_success("image/png"))
async def get_page(
    services: ServicesDep,
    request: Request,
    pack: str,
    document: str,
    n: Annotated[int, Path(description="Counted from 1")],
    boxes: Annotated[
        str, Query(description="To mark: left,top,right,bottom;… as fractions of the page")
    ] = "",
    width: Annotated[int, Query(ge=16, le=MAX_WIDTH, description="In pixels")] = WIDTH,
) -> Response:
    """Return a page of a PDF as a picture."""
    marked = parse_boxes(boxes, n)
    gone = threading.Event()
    watcher = asyncio.create_task(_watch(request.receive, gone))
    draw = partial(services.drawer.draw, is_unwanted=gone.is_set)
    known = _get_known_tag(request)
    try:
        return await services.drawing.run(
            partial(_render_page, services.edge.packs, draw, known, pack, document, n, marked, width)
        )
    finally:
        watcher.cancel()


@router.get(
    "", name="original", summary="Get an original", responses=describe_success("application/octet-stream")
)
async def get_original(services: ServicesDep, request: Request, pack: str, document: str) -> Response:
    """Return the file a document was read from, byte for byte."""
    known = _get_known_tag(request)
    return await services.short.run(partial(_read_original, services.edge.packs, known, pack, document))


def parse_boxes(text: str, page: int) -> tuple[Box, ...]:
    """Parse the boxes of ``left,top,right,bottom;…``.

    Raises:
        UsageError: not four fractions from 0 to 1 a box, or too many boxes.
    """
    parts = text.split(";") if text else []
    try:
        boxes = tuple(_parse_box(part, page) for part in parts)
    except ValueError as error:
        raise UsageError(
            f"boxes: {error}", "Write left,top,right,bottom as fractions of the page, with ; between boxes."
        ) from error
    if len(boxes) > MAX_BOXES:
        raise UsageError(f"boxes: {len(boxes)} are too many.", f"At most {MAX_BOXES} are drawn.")
    return boxes


def _parse_box(text: str, page: int) -> Box:
    sides = [float(side) for side in text.split(",")]
    if len(sides) != 4:
        raise ValueError(f"'{text}' is not four numbers")
    left, top, right, bottom = sides
    if not (0 <= left <= right <= 1 and 0 <= top <= bottom <= 1):
        raise ValueError(f"'{text}' is not a part of the page")
    return Box(page, left, top, right, bottom)


async def _watch(receive: Receive, gone: threading.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()


def _render_page(
    store: PackStore,
    draw: Callable[[bytes, str, int, Sequence[Box], int], bytes],
    known: str,
    pack: str,
    name: str,
    n: int,
    boxes: tuple[Box, ...],
    width: int,
) -> Response:
    with store.open(pack) as opened:
        document = opened.get_document(name)
        tag = _make_tag(document.sha256, n, boxes, width)
        if known == tag:
            return _reply_not_modified(tag)
        picture = draw(opened.read_original(name), document.media_type, n, boxes, width)
    return Response(picture, media_type="image/png", headers=_make_cache_headers(tag))


def _read_original(store: PackStore, known: str, pack: str, name: str) -> Response:
    with store.open(pack) as opened:
        document = opened.get_document(name)
        tag = _make_tag(document.sha256)
        if known == tag:
            return _reply_not_modified(tag)
        data = opened.read_original(name)
    headers = {
        "Content-Type": _find_content_type(document.media_type, data),
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(name.rpartition('/')[2], safe='')}",
    }
    if document.media_type != PDF:  # a browser's PDF viewer does not work in a sandbox, and is one
        headers["Content-Security-Policy"] = SANDBOX
    return Response(data, headers=headers | _make_cache_headers(tag))


def _get_known_tag(request: Request) -> str:
    """Return the tag of what the client holds already."""
    return request.headers.get("if-none-match", "")


def _make_tag(*parts: object) -> str:
    return f'"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"'


def _make_cache_headers(tag: str) -> dict[str, str]:
    """Let the client keep it, but ask each time: a pack may be replaced under the same name."""
    return {"ETag": tag, "Cache-Control": "private, no-cache"}


def _reply_not_modified(tag: str) -> Response:
    return Response(status_code=304, headers=_make_cache_headers(tag))


def _find_content_type(media_type: str, data: bytes) -> str:
    """Add the charset where it is known; an older HTML file declares its own."""
    if not media_type.startswith("text/"):
        return media_type
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return media_type
    return f"{media_type}; charset=utf-8"
