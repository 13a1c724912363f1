"""PNG, JPEG and TIFF: every picture is a page that is read by text recognition."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator

from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from edge.errors import DocumentError
from edge.ingest.document import SourceDocument
from edge.ingest.readers.pdf.layout import compose
from edge.ingest.readers.scan.pages import MAX_PIXELS, Picture, recognise_pages

FORMATS = ("PNG", "JPEG", "TIFF")
MAX_FRAMES = 5000
MAX_SOURCE_PIXELS = 200_000_000
"""Of a picture that is opened at all: A1 at 600 dpi has 280 million."""
MIN_SIDE = 1800
"""Pixels of the longer side; text of a smaller picture is too small to be recognised, so it is enlarged."""
PAGE_INCHES = 11.7
"""The longer side of A4, which a picture is taken for that does not say its size."""


def read_picture(name: str, data: bytes) -> SourceDocument:
    """Read the text of a picture, or of each in a file of several.

    Raises:
        DocumentError: it is broken, too large, or no text is recognised.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about damaged tags and large pictures, which have a bound below
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                count = min(getattr(image, "n_frames", 1), MAX_FRAMES)
                read = recognise_pages(_list_pictures(image, count), range(1, count + 1))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DocumentError(
            f"{name} is not a readable picture.", "Open it in a viewer and save it anew."
        ) from error
    pages = [read.pages[number] for number in sorted(read.pages)]
    if not any(page.lines for page in pages):
        raise DocumentError(
            f"{name} is a picture: {' '.join(read.notes)}",
            "Install tesseract with the languages of the document (on Debian: apt install tesseract-ocr).",
        )
    return compose(pages, [None] * len(pages), notes=read.notes)


def _list_pictures(image: Image.Image, count: int) -> Iterator[Picture]:
    for number, frame in enumerate(ImageSequence.Iterator(image), 1):
        if number > count:
            return
        if frame.width * frame.height > MAX_SOURCE_PIXELS:
            raise ValueError(f"page {number} has more than {MAX_SOURCE_PIXELS} pixels")
        dots = _find_resolution(frame)
        width, height = frame.width / dots * 72, frame.height / dots * 72
        gray = _make_gray(frame)
        if gray.width != frame.width:  # turned by what the camera noted
            width, height = height, width
        yield Picture(number, gray, width, height)


def _find_resolution(image: Image.Image) -> float:
    stated = image.info.get("dpi") or (0, 0)
    dots = float(stated[0])
    return dots if 90 <= dots <= 2400 else max(max(image.size) / PAGE_INCHES, 72.0)


def _make_gray(image: Image.Image) -> Image.Image:
    """Return a picture in gray on white, upright as its camera noted, neither too small nor too large to be read."""
    if "A" in image.getbands() or "transparency" in image.info:
        shown = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown)
    gray = (ImageOps.exif_transpose(image) or image).convert("L")
    scale = 2.0 if max(gray.size) < MIN_SIDE else min(1.0, (MAX_PIXELS / (gray.width * gray.height)) ** 0.5)
    return (
        gray.resize((max(1, round(gray.width * scale)), max(1, round(gray.height * scale))))
        if scale != 1
        else gray
    )
