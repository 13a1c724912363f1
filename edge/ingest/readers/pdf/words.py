"""Words with their place and font, from the character boxes of PDFium."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

from edge.ingest.readers.characters import SUPERSCRIPTS, clean
from edge.ingest.readers.pdf.fonts import Font, Fonts
from edge.ingest.readers.pdf.place import Edges, Place

MAX_CHARACTERS = 60_000
MAX_UNMAPPED = 0.3
"""Part of the characters without a known meaning that makes a page garbled."""
_UNMAPPED = frozenset({0, 1, *range(3, 9), *range(14, 32), 0xFFFD})
_CHARACTER = {**{code: " " for code in range(0x20)}, 2: "-", 0xFFFE: "-", 0xFFFF: " "}
"""What PDFium says instead of a character: 2 and U+FFFE are hyphens at the end of a line."""
_UNBROKEN = re.compile(r"\S+")
_MIXED = re.compile(r"[^\W\d]\W?\d")


@dataclass(slots=True)
class Word:
    """Characters without a space between them. ``size`` is the font size as displayed, in points.

    ``confidence`` (0 to 1) is below 1 for what was read from a picture.
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float
    baseline: float
    size: float
    font: Font
    angle: int = 0
    confidence: float = 1.0


class WordReader:
    """Divides the characters of one text page into words at spaces, line ends and jumps."""

    def __init__(self, textpage: Any, place: Place, fonts: Fonts) -> None:
        self._textpage = textpage
        self._place = place
        self._fonts = fonts
        self._unmapped = self._count = 0
        # Reused for every call: making them costs more than the call.
        self._rect, self._matrix = pdfium.FS_RECTF(), pdfium.FS_MATRIX()
        self._x, self._y = ctypes.c_double(), ctypes.c_double()

    def read_words(self) -> Iterator[Word]:
        """Yield the words in the order of the content stream."""
        for match in _UNBROKEN.finditer(self._read_characters()):
            start, end = match.span()
            first, last = self._read_edges(start), self._read_edges(end - 1)
            if first is None or last is None:
                continue
            if _is_plain(match.group(), first, last):
                yield self._make_word(start, match.group(), (first, last))
            else:
                yield from self._split_at_jumps(start, match.group())

    @property
    def is_garbled(self) -> bool:
        """True if the fonts do not tell what many of the characters read are."""
        return self._unmapped > MAX_UNMAPPED * self._count

    def _read_characters(self) -> str:
        """Return one character for every index of the text page."""
        count = min(pdfium.FPDFText_CountChars(self._textpage), MAX_CHARACTERS)
        textpage, get = self._textpage, pdfium.FPDFText_GetUnicode
        codes = [get(textpage, index) for index in range(count)]
        self._count = sum(code > 0x20 or code in _UNMAPPED for code in codes)
        self._unmapped = sum(
            code in _UNMAPPED
            or 0xE000 <= code <= 0xF8FF
            or (code > 0x20 and pdfium.FPDFText_HasUnicodeMapError(textpage, index) == 1)
            for index, code in enumerate(codes)
        )
        return "".join([_CHARACTER.get(code) or chr(code) for code in codes])

    def _read_edges(self, index: int) -> Edges | None:
        rect = self._rect
        if not pdfium.FPDFText_GetLooseCharBox(self._textpage, index, rect):
            return None
        return rect.left, rect.bottom, rect.right, rect.top

    def _split_at_jumps(self, start: int, text: str) -> Iterator[Word]:
        """Go character by character: split at jumps, write raised digits as superscripts."""
        boxes = [(index, char, self._read_edges(index)) for index, char in enumerate(text, start)]
        glyphs = [(index, char, edges) for index, char, edges in boxes if edges is not None]
        begin = 0
        for here in range(1, len(glyphs) + 1):
            if here == len(glyphs) or _jumps(glyphs[here - 1][2], glyphs[here][2]):
                part = glyphs[begin:here]
                edges = [glyph[2] for glyph in part]
                yield self._make_word(part[0][0], _raise_digits([glyph[1] for glyph in part], edges), edges)
                begin = here

    def _make_word(self, index: int, text: str, boxes: Sequence[Edges]) -> Word:
        """Make a word on the displayed page, with the font of its first character."""
        place, matrix = self._place, self._matrix
        pdfium.FPDFText_GetMatrix(self._textpage, index, matrix)
        pdfium.FPDFText_GetCharOrigin(self._textpage, index, self._x, self._y)
        dx, dy = place.a * matrix.a + place.c * matrix.b, place.b * matrix.a + place.d * matrix.b
        size = pdfium.FPDFText_GetFontSize(self._textpage, index) * ((dx * dx + dy * dy) ** 0.5 or 1.0)
        left, top, right, bottom = place.map_box(_join_edges(boxes))
        angle = _find_quarter_turn(dx, dy)
        baseline = place.map_point(self._x.value, self._y.value)[1]
        if angle == 0 and not 0.3 * size < bottom - top < 3 * size:
            top, bottom = baseline - 0.8 * size, baseline + 0.2 * size
        font = self._fonts.find(self._textpage, index)
        return Word(clean(text), left, top, right, bottom, baseline, size, font, angle)


def _join_edges(boxes: Sequence[Edges]) -> Edges:
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


def _is_plain(text: str, first: Edges, last: Edges) -> bool:
    """Return whether first and last character tell all: one line, one size, no gap that PDFium missed."""
    height = first[3] - first[1]
    return (
        abs(first[1] - last[1]) < 0.1 * height
        and abs(last[3] - last[1] - height) < 0.1 * height
        and last[2] - first[0] < (0.62 * len(text) + 0.5) * height
        and last[0] >= first[0]
        and not _MIXED.search(text)
    )


def _jumps(before: Edges, after: Edges) -> bool:
    """Return whether two consecutive characters cannot belong to one word, whichever way the text runs."""
    height = max(before[3] - before[1], before[2] - before[0], 1.0)
    across = max(after[0] - before[2], before[0] - after[2])
    along = max(after[1] - before[3], before[1] - after[3])
    diagonal = along > -0.15 * height and across > -0.15 * height
    return across > 0.4 * height or along > 0.4 * height or diagonal


def _raise_digits(chars: Sequence[str], boxes: Sequence[Edges]) -> str:
    first, last = boxes[0], boxes[-1]
    if abs(last[0] - first[0]) < abs(last[1] - first[1]):  # runs up or down the page
        return "".join(chars)
    height = first[3] - first[1]
    return "".join(
        char.translate(SUPERSCRIPTS)
        if top - bottom < 0.85 * height and bottom > first[1] + 0.15 * height
        else char
        for char, (_, bottom, _, top) in zip(chars, boxes, strict=True)
    )


def _find_quarter_turn(dx: float, dy: float) -> int:
    """Return the direction of the text in degrees clockwise: 0, 90, 180, 270, or -1 for oblique text."""
    if abs(dy) <= 0.05 * abs(dx):
        return 0 if dx >= 0 else 180
    if abs(dx) <= 0.05 * abs(dy):
        return 90 if dy > 0 else 270
    return -1
