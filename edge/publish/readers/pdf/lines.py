"""Words to lines of cells, in reading order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from edge.publish.readers.pdf.columns import Segment, regions, segments
from edge.publish.readers.pdf.words import PageContent, Rule, Word
from edge.types import Box

CELL_GAP = 1.3


@dataclass(frozen=True, slots=True)
class Cell:
    """Text of a line up to the next wide gap or vertical rule."""

    text: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Line:
    """One printed line. ``region`` tells columns apart; ``ruled`` means that a drawn rule separates it from the line
    above; ``measure`` is how far to the right the lines of its region reach."""

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
    ruled: bool
    box: Box
    measure: float = 0.0

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
    measure = max((word.right for row in rows for word in row), default=0.0)
    lines: list[Line] = []
    for row in rows:
        top, bottom = min(w.top for w in row), max(w.bottom for w in row)
        above = lines[-1] if lines else None
        box = _display_box((min(w.left for w in row), top, max(w.right for w in row), bottom), page, turn)
        line = _line(row, down, page.number, number, top, bottom, box, measure)
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


def _same_row(anchor: Word, word: Word) -> bool:
    distance = abs(word.baseline - anchor.baseline)
    overlap = min(anchor.bottom, word.bottom) - max(anchor.top, word.top)
    lower = min(anchor.bottom - anchor.top, word.bottom - word.top)
    return distance <= 0.25 * max(anchor.size, word.size) or (
        distance <= 0.5 * max(anchor.size, word.size) and overlap >= 0.75 * lower
    )


def _line(
    row: list[Word], down: list[Rule], page: int, region: int, top: float, bottom: float, box: Box, measure: float
) -> Line:
    letters = sum(len(w.text) for w in row)
    size = max(row, key=lambda w: len(w.text)).size
    mono = all(w.font.mono for w in row)
    return Line(
        page=page,
        region=region,
        cells=(_code_cell(row),) if mono else tuple(_cells(row, down)),
        top=top,
        bottom=bottom,
        baseline=max(row, key=lambda w: (w.size, len(w.text))).baseline,
        size=size,
        bold=sum(len(w.text) for w in row if w.font.bold) >= 0.8 * letters,
        italic=all(w.font.italic for w in row),
        mono=mono,
        ruled=False,
        box=box,
        measure=measure,
    )


def _cells(row: list[Word], down: list[Rule]) -> list[Cell]:
    """Cut the row at wide gaps and at vertical rules."""
    cells: list[list[Word]] = [[row[0]]]
    middle = (row[0].top + row[0].bottom) / 2
    bars = sorted(r.left for r in down if r.top <= middle <= r.bottom) if down else []
    for before, after in zip(row, row[1:], strict=False):
        wide = after.left - before.right > CELL_GAP * max(before.size, after.size)
        barred = bars and bisect_right(bars, after.left + 1) > bisect_left(bars, before.right - 1)
        if wide or barred:
            cells.append([after])
        else:
            cells[-1].append(after)
    return [Cell(_join(cell), cell[0].left, max(w.right for w in cell)) for cell in cells]


def _join(words: list[Word]) -> str:
    """Words with spaces, but none where two touch (a change of font inside a word, a raised exponent)."""
    parts = [words[0].text]
    for before, after in zip(words, words[1:], strict=False):
        touching = after.left - before.right < 0.06 * max(before.size, after.size)
        parts.append(after.text if touching else f" {after.text}")
    return "".join(parts)


def _code_cell(words: list[Word]) -> Cell:
    """A line of code with its inner spacing, measured in character widths."""
    width = _character_width(words)
    parts = [words[0].text]
    for before, after in zip(words, words[1:], strict=False):
        parts.append(" " * min(max(1, round((after.left - before.right) / width)), 80) + after.text)
    return Cell("".join(parts), words[0].left, words[-1].right)


def _character_width(words: Sequence[Word]) -> float:
    letters = sum(len(w.text) for w in words)
    return max(sum(w.right - w.left for w in words) / max(letters, 1), 1.0)


def _separated(above: Line, line: Line, across: list[Rule]) -> bool:
    """Whether a horizontal rule lies between two lines."""
    start = bisect_left(across, above.baseline - 0.5, key=lambda r: r.top)
    end = bisect_right(across, line.baseline - 0.6 * line.size, key=lambda r: r.top)
    left, right = min(above.left, line.left), max(above.right, line.right)
    return any(r.left < right and r.right > left for r in across[start:end])
