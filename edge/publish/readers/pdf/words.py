"""Words of a PDF page with their place and font, through PDFium's character boxes.

The only module that reads page content from PDFium. Coordinates are points from the top left corner of the page as
it is displayed, that is after its crop box and rotation.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium

from edge.publish.readers.characters import SUPERSCRIPTS, clean
from edge.publish.readers.pdf.fonts import Font, Fonts

MAX_CHARACTERS = 60_000
MAX_OBJECTS = 20_000
_CHARACTERS = 60_000
MAX_OBJECTS = 20_000
_BOLD = re.compile(r"bold|black|heavy|demi|cmbx|cmb\d|sfbx|ecbx|-bd|medi\b", re.I)
_MONO = re.compile(r"courier|mono|consol|typewriter|cmtt|sftt|ectt|cmsltt|cmitt|menlo|fixed|lettergothic|inconsol", re.I)
_CHARACTER = {0: " ", 2: "-", 0xFFFE: "-", 0xFFFF: " "} | {code: " " for code in range(3, 0x20)} | {1: " "}
_UNBROKEN = re.compile(r"\S+")
_MIXED = re.compile(r"[^\W\d]\W?\d")


@dataclass(slots=True)
class Word:
    """Characters without a space between them. ``size`` is the font size as displayed, in points."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    baseline: float
    size: float
    font: Font
    angle: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """A thin drawn line or bar."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Horizontal extent in points."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Vertical extent in points."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class PageContent:
    """One page as drawn: words in the order of the content stream, rules, and how many images there are."""

    number: int
    width: float
    height: float
    words: list[Word]
    rules: list[Rule]
    images: int


class _Place(NamedTuple):
    """Affine map from PDF user space to the displayed page, and back from its corners to a box."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def point(self, x: float, y: float) -> tuple[float, float]:
        return self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f

    def box(self, left: float, bottom: float, right: float, top: float) -> tuple[float, float, float, float]:
        x0, y0 = self.point(left, bottom)
        x1, y1 = self.point(right, top)
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def display_map(page: Any, width: float, height: float) -> _Place:
    """How user space lies on the displayed page (PDFium knows crop boxes and rotation; we ask it for three points)."""
    fine = 1000
    x, y = ctypes.c_int(), ctypes.c_int()

    def at(px: float, py: float) -> tuple[float, float]:
        pdfium.FPDF_PageToDevice(page.raw, 0, 0, round(width * fine), round(height * fine), 0, px, py, x, y)
        return x.value / fine, y.value / fine

    (x0, y0), (x1, y1), (x2, y2) = at(0, 0), at(100, 0), at(0, 100)
    return _Place((x1 - x0) / 100, (y1 - y0) / 100, (x2 - x0) / 100, (y2 - y0) / 100, x0, y0)


def read_page(page: Any, number: int, fonts: Fonts) -> PageContent:
    """Read the words and rules of an open PDFium page.

    Raises:
        pypdfium2.PdfiumError: the page cannot be read.
    """
    width, height = page.get_size()
    place = display_map(page, width, height)
    textpage = page.get_textpage()
    try:
        words = list(_words(textpage.raw, place, fonts))
    finally:
        textpage.close()
    rules, images = _drawings(page, place)
    inside = [w for w in words if w.right > 0 and w.bottom > 0 and w.left < width and w.top < height]
    return PageContent(number, width, height, _with_underscores(inside, rules), rules, images)


# -- characters to words

_Edges = tuple[float, float, float, float]
"""Left, bottom, right, top in user space."""


def _words(handle: Any, place: _Place, fonts: Fonts) -> Iterator[Word]:
    """Cut the characters into words at spaces, line ends and jumps."""
    count = min(pdfium.FPDFText_CountChars(handle), MAX_CHARACTERS)
    get = pdfium.FPDFText_GetUnicode
    text = "".join([_CHARACTER.get(code) or chr(code) for code in [get(handle, i) for i in range(count)]])
    reader = _Glyphs(handle)
    for match in _UNBROKEN.finditer(text):
        start, end = match.span()
        first, last = reader.edges(start), reader.edges(end - 1)
        if first is None or last is None:
            continue
        if _is_plain(match.group(), first, last):
            yield _word(handle, start, match.group(), [first, last], place, fonts)
        else:
            yield from _careful(handle, start, match.group(), reader, place, fonts)


class _Glyphs:
    """Boxes of single characters."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._rect = pdfium.FS_RECTF()
        self._reference = ctypes.byref(self._rect)

    def edges(self, index: int) -> _Edges | None:
        rect = self._rect
        if not pdfium.FPDFText_GetLooseCharBox(self._handle, index, self._reference):
            return None
        return rect.left, rect.bottom, rect.right, rect.top


def _is_plain(text: str, first: _Edges, last: _Edges) -> bool:
    """Whether first and last character tell all: one line, one size, no gap that PDFium took for no space."""
    height = first[3] - first[1]
    return (
        abs(first[1] - last[1]) < 0.1 * height
        and abs(last[3] - last[1] - height) < 0.1 * height
        and last[2] - first[0] < (0.62 * len(text) + 0.5) * height
        and last[0] >= first[0]
        and not _MIXED.search(text)
    )


def _careful(handle: Any, start: int, text: str, reader: _Glyphs, place: _Place, fonts: Fonts) -> Iterator[Word]:
    """Go character by character: cut at jumps, write raised digits as superscripts."""
    chars, boxes, begin = "", list[_Edges](), start
    level = _runs_level(reader.edges(start), reader.edges(start + len(text) - 1))
    for index, char in enumerate(text, start):
        edges = reader.edges(index)
        if edges is None:
            continue
        if boxes and _jumps(boxes[-1], edges):
            yield _word(handle, begin, chars, boxes, place, fonts)
            chars, boxes = "", []
        if not boxes:
            begin = index
        chars += char.translate(SUPERSCRIPTS) if level and boxes and _is_raised(boxes[0], edges) else char
        boxes.append(edges)
    if boxes:
        yield _word(handle, begin, chars, boxes, place, fonts)


def _runs_level(first: _Edges | None, last: _Edges | None) -> bool:
    return first is not None and last is not None and abs(last[0] - first[0]) >= abs(last[1] - first[1])


def _jumps(before: _Edges, after: _Edges) -> bool:
    """Whether two consecutive characters cannot belong to one word, whichever way the text runs."""
    height = max(before[3] - before[1], before[2] - before[0], 1.0)
    across = max(after[0] - before[2], before[0] - after[2])
    along = max(after[1] - before[3], before[1] - after[3])
    return across > 0.4 * height or along > 0.4 * height or (along > -0.15 * height and across > -0.15 * height)


def _is_raised(first: _Edges, edges: _Edges) -> bool:
    height = first[3] - first[1]
    return edges[3] - edges[1] < 0.85 * height and edges[1] > first[1] + 0.15 * height


def _word(handle: Any, index: int, text: str, boxes: list[_Edges], place: _Place, fonts: Fonts) -> Word:
    """A word on the displayed page, with the font of its first character."""
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(handle, index, matrix)
    x, y = ctypes.c_double(), ctypes.c_double()
    pdfium.FPDFText_GetCharOrigin(handle, index, x, y)
    dx, dy = place.a * matrix.a + place.c * matrix.b, place.b * matrix.a + place.d * matrix.b
    size = pdfium.FPDFText_GetFontSize(handle, index) * ((dx * dx + dy * dy) ** 0.5 or 1.0)
    left, top, right, bottom = place.box(
        min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)
    )
    angle = _quarter_turn(dx, dy)
    baseline = place.point(x.value, y.value)[1]
    if angle == 0 and not 0.3 * size < bottom - top < 3 * size:
        top, bottom = baseline - 0.8 * size, baseline + 0.2 * size
    return Word(clean(text), left, top, right, bottom, baseline, size, fonts.at(handle, index), angle)


def _quarter_turn(dx: float, dy: float) -> int:
    """Direction of the text on the displayed page in degrees clockwise: 0, 90, 180, 270, or -1 for oblique text."""
    if abs(dy) <= 0.05 * abs(dx):
        return 0 if dx >= 0 else 180
    if abs(dx) <= 0.05 * abs(dy):
        return 90 if dy > 0 else 270
    return -1


# -- drawings


def _drawings(page: Any, place: _Place) -> tuple[list[Rule], int]:
    """Thin filled or stroked paths, and the number of images."""
    rules: list[Rule] = []
    images = 0
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    for index in range(min(pdfium.FPDFPage_CountObjects(page.raw), MAX_OBJECTS)):
        item = pdfium.FPDFPage_GetObject(page.raw, index)
        kind = pdfium.FPDFPageObj_GetType(item)
        if kind == pdfium.FPDF_PAGEOBJ_IMAGE or kind == pdfium.FPDF_PAGEOBJ_FORM:
            images += 1
        if kind != pdfium.FPDF_PAGEOBJ_PATH:
            continue
        if pdfium.FPDFPageObj_GetBounds(item, left, bottom, right, top):
            rule = Rule(*place.box(left.value, bottom.value, right.value, top.value))
            if min(rule.width, rule.height) <= 3:
                rules.append(rule)
    return rules, images


def _with_underscores(words: list[Word], rules: list[Rule]) -> list[Word]:
    """Put back the underscores that typesetters draw as short rules on the baseline between letters."""
    strokes = [r for r in rules if r.height <= 1.2 and 1.5 <= r.width <= 9]
    if not strokes:
        return words
    for stroke in strokes:
        _insert_stroke(words, stroke)
    return words


def _insert_stroke(words: list[Word], stroke: Rule) -> None:
    """Glue the words a stroke touches, if it lies where an underscore lies."""
    before = after = -1
    for index, word in enumerate(words):
        reach = 0.22 * word.size
        if not -0.1 * word.size <= stroke.top - word.baseline <= 0.3 * word.size:
            continue
        if not 0.2 * word.size <= stroke.width <= 0.8 * word.size:
            continue
        if abs(stroke.left - word.right) <= reach:
            before = index
        elif abs(word.left - stroke.right) <= reach:
            after = index
    if before >= 0 and after >= 0:
        left, right = words[before], words[after]
        left.text, left.right = f"{left.text}_{right.text}", right.right
        del words[after]
    elif before >= 0:
        words[before].text += "_"
        words[before].right = stroke.right
    elif after >= 0:
        words[after].text = "_" + words[after].text
        words[after].left = stroke.left
