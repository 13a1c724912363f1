"""What was added to a PDF's pages after printing: values of forms, and notes written or stamped onto a page."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

from edge.ingest.document import Block
from edge.ingest.readers.characters import squeeze
from edge.ingest.readers.pdf.place import find_place
from edge.types import Box

_NOTES = (pdfium.FPDF_ANNOT_TEXT, pdfium.FPDF_ANNOT_FREETEXT, pdfium.FPDF_ANNOT_STAMP)
_BOXES = (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON)


@dataclass(frozen=True, slots=True)
class Note:
    """A note on a page, or a check box of a form."""

    text: str
    box: Box


def take_annotations(document: Any, page: Any, number: int) -> tuple[Note, ...]:
    """Take the notes off an open page and draw the values of its forms onto it. The page must be loaded anew."""
    raw, form = page.raw, document.formenv
    width, height = page.get_size()
    place = find_place(page, width, height)
    notes: list[Note] = []
    for index in reversed(range(pdfium.FPDFPage_GetAnnotCount(raw))):
        annotation = pdfium.FPDFPage_GetAnnot(raw, index)
        if not annotation:
            continue
        try:
            text = _read_annotation(annotation, form)
            edges = pdfium.FS_RECTF()
            pdfium.FPDFAnnot_GetRect(annotation, edges)
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)
        if text:
            left, top, right, bottom = place.map_box((edges.left, edges.bottom, edges.right, edges.top))
            box = Box(number, *map(_clip, (left / width, top / height, right / width, bottom / height)))
            notes.append(Note(text, box))
            pdfium.FPDFPage_RemoveAnnot(raw, index)
    pdfium.FPDFPage_Flatten(raw, pdfium.FLAT_NORMALDISPLAY)
    return tuple(notes)


def insert_notes(blocks: Sequence[Block], notes: Sequence[Note]) -> Iterator[Block]:
    """Yield the blocks of a document with each note behind the text that it stands beside."""
    waiting = sorted(notes, key=lambda note: (note.box.page, note.box.top))
    for block in blocks:
        while waiting and _find_place(block) > (waiting[0].box.page, waiting[0].box.top):
            yield _make_block(waiting.pop(0))
        yield block
    yield from map(_make_block, waiting)


def list_attachments(document: Any) -> list[str]:
    """Return the names of the files that lie inside the document."""
    return [
        squeeze(
            _read_string(pdfium.FPDFAttachment_GetName, pdfium.FPDFDoc_GetAttachment(document.raw, index))
        )
        for index in range(pdfium.FPDFDoc_GetAttachmentCount(document.raw))
    ]


def _read_annotation(annotation: Any, form: Any) -> str:
    """Return the text that the drawn page would lack or mix with what is printed; empty for all others."""
    kind = pdfium.FPDFAnnot_GetSubtype(annotation)
    if kind in _NOTES:
        text = squeeze(_read_string(pdfium.FPDFAnnot_GetStringValue, annotation, b"Contents"))
        return f"Note on the page: {text}" if text else ""
    if kind != pdfium.FPDF_ANNOT_WIDGET or form is None:
        return ""
    if pdfium.FPDFAnnot_GetFormFieldType(form, annotation) not in _BOXES:
        return ""  # its value is drawn onto the page
    name = squeeze(_read_string(pdfium.FPDFAnnot_GetFormFieldName, form, annotation))
    return f"{'☒' if pdfium.FPDFAnnot_IsChecked(form, annotation) else '☐'} {name}".strip()


def _read_string(get: Callable[..., int], *arguments: Any) -> str:
    """Call one of PDFium's functions that write UTF-16 into a buffer."""
    length = get(*arguments, None, 0)
    buffer = ctypes.create_string_buffer(max(length, 2))
    get(*arguments, ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), len(buffer))
    return buffer.raw.decode("utf-16-le", "replace").rstrip("\0")


def _find_place(block: Block) -> tuple[int, float]:
    return (block.boxes[0].page, block.boxes[0].top) if block.boxes else (block.page, 0.0)


def _make_block(note: Note) -> Block:
    return Block("paragraph", note.text, note.box.page, (note.box,))


def _clip(fraction: float) -> float:
    return round(min(max(fraction, 0.0), 1.0), 4)
