"""Pages of lines to a document: the steps that need all pages at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from edge.ingest.document import SourceDocument
from edge.ingest.readers.characters import squeeze
from edge.ingest.readers.pdf.annotations import Note, insert_notes
from edge.ingest.readers.pdf.blocks import build_blocks
from edge.ingest.readers.pdf.furniture import is_ornament, strip_listings, strip_running_lines
from edge.ingest.readers.pdf.headings import Entry, find_headings
from edge.ingest.readers.pdf.hyphens import Hyphens
from edge.ingest.readers.pdf.lines import Line, PageLines
from edge.ingest.readers.pdf.tables import find_tables
from edge.packs.record import Page


def compose(
    pages: Sequence[PageLines],
    labels: Sequence[str | None],
    outline: Sequence[Entry] = (),
    title: str = "",
    added: Sequence[Note] = (),
    notes: Sequence[str] = (),
) -> SourceDocument:
    """Give pages of lines the structure of a document.

    Args:
        pages: all of them, in order.
        labels: the number printed on each page, None where it is the position.
        outline: the bookmarks.
        title: what the file calls itself; without it the largest text of the first page does.
        added: notes written onto the pages.
        notes: sentences for the publisher.
    """
    described = tuple(
        Page(page.number, label, page.width, page.height) for page, label in zip(pages, labels, strict=True)
    )
    content = strip_listings(strip_running_lines(pages, labels))
    lines = [line for page in content for line in page.lines if not is_ornament(line.text)]
    body, hyphens = _find_body_size(lines), Hyphens(lines)
    tables = find_tables(lines, body)
    tabular = {index for table in tables for index in range(table.start, table.end)}
    headings = find_headings(lines, outline, body, tabular, hyphens)
    tables = [t for t in tables if not any(i in headings for i in range(t.start, t.end))]
    blocks = tuple(insert_notes(build_blocks(lines, headings, tables, hyphens), added))
    return SourceDocument(title or _find_printed_title(pages, body), described, blocks, tuple(notes))


def _find_body_size(lines: Sequence[Line]) -> float:
    """Return the font size of most of the text."""
    sizes = Counter[float]()
    for line in lines:
        sizes[round(line.size * 2) / 2] += len(line.text) * (1 if line.mono else 3)
    return sizes.most_common(1)[0][0] if sizes else 10.0


def _find_printed_title(pages: Sequence[PageLines], body: float) -> str:
    """Return the largest text on the first page that has any, if it stands out from the text."""
    first = next((page.lines for page in pages if page.lines), ())
    largest = max((line.size for line in first), default=0.0)
    if largest < 1.3 * body:
        return ""
    words = [line.text for line in first if line.size >= 0.95 * largest][:3]
    title = squeeze(" ".join(words))
    return title if 2 < len(title) <= 120 and len(first) > len(words) else ""
