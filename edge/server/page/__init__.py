"""GET / and /page/…: the page for a browser. Its files are built from ``source/`` and lie in ``built/``.

They hold nothing of the packs, so they are open to all; everything else is asked for with a token where one is set.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Request
from starlette.responses import Response

from edge.errors import NotFoundError

INDEX = "index.html"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Its own files and this server, and nothing else: no inline script or style, no eval, no other address."""
PERMISSIONS = "camera=(self), geolocation=(), microphone=()"
FOR_EVER = "public, max-age=31536000, immutable"
"""For files with a hash of their contents in the name."""
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}

router = APIRouter(default_response_class=Response, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """A file of the page: as it is, compressed, and with its ETag."""

    media_type: str
    data: bytes
    compressed: bytes
    tag: str


@router.get("/", name="index")
async def get_index(request: Request) -> Response:
    """Return the page."""
    return _reply(request, INDEX, {"Content-Security-Policy": POLICY, "Permissions-Policy": PERMISSIONS})


@router.get("/page/{name}", name="page file")
async def get_file(request: Request, name: str) -> Response:
    """Return a script, a style sheet or a picture of the page."""
    return _reply(request, name, {})


def _reply(request: Request, name: str, headers: dict[str, str]) -> Response:
    found = read_built_files().get(name)
    if found is None:
        raise NotFoundError(f"The page has no file '{name}'.", "Load the page again: edge was updated.")
    lasts = name != INDEX and not name.endswith(".webmanifest")
    headers |= {
        "ETag": found.tag,
        "Cache-Control": FOR_EVER if lasts else "no-cache",
        "Vary": "Accept-Encoding",
        "Content-Type": found.media_type,
    }
    if request.headers.get("if-none-match") == found.tag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.compressed, headers=headers | {"Content-Encoding": "gzip"})
    return Response(found.data, headers=headers)


@cache
def read_built_files() -> dict[str, BuiltFile]:
    """Read all files of the page, by name."""
    folder = files("edge.server.page") / "built"
    return {path.name: _make_file(path.name, path.read_bytes()) for path in folder.iterdir()}


def _make_file(name: str, data: bytes) -> BuiltFile:
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    media_type = MEDIA_TYPES[name[name.rindex(".") :]]
    return BuiltFile(media_type, data, gzip.compress(data, mtime=0), tag)
