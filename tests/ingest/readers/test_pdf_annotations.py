"""PDF: what somebody added to a page is read, and what cannot be read is named."""

from __future__ import annotations

import ctypes
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium
import pytest

from edge.ingest.document import SourceDocument
from edge.ingest.readers import read

BODY = "Set the relief valve to 80 bar."


@contextmanager
def edit(data: bytes) -> Iterator[tuple[Any, io.BytesIO]]:
    """Open a PDF to be changed; the second value holds the changed file afterwards."""
    document, out = pypdfium2.PdfDocument(data), io.BytesIO()
    yield document, out
    document.save(out)
    document.close()


def add_note(document: Any, kind: int, text: str, top: float, height: float = 842) -> None:
    page = document[0]
    note = pdfium.FPDFPage_CreateAnnot(page.raw, kind)
    rect = pdfium.FS_RECTF(60, height - top, 260, height - top - 14)
    pdfium.FPDFAnnot_SetRect(note, ctypes.byref(rect))
    wide = (text + "\0").encode("utf-16-le")
    buffer = ctypes.create_string_buffer(wide)
    pdfium.FPDFAnnot_SetStringValue(note, b"Contents", ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)))
    pdfium.FPDFPage_CloseAnnot(note)
    page.close()


def parse(data: bytes) -> SourceDocument:
    return read("manual.pdf", data)


def test_notes_stand_behind_the_text_beside_them(pdf) -> None:
    pdf.add_page().add_text(60, 100, BODY).add_text(60, 300, "Bleed the accumulator first.")
    for kind in (pdfium.FPDF_ANNOT_FREETEXT, pdfium.FPDF_ANNOT_TEXT, pdfium.FPDF_ANNOT_STAMP):
        with edit(pdf.to_bytes()) as (document, out):
            add_note(document, kind, "Since 2023: 65 bar.", 110)
        blocks = parse(out.getvalue()).blocks
        assert [block.text for block in blocks] == [
            BODY,
            "Note on the page: Since 2023: 65 bar.",
            "Bleed the accumulator first.",
        ]
        assert 105 / 842 < blocks[1].boxes[0].top < 115 / 842


def test_a_note_over_printed_text_does_not_mix_with_it(pdf) -> None:
    pdf.add_page().add_text(60, 100, BODY)
    with edit(pdf.to_bytes()) as (document, out):
        add_note(document, pdfium.FPDF_ANNOT_FREETEXT, "65 bar", 92)
    assert sorted(block.text for block in parse(out.getvalue()).blocks) == ["Note on the page: 65 bar", BODY]


def test_a_page_without_text_and_attached_files_are_named(pdf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ingest.readers.scan.pages.find_languages", lambda: ())
    pdf.add_page().add_text(60, 100, BODY)
    pdf.add_page().add_image()
    with edit(pdf.to_bytes()) as (document, out):
        attached = document.new_attachment("parts.csv")
        attached.set_data(b"a,b\n")
    assert parse(out.getvalue()).notes == (
        "Page 2: not read, since this is a picture and tesseract is not installed.",
        "Attached and left out: parts.csv. Save what is inside as documents of its own.",
    )


def make_form(value: str, state: str) -> bytes:
    """Return a page with a text field that has no appearance, one that has, and a check box."""
    drawn = "BT /F1 10 Tf 2 4 Td (13.7 A) Tj ET"
    font = "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    text = f"BT /F1 10 Tf 60 742 Td ({BODY}) Tj ET BT /F1 10 Tf 60 700 Td (Motor current:) Tj ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [5 0 R 6 0 R 7 0 R] >> >>",
        "<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources {font} /Contents 4 0 R "
        "/Annots [5 0 R 6 0 R 7 0 R] >>",
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
        "<< /Type /Annot /Subtype /Widget /FT /Tx /T (Current) /V (13.7 A) /Rect [140 696 240 712] /F 4 "
        "/AP << /N 8 0 R >> >>",
        f"<< /Type /Annot /Subtype /Widget /FT /Tx /T (Serial) /V ({value}) /Rect [140 660 240 676] /F 4 >>",
        f"<< /Type /Annot /Subtype /Widget /FT /Btn /T (Tested) /V /{state} /AS /{state} "
        "/Rect [140 620 150 630] /F 4 /AP << /N << /Yes 9 0 R /Off 9 0 R >> >> >>",
        f"<< /Type /XObject /Subtype /Form /BBox [0 0 100 16] /Resources {font} /Length {len(drawn)} >>\n"
        f"stream\n{drawn}\nendstream",
        "<< /Type /XObject /Subtype /Form /BBox [0 0 10 10] /Length 0 >>\nstream\n\nendstream",
    ]
    out = b"%PDF-1.7\n"
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    return out + f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()


def test_the_values_of_a_form_are_read() -> None:
    texts = [block.text for block in parse(make_form("SN-77", "Yes")).blocks]
    assert "Motor current: 13.7 A" in " ".join(texts)
    assert "SN-77" in texts
    assert "☒ Tested" in texts
    assert "☐ Tested" in [block.text for block in parse(make_form("SN-77", "Off")).blocks]
