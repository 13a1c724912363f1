"""Words to lines of cells, in reading order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest

from edge.ingest.readers.characters import SUPERSCRIPTS
from edge.ingest.readers.pdf.columns import Segment, regions, segments
from edge.ingest.readers.pdf.drawings import Rule
from edge.ingest.readers.pdf.page import PageContent
from edge.ingest.readers.pdf.words import Word
from edge.types import Box

CELL_GAP = 1.3

WRAP_SIGNS = "↩↪⏎↵←"
"""Drawn, in another font, where a listing was wrapped to fit the page."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Text of a line up to the next wide gap or vertical rule."""

    text: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Line:
    """One printed line. ``region`` tells columns apart; ``ruled`` means that a drawn rule separates it from the line
    above; ``measure`` is how far to the right the lines around it reach; ``lead`` is the width of its first word."""

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

    @property
    def left(self) -> float:
        """Where the line starts, in points."""
        return self.cells[0].left

    @property
    def right(self) -> float:
        """Where the line ends, in points."""
        return self.cells[-1].right

    @property
    def text(self) -> str:
        """The whole line."""
        return self.cells[0].text if len(self.cells) == 1 else " ".join(cell.text for cell in self.cells)


@dataclass(frozen=True, slots=True)
class PageLines:
    """The lines of one page in reading order. ``height`` is that of the page as its text stands upright."""

    number: int
    width: float
    height: float
    lines: tuple[Line, ...]
    has_image: bool


def page_lines(content: PageContent) -> PageLines:
    """Lay out one page."""
    turn = _dominant_turn(content.words)
    upright = _turned(content, turn)
    across, down = _rules(upright.rules)
    lines: list[Line] = []
    for number, region in enumerate(regions(segments(upright.words))):
        lines += _region_lines(region, number, upright, across, down, turn)
    return PageLines(content.number, upright.width, upright.height, tuple(lines), content.images > 0)


# -- pages whose text runs sideways


def _dominant_turn(words: Sequence[Word]) -> int:
    turns = Counter[int]()
    for word in words:
        turns[word.angle] += len(word.text)
    turns.pop(-1, None)
    return turns.most_common(1)[0][0] if turns else 0


def _turned(content: PageContent, turn: int) -> PageContent:
    """The page with its main text upright; text in other directions (margin notes, watermarks) is dropped."""
    words = [w for w in content.words if w.angle == turn]
    if turn == 0:
        return replace(content, words=words)
    width, height = content.width, content.height
    for word in words:
        word.left, word.top, word.right, word.bottom = _turn(
            (word.left, word.top, word.right, word.bottom), turn, width, height
        )
        word.baseline = word.bottom - 0.2 * (word.bottom - word.top)
    rules = [Rule(*_turn((r.left, r.top, r.right, r.bottom), turn, width, height)) for r in content.rules]
    if turn in (90, 270):
        width, height = height, width
    return replace(content, words=words, rules=rules, width=width, height=height)


_Box = tuple[float, float, float, float]


def _turn(box: _Box, turn: int, width: float, height: float) -> _Box:
    """Turn a box back by ``turn`` degrees, so that text which ran that way runs to the right."""
    left, top, right, bottom = box
    if turn == 90:
        return top, width - right, bottom, width - left
    if turn == 270:
        return height - bottom, left, height - top, right
    return width - right, height - bottom, width - left, height - top


def _display_box(box: _Box, content: PageContent, turn: int) -> Box:
    """The rectangle as fractions of the page as displayed."""
    width, height = content.width, content.height
    if turn:
        box = _turn(box, 360 - turn if turn != 180 else 180, width, height)
        if turn in (90, 270):
            width, height = height, width
    left, top, right, bottom = box
    return Box(content.number, _fraction(left, width), _fraction(top, height), _fraction(right, width),
               _fraction(bottom, height))  # fmt: skip


def _fraction(value: float, whole: float) -> float:
    return round(min(max(value / whole, 0.0), 1.0), 4) if whole > 0 else 0.0


# -- lines of one region


def _rules(rules: Iterable[Rule]) -> tuple[list[Rule], list[Rule]]:
    across = sorted((r for r in rules if r.height <= 3 and r.width >= 40), key=lambda r: r.top)
    down = [r for r in rules if r.width <= 3 and r.height >= 7]
    return across, down


def _region_lines(
    region: list[Segment], number: int, page: PageContent, across: list[Rule], down: list[Rule], turn: int
) -> list[Line]:
    rows = _rows([word for segment in region for word in segment.words])
    rivers = _rivers(rows)
    measures = _measures(rows, page.height)
    lines: list[Line] = []
    for row, measure in zip(rows, measures, strict=True):
        top, bottom = min(w.top for w in row), max(w.bottom for w in row)
        above = lines[-1] if lines else None
        box = _display_box((min(w.left for w in row), top, max(w.right for w in row), bottom), page, turn)
        line = _line(row, rivers.get(id(row), []), down, page.number, number, top, bottom, box, measure)
        lines.append(replace(line, ruled=True) if above and _separated(above, line, across) else line)
    return lines


def _rows(words: list[Word]) -> list[list[Word]]:
    """Group words that stand on one line, top to bottom, each from left to right."""
    rows: list[list[Word]] = []
    anchor: Word | None = None
    for word in sorted(words, key=lambda w: (w.baseline, w.left)):
        if anchor is not None and _same_row(anchor, word):
            rows[-1].append(word)
            if word.size > anchor.size:
                anchor = word
        else:
            rows.append([word])
            anchor = word
    return [sorted(row, key=lambda w: w.left) for row in rows]


def _measures(rows: list[list[Word]], height: float) -> list[float]:
    """How far to the right each row could have gone: as far as the longest row it stands together with."""
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


def _same_row(anchor: Word, word: Word) -> bool:
    distance = abs(word.baseline - anchor.baseline)
    overlap = min(anchor.bottom, word.bottom) - max(anchor.top, word.top)
    lower = min(anchor.bottom - anchor.top, word.bottom - word.top)
    return distance <= 0.25 * max(anchor.size, word.size) or (
        distance <= 0.5 * max(anchor.size, word.size) and overlap >= 0.5 * lower
    )


def _is_mono(row: list[Word]) -> bool:
    """Whether a row is set in a fixed pitch, but for the sign at its end that it was wrapped."""
    *most, last = row
    if most and not last.text.strip(f"{WRAP_SIGNS}⁻-"):
        return _is_mono(most)
    return all(word.font.mono for word in row)


def _line(
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
        cells=(_code_cell(row),) if mono else tuple(_cells(row, rivers, down)),
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
    )


def _rivers(rows: list[list[Word]]) -> dict[int, list[float]]:
    """Places where a gap too narrow to be a column's by itself recurs on neighbouring lines, by ``id`` of the row."""
    found: dict[int, list[float]] = {}
    starts = [_gap_ends(row) for row in rows]
    for index, row in enumerate(rows):
        near = starts[max(index - 2, 0) : index] + starts[index + 1 : index + 3]
        places = [x for x in starts[index] if sum(any(abs(x - y) <= 1 for y in other) for other in near) >= 2]
        if places:
            found[id(row)] = places
    return found


def _gap_ends(row: list[Word]) -> list[float]:
    """Where words begin after a gap that is at least wider than a space."""
    return [b.left for a, b in pairwise(row) if b.left - a.right > 0.7 * max(a.size, b.size)]


def _cells(row: list[Word], rivers: list[float], down: list[Rule]) -> list[Cell]:
    """Cut the row at wide gaps, at rivers and at vertical rules."""
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
    """Words with spaces, but none where two touch (a change of font inside a word, a raised exponent)."""
    parts = [words[0].text]
    for before, after in pairwise(words):
        gap = (after.left - before.right) / max(before.size, after.size)
        if gap < 0.3 and _is_exponent(before, after):
            parts.append(after.text.translate(SUPERSCRIPTS))
        else:
            parts.append(after.text if gap < 0.06 else f" {after.text}")
    return "".join(parts)


def _is_exponent(before: Word, after: Word) -> bool:
    """Whether a word is a small raised number, set apart from what it belongs to."""
    raised = after.size < 0.8 * before.size and after.baseline < before.baseline - 0.2 * before.size
    return raised and after.text.strip("+-−").isdecimal()


def _code_cell(words: list[Word]) -> Cell:
    """A line of code with its inner spacing, measured in character widths."""
    width = _character_width(words)
    parts = [words[0].text]
    for before, after in pairwise(words):
        parts.append(" " * min(max(1, round((after.left - before.right) / width)), 80) + after.text)
    return Cell("".join(parts), words[0].left, words[-1].right)


def _character_width(words: Sequence[Word]) -> float:
    letters = sum(len(w.text) for w in words)
    return max(sum(w.right - w.left for w in words) / max(letters, 1), 1.0)


def _separated(above: Line, line: Line, across: list[Rule]) -> bool:
    """Whether a horizontal rule lies between two lines; what lies right under a part of the text underlines it."""
    start = bisect_left(across, above.baseline - 0.5, key=lambda r: r.top)
    end = bisect_right(across, line.baseline - 0.6 * line.size, key=lambda r: r.top)
    left, right = min(above.left, line.left), max(above.right, line.right)
    return any(r.left < right and r.right > left and not _underlines(r, above) for r in across[start:end])


def _underlines(rule: Rule, line: Line) -> bool:
    within = rule.left >= line.left - 1 and rule.right <= line.right + 1
    return within and rule.top < line.baseline + 0.3 * line.size
