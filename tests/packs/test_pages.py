from __future__ import annotations

import io

import pypdfium2
import pytest
from PIL import Image

from edge.errors import NotFoundError, PackError
from edge.packs.pages import MAX_WIDTH, draw_page, locate_texts
from edge.types import Box

PDF = "application/pdf"


@pytest.fixture(scope="module")
def two_pages() -> bytes:
    """A white A5 page and a square one."""
    document = pypdfium2.PdfDocument.new()
    document.new_page(420, 595)
    document.new_page(300, 300)
    out = io.BytesIO()
    document.save(out)
    document.close()
    return out.getvalue()


def picture(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def test_a_page_is_drawn_at_the_width_asked_for(two_pages: bytes) -> None:
    assert picture(draw_page(two_pages, PDF, 1)).size == (1000, 1417)
    assert picture(draw_page(two_pages, PDF, 2, width=200)).size == (200, 200)
    assert picture(draw_page(two_pages, PDF, 2, width=1_000_000)).size == (MAX_WIDTH, MAX_WIDTH)


def test_boxes_of_the_page_are_marked_yellow(two_pages: bytes) -> None:
    boxes = [Box(2, 0.25, 0.5, 0.75, 0.6), Box(1, 0.0, 0.0, 1.0, 0.2)]
    image = picture(draw_page(two_pages, PDF, 2, boxes, width=200))
    red, green, blue = image.getpixel((100, 110))  # type: ignore[misc]
    assert red > 240
    assert green > 220
    assert blue < 200
    for outside in ((100, 90), (100, 130), (40, 110), (100, 10)):
        assert image.getpixel(outside) == (255, 255, 255)


@pytest.mark.parametrize("page", [0, 3, -1])
def test_a_page_that_does_not_exist_is_not_found(two_pages: bytes, page: int) -> None:
    with pytest.raises(NotFoundError, match=f"no page {page}") as error:
        draw_page(two_pages, PDF, page)
    assert "1 to 2" in error.value.hint


def test_other_documents_have_no_page_images() -> None:
    with pytest.raises(NotFoundError, match="no page images"):
        draw_page(b"# Heading", "text/markdown", 1)


def test_a_damaged_document_is_refused() -> None:
    with pytest.raises(PackError):
        draw_page(b"%PDF-1.7 nothing", PDF, 1)


def make_text_pdf(*lines: tuple[str, int, int], rotate: int = 0) -> bytes:
    """Return a page of 400 by 200 points with lines of text at places."""
    content = " ".join(f"BT /F 10 Tf {x} {y} Td ({text}) Tj ET" for text, x, y in lines)
    return (
        "%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
        "2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n"
        f"3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 200] /Rotate {rotate} /Contents 4 0 R "
        "/Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>\nendobj\n"
        f"4 0 obj\n<< /Length {len(content)} >>\nstream\n{content}\nendstream\nendobj\n"
        "trailer\n<< /Size 5 /Root 1 0 R >>\n%%EOF"
    ).encode()


TORQUE = make_text_pdf(("Tighten the flange bolts cross-", 40, 150), ("wise to 45 Nm.", 40, 130))


def test_a_sentence_is_located_line_by_line_whatever_its_case_and_hyphens() -> None:
    ((first, second),) = locate_texts(TORQUE, PDF, 1, ["tighten the flange bolts crosswise to 45 Nm"])
    assert first.bottom < second.top
    assert first.left == pytest.approx(second.left, abs=0.01)
    assert first.left == pytest.approx(0.1, abs=0.01)
    assert 0.2 < first.top < 0.25 < first.bottom < 0.27


@pytest.mark.parametrize("text", ["45", "45 Nm", "flange"])
def test_a_word_and_a_number_are_located(text: str) -> None:
    ((box,),) = locate_texts(TORQUE, PDF, 1, [text])
    assert box.right > box.left


@pytest.mark.parametrize("text", ["4", "5 Nm", "lange", "tighten the flange bolts to 45 Nm", "", " "])
def test_nothing_is_located_that_does_not_stand_there(text: str) -> None:
    assert locate_texts(TORQUE, PDF, 1, [text]) == [()]


def test_a_text_that_stands_there_twice_is_located_twice() -> None:
    twice = make_text_pdf(("Valve A and valve A.", 40, 150))
    ((first, second),) = locate_texts(twice, PDF, 1, ["valve a"])
    assert first.right < second.left


def test_boxes_are_those_of_the_page_as_it_is_drawn() -> None:
    turned = make_text_pdf(("Tighten the bolts", 40, 150), rotate=90)
    ((box,),) = locate_texts(turned, PDF, 1, ["Tighten the bolts"])
    image = picture(draw_page(turned, PDF, 1, width=400)).convert("L")
    left, top, right, bottom = image.point(lambda grey: 255 * (grey < 128)).getbbox()  # type: ignore[misc]
    assert box.left == pytest.approx(left / image.width, abs=0.02)
    assert box.right == pytest.approx(right / image.width, abs=0.02)
    assert box.top == pytest.approx(top / image.height, abs=0.02)
    assert box.bottom == pytest.approx(bottom / image.height, abs=0.02)


def test_a_picture_is_its_own_page() -> None:
    out = io.BytesIO()
    first, second = Image.new("L", (2000, 1000), 255), Image.new("L", (600, 900), 0)
    first.save(out, "TIFF", save_all=True, append_images=[second])
    assert picture(draw_page(out.getvalue(), "image/tiff", 1)).size == (1000, 500)
    shown = picture(draw_page(out.getvalue(), "image/tiff", 2, [Box(2, 0.0, 0.0, 0.5, 0.5)]))
    assert shown.size == (600, 900)
    assert shown.getpixel((10, 10)) != shown.getpixel((500, 800))
    with pytest.raises(NotFoundError, match="no page 3"):
        draw_page(out.getvalue(), "image/tiff", 3)
    with pytest.raises(PackError, match="cannot be drawn"):
        draw_page(b"II*nothing", "image/tiff", 1)
