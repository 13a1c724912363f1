"""PDF: words with their place become lines, lines become blocks. Page by page, so that memory stays bounded.

``words`` reads characters, ``columns`` and ``lines`` lay them out, ``furniture`` strips what is not content,
``headings`` and ``tables`` give structure, ``blocks`` joins lines to text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pypdfium2

from edge.errors import DocumentError
from edge.ingest.document import SourceDocument
from edge.ingest.readers.characters import squeeze
from edge.ingest.readers.pdf.annotations import Note, count_attachments, insert_notes, take_annotations
from edge.ingest.readers.pdf.blocks import build_blocks
from edge.ingest.readers.pdf.fonts import Fonts
from edge.ingest.readers.pdf.furniture import is_ornament, strip_listings, strip_running_lines
from edge.ingest.readers.pdf.headings import find_headings
from edge.ingest.readers.pdf.hyphens import Hyphens
from edge.ingest.readers.pdf.lines import Line, PageLines, lay_out_page
from edge.ingest.readers.pdf.outline import read_outline, read_page_label, read_title
from edge.ingest.readers.pdf.page import read_page
from edge.ingest.readers.pdf.tables import find_tables
from edge.packs.record import Page

BROKEN_HINT = (
    "Open it in a PDF viewer; if it opens there, print it to a new PDF and use that, else get the file again."
)


def read_pdf(name: str, data: bytes) -> SourceDocument:
    """Read a PDF.

    Raises:
        DocumentError: it is broken, needs a password, or holds no text (a scan).
    """
    document = _open(name, data)
    try:
        return _read(name, document)
    finally:
        document.close()


def _open(name: str, data: bytes) -> Any:
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise DocumentError(
                f"{name} is protected with a password.", "Save a copy without the password."
            ) from error
        raise DocumentError(f"{name} is not a readable PDF.", BROKEN_HINT) from error


def _read(name: str, document: Any) -> SourceDocument:
    count = len(document)
    fonts = Fonts()
    document.init_forms()
    added: list[Note] = []
    pages = [_lay_out_page(document, index, fonts, added) for index in range(count)]
    labels = [read_page_label(document, index) for index in range(count)]
    if not added:
        _require_text(name, pages)
    described = tuple(
        Page(page.number, label, page.width, page.height) for page, label in zip(pages, labels, strict=True)
    )
    outline = read_outline(document, {page.number: page.height for page in pages})
    content = strip_listings(strip_running_lines(pages, labels))
    lines = [line for page in content for line in page.lines if not is_ornament(line.text)]
    body, hyphens = _find_body_size(lines), Hyphens(lines)
    tables = find_tables(lines, body)
    tabular = {index for table in tables for index in range(table.start, table.end)}
    headings = find_headings(lines, outline, body, tabular, hyphens)
    tables = [t for t in tables if not any(i in headings for i in range(t.start, t.end))]
    title = read_title(document) or _find_printed_title(pages, body)
    blocks = tuple(insert_notes(build_blocks(lines, headings, tables, hyphens), added))
    return SourceDocument(title, described, blocks, tuple(_describe_left_out(document, pages)))


def _describe_left_out(document: Any, pages: Sequence[PageLines]) -> Iterator[str]:
    """Yield a sentence for every page without text, and for the files inside the document."""
    for page in pages:
        if page.height == 0:
            yield f"Page {page.number} could not be read."
        elif not page.lines and page.has_image:
            yield f"Page {page.number} is a picture without text: it is not read."
    if count := count_attachments(document):
        yield f"{count} attached file{'s' * (count > 1)} left out: save what is inside as documents of its own."


def _lay_out_page(document: Any, index: int, fonts: Fonts, added: list[Note]) -> PageLines:
    """Lay out one page and add its notes; a page that PDFium cannot read counts as empty."""
    try:
        page = document[index]
        added += take_annotations(document, page, index + 1)
        page.close()
        page = document[index]  # as it is now, with the values of its forms
    except pypdfium2.PdfiumError:
        return PageLines(index + 1, 0.0, 0.0, (), False)
    try:
        return lay_out_page(read_page(page, index + 1, fonts))
    except pypdfium2.PdfiumError:
        return PageLines(index + 1, 0.0, 0.0, (), False)
    finally:
        page.close()


def _require_text(name: str, pages: Sequence[PageLines]) -> None:
    if any(page.lines for page in pages):
        return
    if any(page.has_image for page in pages):
        raise DocumentError(
            f"{name} is a scan: its pages are images without text.",
            "Run text recognition first, for instance: ocrmypdf scan.pdf manual.pdf",
        )
    raise DocumentError(f"{name} has no text.", BROKEN_HINT)


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
