"""Rows of data files to records: each names its fields and says in which row it stands.

Rows are taken one at a time, so that a list of a hundred thousand needs no more memory than its text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, islice

from edge.ingest.document import Block
from edge.ingest.table import COMPARED, MAX_TITLE, clean_cell, describe_shape, has_header, join_names

MAX_TITLES = 10
"""Lines above a table that may name it."""


@dataclass(frozen=True, slots=True)
class NumberedRow:
    """The texts of a row and its number in the file. ``in_header`` if a cell over several columns stands in it."""

    number: int
    cells: Sequence[str]
    in_header: bool = False


def write_records(rows: Iterable[NumberedRow], place: str = "", level: int = 1) -> Iterator[Block]:
    """Yield the records of a sheet, with the lines above each of its tables as heading and remarks.

    Tables are parted by empty rows. What follows an empty row without a header belongs to the table above it if its
    rows look alike.

    Args:
        place: what stands before the number of the row in a citation, such as the name of a sheet.
        level: that of the headings.
    """
    names: Sequence[str] = ()
    shapes: set[str] = set()
    waiting: list[NumberedRow] = []
    for empty, stretch in groupby(rows, key=lambda row: not any(row.cells)):
        if empty:
            continue
        first = list(islice(stretch, COMPARED + MAX_TITLES))
        titles = _count_titles(first)
        waiting += first[:titles]
        if titles == len(first):
            continue
        yield from _write_titles(waiting, place, level)
        waiting = []
        body = first[titles:]
        headers = _count_headers(body)
        if headers:
            names = [clean_cell(name) for name in join_names([row.cells for row in body[:headers]])]
            shapes = set()
        elif not _goes_on(body, names, shapes):
            names, shapes = (), set()
        shapes |= {describe_shape(row.cells[0]) for row in body[headers:] if row.cells}
        for row in chain(body[headers:], stretch):
            fields = [
                _format_field(names[i] if i < len(names) else "", cell) for i, cell in enumerate(row.cells)
            ]
            if text := " | ".join(filter(None, fields)):
                yield Block("record", text, place=_format_place(place, row.number))

    yield from _write_titles(waiting, place, 0)


def _write_titles(rows: Sequence[NumberedRow], place: str, level: int) -> Iterator[Block]:
    """Yield the first line above a table as its heading and the others as remarks; all as remarks at level 0."""
    for at, row in enumerate(rows):
        text = " ".join(filter(None, row.cells))
        is_heading = level > 0 and at == 0 and len(text) <= MAX_TITLE and not text.endswith(".")
        yield Block(
            "heading" if is_heading else "paragraph",
            text,
            level=level * is_heading,
            place=_format_place(place, row.number),
        )


def _count_titles(rows: Sequence[NumberedRow]) -> int:
    """Return how many rows stand above the table: a single cell each, while the rows under them have more.

    Rows that could have more cells but have one each are all titles, of the table after the next empty row.
    """
    usual = Counter(map(_count_cells, rows)).most_common(1)[0][0]
    if usual < 2:
        alone = all(_count_cells(row) == 1 < len(row.cells) for row in rows)
        return len(rows) if alone and len(rows) <= MAX_TITLES else 0
    titles = 0
    while titles < min(MAX_TITLES, len(rows) - 1) and _count_cells(rows[titles]) == 1:
        titles += 1
    return titles


def _count_cells(row: NumberedRow) -> int:
    return sum(map(bool, row.cells))


def _count_headers(rows: Sequence[NumberedRow]) -> int:
    """Return how many rows name the columns: one by its look, under any with cells over several columns."""
    above = 0
    while above < len(rows) - 1 and rows[above].in_header:
        above += 1
    if above:
        return above + 1 if above + 1 < len(rows) else above
    return int(has_header([row.cells for row in rows[: COMPARED + 1]]))


def _goes_on(rows: Sequence[NumberedRow], names: Sequence[str], shapes: set[str]) -> bool:
    """Return whether rows after an empty one belong to the table above: as wide, and its first cells look alike."""
    return bool(names) and all(
        len(row.cells) <= len(names) and row.cells and describe_shape(row.cells[0]) in shapes for row in rows
    )


def _format_field(name: str, cell: str) -> str:
    cell = clean_cell(cell)
    return f"{name}: {cell}" if name and cell else cell


def _format_place(place: str, number: int) -> str:
    return f"{place}, row {number}" if place else f"row {number}"
