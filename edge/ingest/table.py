"""The table model: every reader fills a ``Table``; here its spans are laid out, its header found, its rows written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from statistics import median

from edge.ingest.document import Block
from edge.ingest.readers.warnings import split_signal
from edge.text.units import CELL, EMPTY, join_row

MAX_SPAN = 64
"""Columns that one cell can cover: pages write ``colspan="1000"`` for "all"."""
MAX_REPEATED = 200
"""Characters of a cell that are repeated in every row and column that it covers."""
MAX_TITLE = 100
"""Characters of a row over the whole width that names the rows under it; a longer one is a remark."""
MAX_NAME = 60
"""Characters of a column's name."""
MAX_NAME_WORDS = 4
COMPARED = 50
"""Rows that a header is compared with."""

_DIGITS = re.compile(r"\d+")
_NUMBER = re.compile(r"[-+−]?\d+(?:[.,]\d+)*")
_LETTERS = re.compile(r"[^\W\d_]+")

Texts = Sequence[str]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell and how many rows and columns it covers; ``is_header`` if the file marks it, ``is_bold`` by its look."""

    text: str
    rows: int = 1
    columns: int = 1
    is_header: bool = False
    is_bold: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of cells. ``is_header`` if the file says so of the whole row; ``place`` is where a citation leads."""

    cells: tuple[Cell, ...]
    is_header: bool = False
    place: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as its file marks it. ``title`` is its caption, or what stands above it."""

    rows: tuple[Row, ...]
    title: str = ""


def write_rows(table: Table) -> Iterator[Block]:
    """Yield a block for every row, with the header and the title that hold for it.

    A cell that covers several rows or columns is repeated in each. The names of a header of several rows are joined.
    A row over the whole width becomes part of the title of the rows under it. Without a marked header the first row is
    one only if it looks so.
    """
    rows = _lay_out(table.rows)
    width = max((len(row.cells) for row in rows), default=0)
    title, group, header = table.title, "", ""
    names: list[Texts] = []
    body_began = False
    if not any(map(_is_header, rows)):
        if _names_rows(rows):
            rows = _turn(rows) if _has_columns_of_objects(rows) else rows
        elif (first := _find_header_by_look(rows)) is not None:
            rows[first] = replace(rows[first], is_header=True)
    for number, row in enumerate(rows):
        texts = [clean_cell(cell.text) for cell in row.cells]
        if text := _find_group(row, width):
            if number == len(rows) - 1 or len(text) > MAX_TITLE or split_signal(text):
                yield Block("paragraph", text, title=_join_title(title, group), place=row.place)
            elif body_began or names:
                group = text
            else:
                title = _join_title(title, text)
        elif _is_header(row) and number < len(rows) - 1:
            names = [*names, texts] if not body_began else [texts]
            header, body_began = CELL.join(join_names(names)), False
        elif text := join_row(_drop_repeats(row, texts) if not header else texts):
            body_began = True
            yield Block("row", text, header=header, title=_join_title(title, group), place=row.place)
    if names and not body_began:
        yield from (Block("row", text) for line in names if (text := join_row(line)))


def clean_cell(text: str) -> str:
    """Return a text without the sign that divides cells: it would move the cells behind it under other names."""
    return text.replace(CELL, " / ").strip(" |") if "|" in text else text


def has_header(rows: Sequence[Texts]) -> bool:
    """Return whether the first row names the columns: complete, short, different cells, unlike the rows under it.

    On a tie it is data: a header taken for a row is seen by every reader, a row taken for the header says wrong things.
    """
    first, *rest = rows[: COMPARED + 1]
    names = list(first)
    while names and not names[-1]:
        names.pop()
    if not rest or not _are_names(names):
        return False
    columns = [[row[i] for row in rest if i < len(row) and row[i]] for i in range(len(names))]
    pairs = list(zip(names, columns, strict=True))
    return not any(_is_value(name, column) for name, column in pairs) and any(
        _is_unlike(name, column) and (number == 0 or _is_uniform(column))
        for number, (name, column) in enumerate(pairs)
    )


def _are_names(names: Texts) -> bool:
    filled = bool(names) and all(names[1:]) and any(names)
    return filled and len(set(names)) == len(names) and len(max(names, key=len)) <= MAX_NAME


def _is_value(cell: str, column: Texts) -> bool:
    """Return whether a cell is a number or code, such as the column holds or no column is called by."""
    if not _DIGITS.search(cell):
        return False
    shape = describe_shape(cell)
    alike = 2 * sum(describe_shape(other) == shape for other in column) >= max(len(column), 1)
    numeric = 2 * sum(bool(_NUMBER.match(other)) for other in column) >= len(column)
    return alike or bool(_NUMBER.fullmatch(cell)) or (" " not in cell and not numeric)


def _is_unlike(cell: str, column: Texts) -> bool:
    """Return whether a cell is written as none of its column, is much shorter, or stands over few repeated values."""
    words = len(cell.split())
    if not cell or not column or words > MAX_NAME_WORDS:
        return False
    repeated = len(column) > 1 and 2 * len(set(column)) <= len(column) and cell not in column
    shorter = 2 * words <= median(len(other.split()) for other in column)
    return repeated or shorter or describe_shape(cell) not in set(map(describe_shape, column))


def _is_uniform(column: Texts) -> bool:
    """Return whether most cells of a column differ in their digits only, or all are prose.

    The values of a sheet of properties are of many kinds: its first row is no header.
    """
    shapes = Counter(_DIGITS.sub("9", cell) for cell in column)
    return 2 * max(shapes.values(), default=0) > len(column) or all(len(cell.split()) > 2 for cell in column)


def describe_shape(cell: str) -> str:
    """Write a cell with 9 for a number and the case of its letters: ``E-207`` becomes ``A-9``, prose ``A a``."""
    shape = _LETTERS.sub(lambda word: _describe_case(word[0]), _DIGITS.sub("9", cell))
    return re.sub(r"( [Aa])+", " a", shape)


def _describe_case(word: str) -> str:
    return "X" if len(word) == 1 else "A" if word[0].isupper() else "a"


# -- layout


def _lay_out(rows: Sequence[Row]) -> list[Row]:
    """Repeat every cell in the rows and columns that it covers; rows without a cell are left out."""
    grid: list[Row] = []
    hanging: dict[int, tuple[int, Cell]] = {}
    for row in rows:
        line = {column: cell for column, (_, cell) in hanging.items()}
        hanging = {column: (left - 1, cell) for column, (left, cell) in hanging.items() if left > 1}
        alone = len(row.cells) == 1 and not line
        column = 0
        for cell in row.cells:
            while column in line:
                column += 1
            for offset in range(1 if alone else min(max(cell.columns, 1), MAX_SPAN)):
                repeated = cell if offset == 0 or len(cell.text) <= MAX_REPEATED else replace(cell, text="")
                line[column + offset] = repeated
                if cell.rows > 1:
                    below = cell if len(cell.text) <= MAX_REPEATED else replace(cell, text="")
                    hanging[column + offset] = (cell.rows - 1, below)
            column += 1
        if line:
            cells = tuple(line.get(i, Cell("")) for i in range(max(line) + 1))
            grid.append(replace(row, cells=cells))
    return grid


def _is_header(row: Row) -> bool:
    filled = [cell for cell in row.cells if cell.text]
    return bool(filled) and (row.is_header or all(cell.is_header for cell in filled))


def _find_group(row: Row, width: int) -> str:
    """Return the text of a row that consists of a single cell over the whole width; else an empty string."""
    only = row.cells[0]
    wide = only.columns > 1 or only.is_header
    return clean_cell(only.text) if len(row.cells) == 1 and width > 1 and wide else ""


def _find_header_by_look(rows: Sequence[Row]) -> int | None:
    """Return the number of the row that is a header by its emphasis or by ``has_header``; None if there is none."""
    if len(rows) < 2:
        return None
    width = max(len(row.cells) for row in rows)
    above = len(list(takewhile(lambda row: _find_group(row, width), rows)))
    rows = rows[above:]
    if len(rows) < 2:
        return None
    names = [cell.text for cell in rows[0].cells]
    bold = all(cell.is_bold for cell in rows[0].cells if cell.text)
    others_bold = all(cell.is_bold for row in rows[1:] for cell in row.cells if cell.text)
    by_weight = bold and not others_bold and len(names) > 1 and _are_names(names)
    found = by_weight or has_header([[cell.text for cell in row.cells] for row in rows[: COMPARED + 1]])
    return above if found else None


def _names_rows(rows: Sequence[Row]) -> bool:
    """Return whether the first column alone is marked or set in bold: it names the rows."""
    pairs = [(row.cells[0], row.cells[1:]) for row in rows if len(row.cells) > 1]
    return bool(pairs) and all(
        (first.is_header or first.is_bold) and not any(cell.is_header or cell.is_bold for cell in others)
        for first, others in pairs
    )


def _has_columns_of_objects(rows: Sequence[Row]) -> bool:
    """Return whether every column describes one thing: values are alike along most rows, but not down a column."""
    width = max(len(row.cells) for row in rows)
    lines = [[cell.text for cell in row.cells[1:]] for row in rows if len(row.cells) == width]
    if width < 3 or len(lines) < len(rows):
        return False
    columns = list(zip(*lines, strict=True))
    return 2 * sum(map(_are_alike, lines)) > len(lines) and not all(map(_are_alike, columns))


def _are_alike(cells: Texts) -> bool:
    return len(set(map(describe_shape, cells))) == 1


def _turn(rows: Sequence[Row]) -> list[Row]:
    """Make the first column the header, and a row of every other column."""
    turned = [Row(tuple(cells)) for cells in zip(*(row.cells for row in rows), strict=True)]
    return [replace(turned[0], is_header=True), *turned[1:]]


def _drop_repeats(row: Row, texts: Texts) -> Texts:
    """Return the texts of a row without header, each cell once: nothing says what its columns mean."""
    cells = row.cells
    return [text for i, text in enumerate(texts) if i == 0 or not text or cells[i] is not cells[i - 1]]


def join_names(rows: Sequence[Texts]) -> list[str]:
    """Return the names of the columns, each from the top row down; empty if no column has one."""
    width = max(map(len, rows))
    columns = [[row[i] for row in rows if i < len(row) and row[i]] for i in range(width)]
    names = [" ".join(dict.fromkeys(column)) for column in columns]
    return names if any(name.strip(EMPTY) for name in names) else []


def _join_title(*parts: str) -> str:
    return " > ".join(filter(None, parts))
