"""Pages are drawn in a process of its own; what hangs is killed, and the next page is drawn."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pypdfium2
import pytest
from PIL import Image

from edge.errors import BusyError, PackError
from edge.packs.drawer import PageDrawer
from edge.packs.pages import PDF


def make_pdf(content: bytes, resources: bytes = b"", more: tuple[bytes, ...] = ()) -> bytes:
    """Return a page with this content; ``more`` are the objects from number 5 on."""
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<<%s>>>>" % resources
    head = (b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page)
    objects = (*head, make_stream(content), *more)
    body = b"".join(b"%d 0 obj\n%b\nendobj\n" % (n, one) for n, one in enumerate(objects, 1))
    return b"%PDF-1.7\n" + body + b"trailer\n<</Size %d/Root 1 0 R>>\n%%%%EOF" % (len(objects) + 1)


def make_stream(data: bytes, head: bytes = b"") -> bytes:
    return b"<<%b/Length %d>>stream\n%b\nendstream" % (head, len(data), data)


def make_endless_pdf() -> bytes:
    """Tiling patterns of tiling patterns, eight deep: some 10**30 tiles."""
    head = b"/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 600 800]/XStep 3/YStep 3"
    patterns = tuple(
        make_stream(
            b"/Pattern cs /P%d scn 0 0 600 800 re f " % (n + 1) if n < 7 else b"0 0 1 1 re f",
            head + b"/Resources<</Pattern<</P%d %d 0 R>>>>" % (n + 1, 6 + n),
        )
        for n in range(8)
    )
    return make_pdf(b"/Pattern cs /P0 scn 0 0 600 800 re f", b"/Pattern<</P0 5 0 R>>", patterns)


def make_blank_pdf() -> bytes:
    out = io.BytesIO()
    with pypdfium2.PdfDocument.new() as document:
        document.new_page(300, 200)
        document.save(out)
    return out.getvalue()


@pytest.fixture
def drawer() -> Iterator[PageDrawer]:
    made = PageDrawer(timeout_s=1)
    yield made
    made.stop()


def test_a_page_that_draws_for_ever_is_given_up_and_the_next_one_is_drawn(drawer: PageDrawer) -> None:
    with pytest.raises(PackError, match="given up"):
        drawer.draw(make_endless_pdf(), PDF, 1, (), 300)
    drawer.timeout_s = 20
    assert Image.open(io.BytesIO(drawer.draw(make_blank_pdf(), PDF, 1, (), 300))).size == (300, 200)


@pytest.mark.parametrize("reason", ["the client has left", "the server stops"])
def test_a_drawing_that_nobody_waits_for_ends(reason: str) -> None:
    drawer, gone = PageDrawer(), threading.Event()
    with ThreadPoolExecutor(1) as threads:
        drawing = threads.submit(drawer.draw, make_endless_pdf(), PDF, 1, (), 300, gone.is_set)
        began = time.monotonic()
        if reason == "the client has left":
            gone.set()
        else:
            drawer.stop()
        with pytest.raises(BusyError):
            drawing.result()
    assert time.monotonic() - began < 15  # far below the 20 s after which it is given up
    drawer.stop()
