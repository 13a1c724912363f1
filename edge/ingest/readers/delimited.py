"""CSV and TSV: a table of tickets, fault codes or parts. Every row becomes a record that names its fields."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from edge.errors import DocumentError
from edge.ingest.document import Block, SourceDocument
from edge.ingest.readers.characters import squeeze
from edge.ingest.readers.decode import decode
from edge.ingest.table import has_header
from edge.packs.record import Page

SAMPLE = 16_384
MAX_TITLES = 10
"""Lines above a table that may name it."""

_SEPARATOR_LINE = re.compile(r"\ufeff?\"?sep=(.)\"?[ \t]*(?:\n|\Z)", re.IGNORECASE)

Row = Sequence[str]


def read_delimited(name: str, data: bytes) -> SourceDocument:
    """Read a delimited table, with or without a header; the lines above it become its title.

    Raises:
        DocumentError: the rows cannot be told apart.
    """
    text = decode(data).replace("\0", "")
    delimiter, text = _split_separator_line(name, text)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        rows = [[squeeze(cell) for cell in row] for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise DocumentError(
            f"{name} is not a readable table: {error}.", "Save it again as CSV in UTF-8."
        ) from error
    start = _count_titles(rows)
    titles = [" ".join(filter(None, row)) for row in rows[:start]]
    headings = [Block("heading", title, level=1) for title in titles[:1]]
    remarks = [Block("paragraph", title) for title in titles[1:]]
    records = _make_records(rows[start:])
    return SourceDocument(titles[0] if titles else "", (Page(1),), (*headings, *remarks, *records))


def _split_separator_line(name: str, text: str) -> tuple[str, str]:
    """Return the delimiter and the text without the line ``sep=;`` that spreadsheets write to name it."""
    if named := _SEPARATOR_LINE.match(text):
        return named[1], text[named.end() :]
    return _detect_delimiter(name, text), text


def _detect_delimiter(name: str, text: str) -> str:
    """Return the delimiter that divides the first rows into the most columns, alike in most rows."""
    best, best_score = "\t" if name.lower().endswith(".tsv") else ",", 0.0
    for delimiter in ",;\t|":
        rows = [
            row
            for row in islice(csv.reader(io.StringIO(text[:SAMPLE], newline=""), delimiter=delimiter), 50)
            if row
        ]
        widths = Counter(width for row in rows if (width := len(row)) > 1)
        width, count = widths.most_common(1)[0] if widths else (1, 0)
        score = (width > 1) * (count / len(rows) + width / 1000) if rows else 0.0
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _count_titles(rows: Sequence[Row]) -> int:
    """Return how many rows stand above the table: a single cell each, while the rows under them have more."""
    usual = Counter(_count_cells(row) for row in rows).most_common(1)
    if not usual or usual[0][0] < 2:
        return 0
    titles = 0
    while titles < min(MAX_TITLES, len(rows) - 1) and _count_cells(rows[titles]) == 1:
        titles += 1
    return titles


def _count_cells(row: Row) -> int:
    return sum(map(bool, row))


def _make_records(rows: Sequence[Row]) -> Iterator[Block]:
    if not rows:
        return
    names = rows[0] if has_header(rows) else ()
    for row in rows[1:] if names else rows:
        fields = [_format_field(names[i] if i < len(names) else "", cell) for i, cell in enumerate(row)]
        if text := " | ".join(filter(None, fields)):
            yield Block("record", text)


def _format_field(name: str, cell: str) -> str:
    return f"{name}: {cell}" if name and cell else cell
