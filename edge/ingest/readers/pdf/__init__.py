"""PDF: words with their place become lines, lines become blocks. Page by page, so that memory stays bounded.

``words`` reads characters, ``columns`` and ``lines`` lay them out; then ``layout`` has all pages: ``furniture`` strips
what is not content, ``headings`` and ``tables`` give structure, ``blocks`` joins lines to text. Pages that are pictures
are left to ``scan``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pypdfium2

from edge.errors import DocumentError
from edge.ingest.document import SourceDocument
from edge.ingest.readers.pdf.annotations import Note, list_attachments, take_annotations
from edge.ingest.readers.pdf.fonts import Fonts
from edge.ingest.readers.pdf.layout import compose
from edge.ingest.readers.pdf.lines import PageLines, lay_out_page
from edge.ingest.readers.pdf.outline import read_outline, read_page_label, read_title
from edge.ingest.readers.pdf.page import read_page

if TYPE_CHECKING:
    from edge.ingest.readers.scan.pages import Picture

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
    notes = list(_read_pictures(document, pages))
    labels = [read_page_label(document, index) for index in range(count)]
    if not added:
        _require_text(name, pages)
    outline = read_outline(document, {page.number: page.height for page in pages})
    notes += _describe_left_out(document, pages)
    return compose(pages, labels, outline, read_title(document), added, notes)


def _describe_left_out(document: Any, pages: Sequence[PageLines]) -> Iterator[str]:
    """Yield a sentence for every page that cannot be opened, and for the files inside the document."""
    for page in pages:
        if page.height == 0:
            yield f"Page {page.number} could not be read."
    if names := list_attachments(document):
        yield f"Attached and left out: {', '.join(names)}. Save what is inside as documents of its own."


def _read_pictures(document: Any, pages: list[PageLines]) -> Iterator[str]:
    """Read the pages that are pictures in place; yield sentences about them for the publisher."""
    numbers = [page.number for page in pages if page.is_picture and page.height]
    if not numbers:
        return
    from edge.ingest.readers.scan.pages import list_pages, recognise_pages  # digital documents do without it

    if garbled := [page.number for page in pages if page.is_garbled]:
        yield f"{list_pages(garbled)}: the fonts do not say which letters they draw."
    read = recognise_pages(_draw_pages(document, numbers), numbers)
    yield from read.notes
    for index, page in enumerate(pages):
        bare = replace(page, lines=()) if page.is_garbled else page
        pages[index] = read.pages.get(page.number, bare)


def _draw_pages(document: Any, numbers: Sequence[int]) -> Iterator[Picture]:
    """Draw pages in gray, as large as text recognition wants them; those that cannot be drawn are passed over."""
    from edge.ingest.readers.scan.pages import Picture, choose_scale

    for number in numbers:
        try:
            page = document[number - 1]
            width, height = page.get_size()
            image = page.render(scale=choose_scale(width, height)).to_pil().convert("L")
            page.close()
        except (pypdfium2.PdfiumError, ValueError, MemoryError):
            continue
        yield Picture(number, image, width, height)


def _lay_out_page(document: Any, index: int, fonts: Fonts, added: list[Note]) -> PageLines:
    """Lay out one page and add its notes; a page that PDFium cannot read counts as empty."""
    try:
        page = document[index]
        added += take_annotations(document, page, index + 1)
        page.close()
        page = document[index]  # as it is now, with the values of its forms
    except pypdfium2.PdfiumError:
        return PageLines(index + 1, 0.0, 0.0, ())
    try:
        return lay_out_page(read_page(page, index + 1, fonts))
    except pypdfium2.PdfiumError:
        return PageLines(index + 1, 0.0, 0.0, ())
    finally:
        page.close()


def _require_text(name: str, pages: Sequence[PageLines]) -> None:
    if any(page.lines for page in pages):
        return
    if any(page.is_picture for page in pages):
        raise DocumentError(
            f"{name} is a scan: its pages are images without text that could be read.",
            "Install tesseract with the languages of the document (on Debian: apt install tesseract-ocr).",
        )
    raise DocumentError(f"{name} has no text.", BROKEN_HINT)
