"""GET /documents/…: the original a passage came from, a page of it as a picture, its contents and its text."""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response
from starlette.types import Receive

from edge.errors import UsageError
from edge.packs.pages import MAX_WIDTH, PDF, WIDTH
from edge.server.schema import describe_success, reply
from edge.server.services import ServicesDep
from edge.shapes import Contents, Hit, Hits, Located, Part, Parts, dump_box
from edge.types import Box

if TYPE_CHECKING:
    from edge.packs.pack import Chunk, Document
    from edge.packs.store import PackStore

MAX_BOXES = 200
MAX_PARTS = 200
MAX_HITS = 100
MAX_TEXTS = 20
FOR_EVER = "private, max-age=31536000, immutable"
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
    sha256: Annotated[str, Query(description="Of the document: the picture may then be kept for ever")] = "",
) -> Response:
    """Return a page of a PDF as a picture."""
    page = _PageAsked(services.edge.packs, pack, document, n, parse_boxes(boxes, n), width, sha256)
    known = _get_known_tag(request)
    if known and (reply := await services.short.run(partial(_check_page, page, known))):
        return reply  # waits for no drawing
    async with _watch(request.receive) as is_gone:
        draw = partial(services.drawer.draw, is_unwanted=is_gone)
        return await services.drawing.run(partial(_render_page, page, draw))


@router.get(
    "/pages/{n}/places",
    name="places",
    summary="Find where texts stand on a page",
    responses=describe_success(shape=Located),
)
async def locate(
    services: ServicesDep,
    request: Request,
    pack: str,
    document: str,
    n: Annotated[int, Path(description="Counted from 1")],
    text: Annotated[list[str], Query(description="What to find; may be given more than once")],
) -> Response:
    """Return the boxes of the lines in which texts stand on a page of a PDF; case and line breaks do not matter."""
    if len(text) > MAX_TEXTS:
        raise UsageError(f"text: {len(text)} are too many.", f"At most {MAX_TEXTS} are looked for.")
    async with _watch(request.receive) as is_gone:
        find = partial(services.drawer.locate, is_unwanted=is_gone)
        located = await services.drawing.run(
            partial(_locate, services.edge.packs, find, pack, document, n, tuple(text))
        )
    return reply(located)


@router.get(
    "/contents",
    name="contents",
    summary="List pages and headings",
    responses=describe_success(shape=Contents),
)
async def get_contents(services: ServicesDep, pack: str, document: str) -> Response:
    """Return what a document consists of: the sizes of its pages, its headings, its chunks."""
    return reply(await services.short.run(partial(_list_contents, services.edge.packs, pack, document)))


@router.get("/text", name="text", summary="Read a document", responses=describe_success(shape=Parts))
async def get_text(
    services: ServicesDep,
    pack: str,
    document: str,
    first: Annotated[int, Query(ge=0, description="The first chunk; 0 is that of the document")] = 0,
    count: Annotated[int, Query(ge=1, le=MAX_PARTS, description="How many at most")] = 50,
    page: Annotated[int, Query(ge=0, description="Only what stands on this page")] = 0,
) -> Response:
    """Return chunks of a document as text, in reading order."""
    return reply(
        await services.short.run(
            partial(_read_parts, services.edge.packs, pack, document, first, count, page)
        )
    )


@router.get("/find", name="find", summary="Find a text in a document", responses=describe_success(shape=Hits))
async def find(
    services: ServicesDep,
    pack: str,
    document: str,
    q: Annotated[str, Query(min_length=1, max_length=200, description="What to look for")],
) -> Response:
    """Return where a text stands in a document; case and blanks do not matter."""
    return reply(await services.short.run(partial(_find_hits, services.edge.packs, pack, document, q)))


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


@asynccontextmanager
async def _watch(receive: Receive) -> AsyncIterator[Callable[[], bool]]:
    """Give a function that returns True as soon as the client is gone."""
    gone = threading.Event()

    async def wait() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()

    watcher = asyncio.create_task(wait())
    try:
        yield gone.is_set
    finally:
        watcher.cancel()


@dataclass(frozen=True, slots=True)
class _PageAsked:
    """The picture of a page, as asked for."""

    store: PackStore
    pack: str
    name: str
    n: int
    boxes: tuple[Box, ...]
    width: int
    sha256: str

    def make_headers(self, document: Document) -> dict[str, str]:
        """Return ETag and Cache-Control."""
        headers = _make_cache_headers(_make_tag(document.sha256, self.n, self.boxes, self.width))
        return headers | ({"Cache-Control": FOR_EVER} if self.sha256 == document.sha256 else {})


def _check_page(page: _PageAsked, known: str) -> Response | None:
    """Return the short answer to a client that has the picture already."""
    with page.store.open(page.pack) as opened:
        headers = page.make_headers(opened.get_document(page.name))
    return Response(status_code=304, headers=headers) if headers["ETag"] == known else None


def _render_page(page: _PageAsked, draw: Callable[[bytes, str, int, Sequence[Box], int], bytes]) -> Response:
    with page.store.open(page.pack) as opened:
        document = opened.get_document(page.name)
        headers = page.make_headers(document)
        original = opened.read_original(page.name)
    picture = draw(original, document.media_type, page.n, page.boxes, page.width)
    return Response(picture, media_type="image/png", headers=headers)


def _locate(
    store: PackStore,
    find: Callable[[bytes, str, int, Sequence[str]], list[tuple[Box, ...]]],
    pack: str,
    name: str,
    n: int,
    texts: tuple[str, ...],
) -> Located:
    with store.open(pack) as opened:
        document, original = opened.get_document(name), opened.read_original(name)
    found = find(original, document.media_type, n, texts)
    return {"places": [[dump_box(box) for box in boxes] for boxes in found]}


def _list_contents(store: PackStore, pack: str, name: str) -> Contents:
    with store.open(pack) as opened:
        document = opened.get_document(name)
        pages = opened.get_pages(document.id) if document.media_type == PDF else []
        headings = opened.list_headings(document.id)
    return {
        "title": document.title,
        "media_type": document.media_type,
        "sha256": document.sha256,
        "pages": [{"label": page.label, "width": page.width, "height": page.height} for page in pages],
        "headings": [
            {"heading": heading, "chunk": chunk, "page": page} for chunk, page, heading in headings if heading
        ],
        "first_chunk": document.first_chunk,
        "last_chunk": document.last_chunk,
    }


def _read_parts(store: PackStore, pack: str, name: str, first: int, count: int, page: int) -> Parts:
    with store.open(pack) as opened:
        document = opened.get_document(name)
        first = max(first, document.first_chunk)
        wanted = range(first, document.last_chunk + 1)
        chunks = opened.get_chunks(wanted if page else wanted[:count])
        if page:
            chunks = [chunk for chunk in chunks if chunk.page_from <= page <= chunk.page_to][:count]
        places = opened.find_places(chunks[0].id, chunks[-1].id) if chunks else {}
    return {"parts": [_dump_part(chunk, places.get(chunk.id, "")) for chunk in chunks]}


def _dump_part(chunk: Chunk, place: str) -> Part:
    part: Part = {
        "chunk": chunk.id,
        "kind": chunk.kind,
        "heading": chunk.heading,
        "text": chunk.text,
        "page_from": chunk.page_from,
        "page_to": chunk.page_to,
    }
    if place:
        part["place"] = place
    return part


def _find_hits(store: PackStore, pack: str, name: str, q: str) -> Hits:
    pattern = re.compile(r"\s*".join(map(re.escape, q.split())) or r"(?!)", re.IGNORECASE)
    hits: list[Hit] = []
    with store.open(pack) as opened:
        document = opened.get_document(name)
        for chunk in opened.get_chunks(range(document.first_chunk, document.last_chunk + 1)):
            if found := pattern.search(chunk.text) or pattern.search(chunk.heading):
                around = slice(max(0, found.start() - 40), found.end() + 80)
                snippet = " ".join(found.string[around].split())
                hits.append(
                    {"chunk": chunk.id, "page": chunk.page_from, "heading": chunk.heading, "snippet": snippet}
                )
    return {"hits": hits[:MAX_HITS], "more": len(hits) > MAX_HITS}


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
