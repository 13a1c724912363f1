"""Drawings that help to read a page: rules, the edges of boxes, and underscores that are no characters."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

from edge.ingest.readers.pdf.place import Place
from edge.ingest.readers.pdf.words import Word

MAX_OBJECTS = 20_000
MAX_STROKES = 400


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
class Drawings:
    """Rules and the edges of boxes; how many images and paths there are; the page's part under the largest image."""

    rules: list[Rule]
    images: int
    paths: int
    covered: float


def read_drawings(page: Any, place: Place, width: float, height: float) -> Drawings:
    """Read what is drawn on an open PDFium page."""
    rules: list[Rule] = []
    images = paths = 0
    covered = 0.0
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    for index in range(min(pdfium.FPDFPage_CountObjects(page.raw), MAX_OBJECTS)):
        item = pdfium.FPDFPage_GetObject(page.raw, index)
        kind = pdfium.FPDFPageObj_GetType(item)
        if kind in (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM):
            images += 1
        paths += kind == pdfium.FPDF_PAGEOBJ_PATH
        if kind == pdfium.FPDF_PAGEOBJ_IMAGE and pdfium.FPDFPageObj_GetBounds(item, left, bottom, right, top):
            area = Rule(*place.map_box((left.value, bottom.value, right.value, top.value)))
            covered = max(covered, area.width * area.height / max(width * height, 1.0))
        if kind == pdfium.FPDF_PAGEOBJ_PATH and pdfium.FPDFPageObj_GetBounds(item, left, bottom, right, top):
            outline = Rule(*place.map_box((left.value, bottom.value, right.value, top.value)))
            rules += (
                [outline]
                if min(outline.width, outline.height) <= 3
                else _find_box_edges(item, outline, width)
            )
    return Drawings(rules, images, paths, covered)


def _find_box_edges(path: Any, box: Rule, page_width: float) -> list[Rule]:
    """Return the edges of a drawn rectangle; of a filled one those above and below, if it is no highlight."""
    if not 4 <= pdfium.FPDFPath_CountSegments(path) <= 6:
        return []
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDFPath_GetDrawMode(path, fill, stroke)
    level = [Rule(box.left, y, box.right, y) for y in (box.top, box.bottom)]
    if stroke.value:
        return [*level, *(Rule(x, box.top, x, box.bottom) for x in (box.left, box.right))]
    wide = box.width >= 0.5 * page_width or (box.width >= 100 and box.height >= 20)
    return level if fill.value and wide else []


def restore_underscores(words: list[Word], rules: list[Rule]) -> list[Word]:
    """Put back the underscores that typesetters draw as short rules on the baseline between letters."""
    strokes = [r for r in rules if r.height <= 1.2 and 1.5 <= r.width <= 9]
    if not strokes or len(strokes) > MAX_STROKES:  # so many are a drawing
        return words
    for stroke in strokes:
        _insert_stroke(words, stroke)
    return words


def _insert_stroke(words: list[Word], stroke: Rule) -> None:
    """Join the words that a stroke touches, if it lies where an underscore lies."""
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
