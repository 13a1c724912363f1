"""Words to lines of cells, in reading order."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest
from math import cos, radians, sin

from edge.ingest.readers.characters import SUPERSCRIPTS
from edge.ingest.readers.pdf.columns import Segment, divide_regions, join_segments
from edge.ingest.readers.pdf.drawings import Rule
from edge.ingest.readers.pdf.page import PageContent
from edge.ingest.readers.pdf.words import Word
from edge.types import Box

CELL_GAP = 1.3
SURE = 0.8
"""Confidence in a word read from a picture, below which a value is to be compared with the page."""

WRAP_SIGNS = "↩↪⏎↵←"
"""Drawn, in another font, where a listing was wrapped to fit the page."""
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Cell:
    """Text of a line up to the next wide gap or vertical rule."""

    text: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Line:
    """One printed line. ``region`` tells columns apart; ``ruled`` means that a drawn rule separates it from the line
    above; ``measure`` is how far to the right the lines around it reach; ``lead`` is the width of its first word.
    ``is_doubtful`` means that a value in it was read from a picture, and not for sure."""

    page: int
    region: int
    cells: tuple[Cell, ...]
    top: float
    bottom: float
    baseline: float
    size: float
    bold: bool
    italic: bool
    mono: bool
    font: str
    ruled: bool
    box: Box
    measure: float = 0.0
    lead: float = 0.0
    is_doubtful: bool = False

    @property
    def left(self) -> float:
        """The start of the line, in points."""
        return self.cells[0].left

    @property
    def right(self) -> float:
        """The end of the line, in points."""
        return self.cells[-1].right

    @property
    def text(self) -> str:
        """The text of all cells."""
        return self.cells[0].text if len(self.cells) == 1 else " ".join(cell.text for cell in self.cells)


@dataclass(frozen=True, slots=True)
class PageLines:
    """The lines of one page in reading order. ``height`` is that of the page as its text stands upright."""

    number: int
    width: float
    height: float
    lines: tuple[Line, ...]
    is_picture: bool = False
    is_garbled: bool = False


def lay_out_page(content: PageContent) -> PageLines:
    """Lay out one page."""
    turn = content.turn or _find_dominant_turn(content.words)
    upright = content if content.turn else _turn_page(content, turn)
    across, down = _sort_rules(upright.rules)
    lines: list[Line] = []
    for number, region in enumerate(divide_regions(join_segments(upright.words))):
        lines += _lay_out_region(region, number, upright, across, down, turn)
    width, height = upright.width, upright.height
    return PageLines(content.number, width, height, tuple(lines), content.is_picture, content.is_garbled)


# -- pages whose text runs sideways


def _find_dominant_turn(words: Sequence[Word]) -> int:
    turns = Counter[int]()
    for word in words:
        turns[word.angle] += len(word.text)
    turns.pop(-1, None)
    return turns.most_common(1)[0][0] if turns else 0


def _turn_page(content: PageContent, turn: int) -> PageContent:
    """Turn the page so that its main text is upright; drop text in other directions (margin notes, watermarks)."""
    words = [w for w in content.words if w.angle == turn]
    if turn == 0:
        return replace(content, words=words)
    width, height = content.width, content.height
    for word in words:
        word.left, word.top, word.right, word.bottom = _turn_box(
            (word.left, word.top, word.right, word.bottom), turn, width, height
        )
        word.baseline = word.bottom - 0.2 * (word.bottom - word.top)
    rules = [Rule(*_turn_box((r.left, r.top, r.right, r.bottom), turn, width, height)) for r in content.rules]
    if turn in (90, 270):
        width, height = height, width
    return replace(content, words=words, rules=rules, width=width, height=height)


_Box = tuple[float, float, float, float]


def _turn_box(box: _Box, turn: int, width: float, height: float) -> _Box:
    """Turn a box back by ``turn`` degrees, so that text which ran that way runs to the right."""
    left, top, right, bottom = box
    if turn == 90:
        return top, width - right, bottom, width - left
    if turn == 270:
        return height - bottom, left, height - top, right
    return width - right, height - bottom, width - left, height - top


def _make_display_box(box: _Box, content: PageContent, turn: int) -> Box:
    """Return the rectangle as fractions of the page as displayed."""
    width, height = content.width, content.height
    if content.tilt:
        box = _tilt_box(box, content.tilt, width, height)
    if turn:
        box = _turn_box(box, 360 - turn if turn != 180 else 180, width, height)
        if turn in (90, 270):
            width, height = height, width
    left, top, right, bottom = box
    across, down = _compute_fraction(left, width), _compute_fraction(top, height)
    return Box(
        content.number, across, down, _compute_fraction(right, width), _compute_fraction(bottom, height)
    )


def _tilt_box(box: _Box, tilt: float, width: float, height: float) -> _Box:
    """Return the box around a box that is turned clockwise by ``tilt`` degrees about the centre of the page."""
    along, across = cos(radians(tilt)), sin(radians(tilt))
    left, top, right, bottom = box
    corners = [(x - width / 2, y - height / 2) for x in (left, right) for y in (top, bottom)]
    xs = [x * along - y * across + width / 2 for x, y in corners]
    ys = [x * across + y * along + height / 2 for x, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def _compute_fraction(value: float, whole: float) -> float:
    return round(min(max(value / whole, 0.0), 1.0), 4) if whole > 0 else 0.0


# -- lines of one region


def _sort_rules(rules: Iterable[Rule]) -> tuple[list[Rule], list[Rule]]:
    across = sorted((r for r in rules if r.height <= 3 and r.width >= 40), key=lambda r: r.top)
    down = [r for r in rules if r.width <= 3 and r.height >= 7]
    return across, down


def _lay_out_region(
    region: list[Segment], number: int, page: PageContent, across: list[Rule], down: list[Rule], turn: int
) -> list[Line]:
    rows = _group_rows([word for segment in region for word in segment.words])
    rivers = _find_rivers(rows)
    measures = _find_measures(rows, page.height)
    lines: list[Line] = []
    for row, measure in zip(rows, measures, strict=True):
        top, bottom = min(w.top for w in row), max(w.bottom for w in row)
        above = lines[-1] if lines else None
        box = _make_display_box(
            (min(w.left for w in row), top, max(w.right for w in row), bottom), page, turn
        )
        line = _make_line(row, rivers.get(id(row), []), down, page.number, number, top, bottom, box, measure)
        lines.append(replace(line, ruled=True) if above and _is_separated(above, line, across) else line)
    return lines


def _group_rows(words: list[Word]) -> list[list[Word]]:
    """Group words that stand on one line, top to bottom, each from left to right."""
    rows: list[list[Word]] = []
    anchor: Word | None = None
    for word in sorted(words, key=lambda w: (w.baseline, w.left)):
        if anchor is not None and _is_same_row(anchor, word):
            rows[-1].append(word)
            if word.size > anchor.size:
                anchor = word
        else:
            rows.append([word])
            anchor = word
    return [sorted(row, key=lambda w: w.left) for row in rows]


def _find_measures(rows: list[list[Word]], height: float) -> list[float]:
    """Return how far to the right each row could have gone: as far as the longest row near it."""
    body = [row for row in rows if 0.08 * height < row[0].baseline < 0.93 * height] or rows
    longest = max((row[-1].right for row in body), default=0.0)
    measures: list[float] = []
    run: list[list[Word]] = []
    for row, following in zip_longest(rows, rows[1:]):
        run.append(row)
        if following is None or following[0].baseline - row[0].baseline > 1.5 * row[0].size:
            measures += [max(r[-1].right for r in run) if len(run) > 3 else longest] * len(run)
            run = []
    return measures


def _is_same_row(anchor: Word, word: Word) -> bool:
    distance = abs(word.baseline - anchor.baseline)
    overlap = min(anchor.bottom, word.bottom) - max(anchor.top, word.top)
    lower = min(anchor.bottom - anchor.top, word.bottom - word.top)
    return distance <= 0.25 * max(anchor.size, word.size) or (
        distance <= 0.5 * max(anchor.size, word.size) and overlap >= 0.5 * lower
    )


def _is_mono(row: list[Word]) -> bool:
    """Return whether a row is set in a fixed pitch, except for the sign at its end that it was wrapped."""
    *most, last = row
    if most and not last.text.strip(f"{WRAP_SIGNS}⁻-"):
        return _is_mono(most)
    return all(word.font.mono for word in row)


def _make_line(
    row: list[Word],
    rivers: list[float],
    down: list[Rule],
    page: int,
    region: int,
    top: float,
    bottom: float,
    box: Box,
    measure: float,
) -> Line:
    letters = sum(len(w.text) for w in row)
    main = max(row, key=lambda w: len(w.text))
    mono = _is_mono(row)
    return Line(
        page=page,
        region=region,
        cells=(_make_code_cell(row),) if mono else tuple(_divide_cells(row, rivers, down)),
        top=top,
        bottom=bottom,
        baseline=max(row, key=lambda w: (w.size, len(w.text))).baseline,
        size=main.size,
        bold=sum(len(w.text) for w in row if w.font.bold) >= 0.8 * letters,
        italic=all(w.font.italic for w in row),
        mono=mono,
        font=main.font.name,
        ruled=False,
        box=box,
        measure=measure,
        lead=row[0].right - row[0].left,
        is_doubtful=any(word.confidence < SURE and _DIGIT.search(word.text) for word in row),
    )


def _find_rivers(rows: list[list[Word]]) -> dict[int, list[float]]:
    """Find gaps too narrow for a column that recur on neighbouring lines, by ``id`` of the row."""
    found: dict[int, list[float]] = {}
    starts = [_find_gap_ends(row) for row in rows]
    for index, row in enumerate(rows):
        near = starts[max(index - 2, 0) : index] + starts[index + 1 : index + 3]
        places = [x for x in starts[index] if sum(any(abs(x - y) <= 1 for y in other) for other in near) >= 2]
        if places:
            found[id(row)] = places
    return found


def _find_gap_ends(row: list[Word]) -> list[float]:
    """Return where words begin after a gap that is wider than a space."""
    return [b.left for a, b in pairwise(row) if b.left - a.right > 0.7 * max(a.size, b.size)]


def _divide_cells(row: list[Word], rivers: list[float], down: list[Rule]) -> list[Cell]:
    """Divide the row at wide gaps, at rivers and at vertical rules."""
    cells: list[list[Word]] = [[row[0]]]
    middle = (row[0].top + row[0].bottom) / 2
    bars = sorted(r.left for r in down if r.top <= middle <= r.bottom) if down else []
    for before, after in pairwise(row):
        wide = after.left - before.right > CELL_GAP * max(before.size, after.size)
        barred = bars and bisect_right(bars, after.left + 1) > bisect_left(bars, before.right - 1)
        if wide or barred or after.left in rivers:
            cells.append([after])
        else:
            cells[-1].append(after)
    return [Cell(_join(cell), cell[0].left, max(w.right for w in cell)) for cell in cells]


def _join(words: list[Word]) -> str:
    """Join words with spaces, but none where two touch (a change of font inside a word, a raised exponent)."""
    parts = [words[0].text]
    for before, after in pairwise(words):
        gap = (after.left - before.right) / max(before.size, after.size)
        if gap < 0.3 and _is_exponent(before, after):
            parts.append(after.text.translate(SUPERSCRIPTS))
        else:
            parts.append(after.text if gap < 0.06 else f" {after.text}")
    return "".join(parts)


def _is_exponent(before: Word, after: Word) -> bool:
    """Return whether a word is a small raised number, set apart from the word it belongs to."""
    raised = after.size < 0.8 * before.size and after.baseline < before.baseline - 0.2 * before.size
    return raised and after.text.strip("+-−").isdecimal()


def _make_code_cell(words: list[Word]) -> Cell:
    """Join a line of code with its inner spacing, measured in character widths."""
    width = _measure_character(words)
    parts = [words[0].text]
    for before, after in pairwise(words):
        parts.append(" " * min(max(1, round((after.left - before.right) / width)), 80) + after.text)
    return Cell("".join(parts), words[0].left, words[-1].right)


def _measure_character(words: Sequence[Word]) -> float:
    letters = sum(len(w.text) for w in words)
    return max(sum(w.right - w.left for w in words) / max(letters, 1), 1.0)


def _is_separated(above: Line, line: Line, across: list[Rule]) -> bool:
    """Return whether a horizontal rule lies between two lines; one right under a part of the text underlines it."""
    start = bisect_left(across, above.baseline - 0.5, key=lambda r: r.top)
    end = bisect_right(across, line.baseline - 0.6 * line.size, key=lambda r: r.top)
    left, right = min(above.left, line.left), max(above.right, line.right)
    return any(r.left < right and r.right > left and not _underlines(r, above) for r in across[start:end])


def _underlines(rule: Rule, line: Line) -> bool:
    within = rule.left >= line.left - 1 and rule.right <= line.right + 1
    return within and rule.top < line.baseline + 0.3 * line.size
