"""CSV and TSV: a table of tickets, fault codes or parts. Every row becomes a record that names its fields."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from edge.errors import DocumentError
from edge.ingest.document import Block, SourceDocument
from edge.ingest.readers.characters import squeeze
from edge.ingest.readers.decode import decode
from edge.packs.record import Page

SAMPLE = 16_384


def read_table(name: str, data: bytes) -> SourceDocument:
    """Read a delimited table whose first row names the columns.

    Raises:
        DocumentError: the rows cannot be told apart.
    """
    text = decode(data).replace("\0", "")
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_detect_delimiter(name, text))
        rows = [row for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise DocumentError(
            f"{name} is not a readable table: {error}.", "Save it again as CSV in UTF-8."
        ) from error
    return SourceDocument("", (Page(1),), tuple(_make_records(rows)))


def _detect_delimiter(name: str, text: str) -> str:
    """Return the delimiter that divides the first rows into the most columns, alike in most rows."""
    best, best_score = "\t" if name.lower().endswith(".tsv") else ",", 0.0
    for delimiter in ",;\t|":
        rows = [
            row
            for row in islice(csv.reader(io.StringIO(text[:SAMPLE], newline=""), delimiter=delimiter), 50)
            if row
        ]
        widths = Counter(map(len, rows))
        width, count = widths.most_common(1)[0] if widths else (1, 0)
        score = (width > 1) * (count / len(rows) + width / 1000) if rows else 0.0
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _make_records(rows: Sequence[Sequence[str]]) -> Iterator[Block]:
    if not rows:
        return
    names = [squeeze(cell) for cell in rows[0]]
    for row in rows[1:] or rows[:1]:
        fields = [
            _format_field(names[i] if i < len(names) and len(rows) > 1 else "", cell)
            for i, cell in enumerate(row)
        ]
        if text := " | ".join(filter(None, fields)):
            yield Block("record", text)


def _format_field(name: str, cell: str) -> str:
    value = squeeze(cell)
    return f"{name}: {value}" if name and value else value
