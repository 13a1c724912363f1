"""CSV and TSV: a table of tickets, fault codes or parts. Every row becomes a record that names its fields."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from itertools import islice

from edge.errors import DocumentError
from edge.ingest.document import SourceDocument
from edge.ingest.readers.characters import squeeze
from edge.ingest.readers.decode import decode
from edge.ingest.records import NumberedRow, write_records
from edge.packs.record import Page

SAMPLE = 16_384

_SEPARATOR_LINE = re.compile(r"\ufeff?\"?sep=(.)\"?[ \t]*(?:\n|\Z)", re.IGNORECASE)


def read_delimited(name: str, data: bytes) -> SourceDocument:
    """Read a delimited table, with or without a header; the lines above it become its title.

    Raises:
        DocumentError: the rows cannot be told apart.
    """
    text, notes = decode(data)
    delimiter, text = _split_separator_line(name, text.replace("\0", ""))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = (NumberedRow(number, [squeeze(cell) for cell in row]) for number, row in enumerate(reader, 1))
    try:
        blocks = tuple(write_records(rows))
    except csv.Error as error:
        raise DocumentError(
            f"{name} is not a readable table: {error}.", "Save it again as CSV in UTF-8."
        ) from error
    title = blocks[0].text if blocks and blocks[0].kind == "heading" else ""
    return SourceDocument(title, (Page(1),), blocks, notes)


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
