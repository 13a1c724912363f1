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


@dataclass(frozen=True, slots=True)
class PageContent:
    """One page as drawn: words in the order of the content stream, rules, and how many images there are."""

    number: int
    width: float
    height: float
    words: list[Word]
    rules: list[Rule]
    images: int


def read_page(page: Any, number: int, fonts: Fonts) -> PageContent:
    """Read the words and rules of an open PDFium page.

    Raises:
        pypdfium2.PdfiumError: the page cannot be read.
    """
    width, height = page.get_size()
    place = find_place(page, width, height)
    textpage = page.get_textpage()
    try:
        words = list(WordReader(textpage.raw, place, fonts).read_words())
    finally:
        textpage.close()
    rules, images = read_drawings(page, place, width)
    inside = [w for w in words if _is_inside(w, width, height)]
    return PageContent(number, width, height, restore_underscores(inside, rules), rules, images)


def _is_inside(word: Word, width: float, height: float) -> bool:
    """Return whether the word shows on the page; False for coordinates that are not numbers."""
    across = -FAR < word.left < width and 0 < word.right < FAR
    return across and -FAR < word.top < height and 0 < word.bottom < FAR and 0 < word.size < FAR
