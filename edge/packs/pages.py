"""A page as a picture, with the lines that answered marked. Only PDF has pages to draw."""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from edge.errors import NotFoundError, PackError
from edge.types import Box

if TYPE_CHECKING:
    from PIL.Image import Image

PDF = "application/pdf"
WIDTH = 1000
MAX_WIDTH = 4000
INSTEAD = "Read its passage, or build the pack again."
MAX_PIXELS = 24_000_000
"""A larger picture is drawn smaller: A4 at the greatest width has 23 million."""
MAX_RATIO = 5
"""Height over width of the tallest page that is drawn whole; a strip beyond that is drawn smaller."""

_YELLOW = (255, 221, 0, 90)
_pdfium = threading.Lock()  # PDFium is not safe to use from two threads, even on two documents


def draw_page(
    original: bytes, media_type: str, page: int, highlight: Iterable[Box] = (), width: int = WIDTH
) -> bytes:
    """Draw one page.

    Args:
        original: the document as it lies in the pack.
        page: 1-based.
        highlight: boxes to mark; those of other pages are passed over.
        width: of the picture in pixels.

    Raises:
        NotFoundError: the document has no page images, or no such page.
        PackError: the document cannot be read.
    """
    refuse_other_types(media_type)
    image = _render(original, page, max(1, min(width, MAX_WIDTH)))
    marked = _mark(image, [box for box in highlight if box.page == page])
    out = io.BytesIO()
    marked.save(out, "PNG", compress_level=3)
    return out.getvalue()


def refuse_other_types(media_type: str) -> None:
    """Refuse documents that have no pages to draw.

    Raises:
        NotFoundError: it is not a PDF.
    """
    if media_type != PDF:
        raise NotFoundError(
            "This document has no page images.", "Only PDF documents have; read its passage instead."
        )


def _render(original: bytes, page: int, width: int) -> Image:
    import pypdfium2

    with _pdfium:
        try:
            document = pypdfium2.PdfDocument(original)
        except pypdfium2.PdfiumError as error:
            raise PackError(f"The document cannot be drawn: {error}", INSTEAD) from error
        try:
            if not 1 <= page <= len(document):
                raise NotFoundError(
                    f"There is no page {page}.", f"The document has pages 1 to {len(document)}."
                )
            return _draw(document[page - 1], width)
        except pypdfium2.PdfiumError as error:
            raise PackError(f"Page {page} cannot be drawn: {error}", INSTEAD) from error
        finally:
            document.close()


def _draw(page: Any, width: int) -> Image:
    points_wide, points_high = page.get_size()
    scale = width / max(points_wide, points_high / MAX_RATIO, 1.0)
    scale *= math.sqrt(min(1.0, MAX_PIXELS / max(points_wide * points_high * scale * scale, 1.0)))
    image: Image = page.render(scale=scale).to_pil().convert("RGB")
    return image


def _mark(image: Image, boxes: list[Box]) -> Image:
    if not boxes:
        return image
    from PIL import Image as images
    from PIL import ImageDraw

    layer = images.new("RGBA", image.size)
    pen = ImageDraw.Draw(layer)
    for box in boxes:
        corners = (
            box.left * image.width,
            box.top * image.height,
            box.right * image.width,
            box.bottom * image.height,
        )
        pen.rectangle(corners, fill=_YELLOW)
    return images.alpha_composite(image.convert("RGBA"), layer).convert("RGB")
