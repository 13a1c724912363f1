from __future__ import annotations

import io

import pypdfium2
import pytest
from PIL import Image

from edge.errors import NotFoundError, PackError
from edge.packs.pages import MAX_WIDTH, draw_page
from edge.types import Box

PDF = "application/pdf"


@pytest.fixture(scope="module")
def two_pages() -> bytes:
    """A white A5 page and a square one."""
    document = pypdfium2.PdfDocument.new()
    document.new_page(420, 595)
    document.new_page(300, 300)
    out = io.BytesIO()
    document.save(out)
    document.close()
    return out.getvalue()


def picture(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def test_a_page_is_drawn_at_the_width_asked_for(two_pages: bytes) -> None:
    assert picture(draw_page(two_pages, PDF, 1)).size == (1000, 1417)
    assert picture(draw_page(two_pages, PDF, 2, width=200)).size == (200, 200)
    assert picture(draw_page(two_pages, PDF, 2, width=1_000_000)).size == (MAX_WIDTH, MAX_WIDTH)


def test_boxes_of_the_page_are_marked_yellow(two_pages: bytes) -> None:
    boxes = [Box(2, 0.25, 0.5, 0.75, 0.6), Box(1, 0.0, 0.0, 1.0, 0.2)]
    image = picture(draw_page(two_pages, PDF, 2, boxes, width=200))
    red, green, blue = image.getpixel((100, 110))  # type: ignore[misc]
    assert red > 240
    assert green > 220
    assert blue < 200
    for outside in ((100, 90), (100, 130), (40, 110), (100, 10)):
        assert image.getpixel(outside) == (255, 255, 255)


@pytest.mark.parametrize("page", [0, 3, -1])
def test_a_page_that_does_not_exist_is_not_found(two_pages: bytes, page: int) -> None:
    with pytest.raises(NotFoundError, match=f"no page {page}") as error:
        draw_page(two_pages, PDF, page)
    assert "1 to 2" in error.value.hint


def test_other_documents_have_no_page_images() -> None:
    with pytest.raises(NotFoundError, match="no page images"):
        draw_page(b"# Heading", "text/markdown", 1)


def test_a_damaged_document_is_refused() -> None:
    with pytest.raises(PackError):
        draw_page(b"%PDF-1.7 nothing", PDF, 1)
