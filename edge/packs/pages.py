"""A page as a picture, with lines marked, and where a text stands on it. PDF and pictures have pages to draw."""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from edge.errors import NotFoundError, PackError
from edge.types import Box

if TYPE_CHECKING:
    from PIL.Image import Image

PDF = "application/pdf"
PICTURES = ("image/png", "image/jpeg", "image/tiff")
WIDTH = 1000
MAX_WIDTH = 4000
INSTEAD = "Read its passage, or build the pack again."
MAX_PIXELS = 24_000_000
"""A larger picture is drawn smaller: A4 at the greatest width has 23 million."""
MAX_RATIO = 5
"""Height over width of the tallest page that is drawn whole; a strip beyond that is drawn smaller."""

FINE = 100_000
"""Steps from one side of a page to the other, in which PDFium tells where a point lies."""
HYPHENS = "-\u00ad\u2010\ufffe"
"""Left out at the end of a line. PDFium gives the last for a hyphen that it thinks the layout put there."""
UNSEEN = "\u00ad\u200b\ufffe\uffff"

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
    render = _render if media_type == PDF else _open_picture
    image = render(original, page, max(1, min(width, MAX_WIDTH)))
    marked = _mark(image, [box for box in highlight if box.page == page])
    out = io.BytesIO()
    marked.save(out, "PNG", compress_level=3)
    return out.getvalue()


def refuse_other_types(media_type: str) -> None:
    """Refuse documents that have no pages to draw.

    Raises:
        NotFoundError: it is neither a PDF nor a picture.
    """
    if media_type != PDF and media_type not in PICTURES:
        raise NotFoundError(
            "This document has no page images.", "Only PDF and pictures have; read its passage instead."
        )


def locate_texts(original: bytes, media_type: str, page: int, texts: Sequence[str]) -> list[tuple[Box, ...]]:
    """Find where texts stand on a page: for each text the boxes of its lines, wherever it occurs.

    Letters are compared without case, blanks, line breaks and hyphens at their end. A text that is not on the page has
    no boxes; the file of a picture holds none.

    Raises:
        NotFoundError: the document has no page images, or no such page.
        PackError: the document cannot be read.
    """
    refuse_other_types(media_type)
    if media_type in PICTURES:
        return [()] * len(texts)
    with _open_page(original, page) as opened:
        text_page = opened.get_textpage()
        written = text_page.get_text_range()
        return [
            tuple(
                box
                for first, last in _find_all(written, text)
                for box in _find_boxes(opened, text_page, page, first, last)
            )
            for text in texts
        ]


def _open_picture(original: bytes, page: int, width: int) -> Image:
    """Open a picture, or the one of that number in a file of several, as wide as asked for and no larger than it is."""
    from PIL import Image as images
    from PIL import ImageOps

    try:
        with images.open(io.BytesIO(original), formats=("PNG", "JPEG", "TIFF")) as opened:
            count = getattr(opened, "n_frames", 1)
            if not 1 <= page <= count:
                raise NotFoundError(f"There is no page {page}.", f"The document has pages 1 to {count}.")
            opened.seek(page - 1)
            image = (ImageOps.exif_transpose(opened) or opened).convert("RGB")
    except (OSError, SyntaxError, ValueError, images.DecompressionBombError) as error:
        raise PackError(f"The picture cannot be drawn: {error}", INSTEAD) from error
    image.thumbnail((width, MAX_RATIO * width))
    return image


def _render(original: bytes, page: int, width: int) -> Image:
    with _open_page(original, page) as opened:
        return _draw(opened, width)


@contextmanager
def _open_page(original: bytes, page: int) -> Iterator[Any]:
    """Open one page; whatever PDFium has against it is a PackError."""
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
            yield document[page - 1]
        except pypdfium2.PdfiumError as error:
            raise PackError(f"Page {page} cannot be drawn: {error}", INSTEAD) from error
        finally:
            document.close()


def _read_letters(text: str) -> tuple[str, list[int]]:
    """Return the letters that count, and for each its position in the text."""
    letters, places = [], []
    for place, character in enumerate(text):
        is_break = character in HYPHENS and text[place + 1 : place + 2] in ("\r", "\n", "")
        if character.isspace() or character in UNSEEN or is_break:
            continue
        for letter in character.casefold():
            letters.append(letter)
            places.append(place)
    return "".join(letters), places


def _find_all(text: str, wanted: str) -> Iterator[tuple[int, int]]:
    """Yield the first and the last character of every occurrence that begins a word and cuts no number in two."""
    letters, places = _read_letters(text)
    sought = _read_letters(wanted)[0]
    start = letters.find(sought) if sought else -1
    while start >= 0:
        end = start + len(sought)
        first, last = places[start], places[end - 1]
        before, after = text[first - 1 : first], text[last + 1 : last + 2]
        if not before.isalnum() and not (sought[-1].isdigit() and after.isdigit()):
            yield first, last
        start = letters.find(sought, end)


def _find_boxes(page: Any, text_page: Any, number: int, first: int, last: int) -> Iterator[Box]:
    """Yield the boxes of a run of characters, one a line. PDFium gives one for every stretch of one font."""
    line: Box | None = None
    for index in range(text_page.count_rects(first, last - first + 1)):
        left, bottom, right, top = text_page.get_rect(index)
        corners = [_to_fraction(page, x, y) for x, y in ((left, top), (right, bottom))]
        (left, right), (top, bottom) = (sorted(sides) for sides in zip(*corners, strict=True))
        if right <= left or bottom <= top:
            continue
        if line and max(top, line.top) < min(bottom, line.bottom):
            line = Box(
                number,
                min(left, line.left),
                min(top, line.top),
                max(right, line.right),
                max(bottom, line.bottom),
            )
            continue
        if line:
            yield line
        line = Box(number, left, top, right, bottom)
    if line:
        yield line


def _to_fraction(page: Any, x: float, y: float) -> tuple[float, float]:
    """Return where a point of the page's own space lies in its picture, cut and turned as it is drawn."""
    from ctypes import byref, c_int

    import pypdfium2.raw as pdfium

    across, down = c_int(), c_int()
    pdfium.FPDF_PageToDevice(page, 0, 0, FINE, FINE, 0, x, y, byref(across), byref(down))
    return min(1.0, max(0.0, across.value / FINE)), min(1.0, max(0.0, down.value / FINE))


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
