"""One page of a PDF as it is drawn. Everything after this works on values and knows nothing of PDFium."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge.ingest.readers.pdf.drawings import Rule, read_drawings, restore_underscores
from edge.ingest.readers.pdf.fonts import Fonts
from edge.ingest.readers.pdf.place import find_place
from edge.ingest.readers.pdf.words import Word, WordReader

FAR = 50_000.0
"""Points; pages are not larger than 14,400."""
MIN_PATHS = 20
"""Paths that may draw letters, on a page without text."""
COVERED = 0.5
FEW_LETTERS = 100
"""A page is a picture if an image covers so much of it and it has fewer letters: a stamp or a number on a scan."""


@dataclass(frozen=True, slots=True)
class PageContent:
    """One page as drawn: words in the order of the content stream, and rules.

    ``is_picture`` means that its text, if any, must be read from its picture; ``is_garbled`` that this is so because
    its fonts do not say their letters. One that was read so has been turned upright: back by ``turn`` degrees, a
    multiple of 90, and then counter-clockwise by ``tilt`` about its centre.
    """

    number: int
    width: float
    height: float
    words: list[Word]
    rules: list[Rule]
    is_picture: bool = False
    is_garbled: bool = False
    turn: int = 0
    tilt: float = 0.0


def read_page(page: Any, number: int, fonts: Fonts) -> PageContent:
    """Read the words and rules of an open PDFium page.

    Raises:
        pypdfium2.PdfiumError: the page cannot be read.
    """
    width, height = page.get_size()
    place = find_place(page, width, height)
    textpage = page.get_textpage()
    try:
        reader = WordReader(textpage.raw, place, fonts)
        words = list(reader.read_words())
        is_garbled = reader.is_garbled
    finally:
        textpage.close()
    drawn = read_drawings(page, place, width, height)
    inside = [w for w in words if _is_inside(w, width, height)]
    letters = sum(len(word.text) for word in inside)
    is_picture = (not letters and (drawn.images > 0 or drawn.paths >= MIN_PATHS)) or (
        drawn.covered >= COVERED and letters < FEW_LETTERS
    )
    return PageContent(
        number,
        width,
        height,
        restore_underscores(inside, drawn.rules),
        drawn.rules,
        is_picture=is_picture or is_garbled,
        is_garbled=is_garbled,
    )


def _is_inside(word: Word, width: float, height: float) -> bool:
    """Return whether the word shows on the page; False for coordinates that are not numbers."""
    across = -FAR < word.left < width and 0 < word.right < FAR
    return across and -FAR < word.top < height and 0 < word.bottom < FAR and 0 < word.size < FAR
