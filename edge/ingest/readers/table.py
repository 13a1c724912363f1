"""CSV and TSV: a table of tickets, fault codes or parts. Every row becomes a record that names its fields."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from statistics import median

from edge.errors import DocumentError
from edge.ingest.document import Block, SourceDocument
from edge.ingest.readers.characters import squeeze
from edge.ingest.readers.decode import decode
from edge.packs.record import Page

SAMPLE = 16_384
MAX_TITLES = 10
"""Lines above a table that may name it."""
MAX_NAME = 60
"""Characters of a column's name."""
MAX_NAME_WORDS = 4
COMPARED = 50
"""Rows that a header is compared with."""

_SEPARATOR_LINE = re.compile(r"\ufeff?\"?sep=(.)\"?[ \t]*(?:\n|\Z)", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")
_NUMBER = re.compile(r"[-+−]?\d+(?:[.,]\d+)*")
_LETTERS = re.compile(r"[^\W\d_]+")

Row = Sequence[str]


def read_table(name: str, data: bytes) -> SourceDocument:
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


def has_header(rows: Sequence[Row]) -> bool:
    """Return whether the first row names the columns: complete, short, different cells, unlike the rows under it.

    On a tie it is data: a header taken for a row is seen by every reader, a row taken for the header says wrong things.
    """
    first, *rest = rows[: COMPARED + 1]
    names = list(first)
    while names and not names[-1]:
        names.pop()
    if not rest or not all(names) or len(set(names)) < len(names) or len(max(names, key=len)) > MAX_NAME:
        return False
    columns = [[row[i] for row in rest if i < len(row) and row[i]] for i in range(len(names))]
    pairs = list(zip(names, columns, strict=True))
    return not any(_is_value(name, column) for name, column in pairs) and any(
        _is_unlike(name, column) for name, column in pairs
    )


def _is_value(cell: str, column: Sequence[str]) -> bool:
    """Return whether a cell is a number or code, such as the column holds or no column is called by."""
    if not _DIGITS.search(cell):
        return False
    shape = _describe_shape(cell)
    alike = 2 * sum(_describe_shape(other) == shape for other in column) >= max(len(column), 1)
    numeric = 2 * sum(bool(_NUMBER.match(other)) for other in column) >= len(column)
    return alike or bool(_NUMBER.fullmatch(cell)) or (" " not in cell and not numeric)


def _is_unlike(cell: str, column: Sequence[str]) -> bool:
    """Return whether a cell is written as none of its column, is much shorter, or stands over few repeated values."""
    words = len(cell.split())
    if not column or words > MAX_NAME_WORDS:
        return False
    repeated = len(column) > 1 and 2 * len(set(column)) <= len(column) and cell not in column
    shorter = 2 * words <= median(len(other.split()) for other in column)
    return repeated or shorter or _describe_shape(cell) not in set(map(_describe_shape, column))


def _describe_shape(cell: str) -> str:
    """Write a cell with 9 for a number and the case of its letters: ``E-207`` becomes ``A-9``, prose ``A a``."""
    shape = _LETTERS.sub(lambda word: _describe_case(word[0]), _DIGITS.sub("9", cell))
    return re.sub(r"( [Aa])+", " a", shape)


def _describe_case(word: str) -> str:
    return "X" if len(word) == 1 else "A" if word[0].isupper() else "a"


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
