"""Tables: stretches of lines whose cells line up, turned into rows of whole cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

from edge.ingest.readers.pdf.lines import Cell, Line
from edge.text.units import join_row

MIN_ROWS = 3
ALIGNED = 4.0
"""Points within which two cells count as aligned."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a text per column (empty where the row has none) and the lines it was printed on."""

    cells: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        """The cells that hold something, joined by bars."""
        return join_row(self.cells)


@dataclass(frozen=True, slots=True)
class Table:
    """A table found at line ``start``; ``header`` is None when it has none."""

    start: int
    end: int
    header: Row | None
    rows: tuple[Row, ...]
    lefts: tuple[float, ...]


@dataclass(slots=True)
class _Column:
    left: float
    right: float

    def holds(self, cell: Cell) -> bool:
        return cell.left < self.right + ALIGNED and cell.right > self.left - ALIGNED


def find_tables(lines: Sequence[Line], body: float) -> list[Table]:
    """Find all tables among the lines of a document, in order; a table ends with its page."""
    tables: list[Table] = []
    index = 0
    while index < len(lines):
        table = _find_table(lines, index, body) if len(lines[index].cells) > 1 else None
        if table:
            tables.append(table)
        index = table.end if table else index + 1
    return _continue_headers(tables, lines)


def _find_table(lines: Sequence[Line], start: int, body: float) -> Table | None:
    end, columns = _find_extent(lines, start, body)
    stretch = lines[start:end]
    full = [line for line in stretch if len(line.cells) > 1]
    ruled = sum(line.ruled for line in stretch)
    if len(full) < (2 if ruled >= 2 else MIN_ROWS) or len(columns) < 2 or not _lines_up(full):
        return None
    rows = [_make_row(group, columns) for group in _group_rows(stretch, columns)]
    if len(rows) < 2:
        return None
    header = rows[0] if _is_header(rows, ruled > 0) else None
    return Table(start, end, header, tuple(rows[1:] if header else rows), tuple(c.left for c in columns))


def _find_extent(lines: Sequence[Line], start: int, body: float) -> tuple[int, list[_Column]]:
    """Return where the lines stop to share columns, and these columns."""
    columns = [_Column(cell.left, cell.right) for cell in lines[start].cells]
    end = start + 1
    while end < len(lines) and _belongs(lines[end - 1], lines[end], columns, body):
        _widen(columns, lines[end])
        end += 1
    while end > start + 1 and _trails_off(lines[end - 2], lines[end - 1]):
        end -= 1
    return end, columns


def _belongs(above: Line, line: Line, columns: list[_Column], body: float) -> bool:
    if (
        (line.page, line.region) != (above.page, above.region)
        or line.mono
        or line.size >= 1.13 * max(body, above.size)
    ):
        return False
    gap = line.baseline - above.baseline
    if gap > (4.5 if line.ruled else 3.0) * line.size:
        return False
    if any(sum(column.holds(cell) for column in columns) > 1 for cell in line.cells):
        return False
    if any(sum(column.holds(cell) for cell in line.cells) > 1 for column in columns):
        return False
    if len(line.cells) == 1:
        return _is_continuation(line, columns) and (line.ruled or gap < 2.2 * line.size)
    return any(column.holds(cell) for column in columns for cell in line.cells)


def _is_continuation(line: Line, columns: list[_Column]) -> bool:
    """Return whether a lone cell starts where a column starts and keeps within it."""
    cell = line.cells[0]
    return any(abs(column.left - cell.left) <= ALIGNED for column in columns[1:]) or (
        cell.right <= columns[1].left if len(columns) > 1 and columns[0].holds(cell) else False
    )


def _trails_off(above: Line, line: Line) -> bool:
    """Return whether the last line of a stretch is a lone cell that begins something else."""
    lone = len(line.cells) == 1
    return lone and (line.baseline - above.baseline > 1.6 * line.size or line.bold != above.bold)


def _widen(columns: list[_Column], line: Line) -> None:
    for cell in line.cells:
        for column in columns:
            if column.holds(cell):
                column.left, column.right = min(column.left, cell.left), max(column.right, cell.right)
                break
        else:
            columns.append(_Column(cell.left, cell.right))
            columns.sort(key=lambda c: c.left)


def _lines_up(full: Sequence[Line]) -> bool:
    """Return whether cells after the first start, end or centre at the same place on most lines."""
    second = [line.cells[1] for line in full]
    for places in (
        [c.left for c in second],
        [c.right for c in second],
        [(c.left + c.right) / 2 for c in second],
    ):
        best = max(sum(abs(a - b) <= ALIGNED for b in places) for a in places)
        if best >= 0.6 * len(full) and best >= 2:
            return True
    return False


# -- rows


def _group_rows(stretch: Sequence[Line], columns: list[_Column]) -> list[list[Line]]:
    """Group lines that make one row together."""
    by_rules = sum(line.ruled for line in stretch) >= 0.3 * len(stretch) or _are_rows_ruled(stretch, columns)
    groups: list[list[Line]] = []
    for line in stretch:
        fresh = line.ruled if by_rules else _starts_row(groups[-1][-1] if groups else None, line, columns)
        if fresh or not groups:
            groups.append([line])
        else:
            groups[-1].append(line)
    return groups


def _are_rows_ruled(stretch: Sequence[Line], columns: list[_Column]) -> bool:
    """Return whether between two rules there is never more than one line that begins in the first column."""
    ruled = [i for i, line in enumerate(stretch) if line.ruled and i]
    if len(ruled) < 2:
        return False
    edges = [0, *ruled, len(stretch)]
    beginning = [sum(_is_in_first(line, columns) for line in stretch[a:b]) for a, b in pairwise(edges)]
    return all(count <= 2 for count in beginning)


def _is_in_first(line: Line, columns: list[_Column]) -> bool:
    return columns[0].holds(line.cells[0])


def _starts_row(above: Line | None, line: Line, columns: list[_Column]) -> bool:
    if above is None or line.ruled:
        return True
    if not _is_in_first(line, columns):
        close = line.baseline - above.baseline < 1.5 * line.size
        return not close or len(line.cells) > max(1, len(columns) - 2)
    return not (
        len(line.cells) == 1 and line.text[:1].islower() and line.baseline - above.baseline < 1.5 * line.size
    )


def _make_row(group: Sequence[Line], columns: list[_Column]) -> Row:
    texts = [""] * len(columns)
    for line in group:
        for cell in line.cells:
            index = max(range(len(columns)), key=lambda i: _measure_overlap(columns[i], cell))
            texts[index] = f"{texts[index]} {cell.text}".strip()
    return Row(tuple(texts), tuple(group))


def _measure_overlap(column: _Column, cell: Cell) -> float:
    return min(column.right, cell.right) - max(column.left, cell.left)


def _is_header(rows: Sequence[Row], ruled: bool) -> bool:
    """Return whether the first row names the columns: by its weight, a rule under it, or words above numbers."""
    first, rest = rows[0], rows[1:]
    if sum(map(bool, first.cells)) < max(2, 0.6 * len(first.cells)):
        return False
    if _repeats_pattern(first, rest):
        return False
    if all(line.bold for line in first.lines):
        return not all(line.bold for row in rest for line in row.lines)
    short = all(len(cell) <= 40 and not re.fullmatch(r"[\W\d]+", cell) for cell in first.cells if cell)
    if ruled and rest[0].lines[0].ruled and short and not first.lines[0].text[0].isdigit():
        return True
    numeric = mean(bool(re.search(r"\d", " ".join(row.cells[1:]))) for row in rest)
    return short and numeric >= 0.7 and not re.search(r"\d", first.text)


def _repeats_pattern(first: Row, rest: Sequence[Row]) -> bool:
    """Return whether a code or number in the first row looks like most of those under it: then it is one of them."""
    for column, text in enumerate(first.cells):
        below = [row.cells[column] for row in rest if row.cells[column]]
        alike = sum(_find_shape(text) == _find_shape(cell) for cell in below)
        if re.search(r"\d", text) and below and alike > 0.5 * len(below):
            return True
    return False


def _find_shape(text: str) -> str:
    """Return a text with one sign for each run of letters, digits or hexadecimal digits after 0x."""
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d]+", "A", re.sub(r"\b0x[0-9a-fA-F]+\b", "#", text)))


def _continue_headers(tables: list[Table], lines: Sequence[Line]) -> list[Table]:
    """Give a table that goes on from the page before the header it began with."""
    result: list[Table] = []
    for table in tables:
        before = result[-1] if result else None
        if before and before.header and before.end == table.start and _has_same_columns(before, table):
            rows = table.rows
            if table.header and table.header.text != before.header.text:
                rows = (table.header, *rows)
            table = Table(table.start, table.end, before.header, rows, table.lefts)
        result.append(table)
    return result


def _has_same_columns(before: Table, table: Table) -> bool:
    return len(before.lefts) == len(table.lefts) and all(
        abs(a - b) <= 12 for a, b in zip(before.lefts, table.lefts, strict=True)
    )
