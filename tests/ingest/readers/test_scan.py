"""Scans: pages that are pictures are read like printed ones, or the report says why not."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from edge.errors import DocumentError
from edge.ingest.document import SourceDocument
from edge.ingest.readers import read
from edge.ingest.readers.scan import pages, tesseract
from edge.ingest.readers.scan.image import find_ink, find_rules, find_tilt
from edge.ingest.readers.scan.pages import list_pages

needs_tesseract = pytest.mark.skipif(
    shutil.which(tesseract.PROGRAM) is None, reason="tesseract, which reads pictures, is not installed"
)
DPI = 150
WIDTH, HEIGHT = 480, 400

Scan = Callable[..., Image.Image]


@pytest.fixture(autouse=True)
def only_english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in one language: trying all that are installed takes as many times as long."""
    monkeypatch.setattr(pages, "find_languages", lambda: ("eng",))


@pytest.fixture
def scan(pdf) -> Scan:
    """Draws the only page of ``pdf`` as a scanner would see it: turned, and with noise."""

    def draw(turn: float = 0.0, noise: float = 0.0) -> Image.Image:
        document = pypdfium2.PdfDocument(pdf.to_bytes())
        image = document[0].render(scale=DPI / 72).to_pil().convert("L")
        document.close()
        image = image.rotate(turn, Image.Resampling.BICUBIC, expand=turn % 90 == 0, fillcolor=255)
        specks = np.random.default_rng(1).normal(0, noise, (image.height, image.width))
        return Image.fromarray((np.asarray(image) + specks).clip(0, 255).astype(np.uint8))

    return draw


def fill_page(pdf) -> None:
    """Write a page with a heading, prose, steps, a warning and a ruled table."""
    page = pdf.add_page(width=WIDTH, height=HEIGHT)
    page.add_text(60, 80, "Replacing the shaft seal", 16, "Helvetica-Bold")
    page.add_lines(
        60,
        110,
        "The pump must be switched off before work begins on the seal. Wait until the\n"
        "shaft has come to rest and the casing is cold to touch. Drain the casing.",
        leading=14,
        size=11,
    )
    page.add_lines(60, 160, "1. Close the suction valve.\n2. Press the seal 4711/23 home.", 18, size=11)
    page.add_text(60, 220, "WARNING: Hot water of 85 degrees comes out of the plug.", 11, "Helvetica-Bold")
    page.add_text(60, 260, "Fault codes", 16, "Helvetica-Bold")
    rows = [("Code", "Cause"), ("E-207", "Motor too hot"), ("E-209", "Suction low"), ("E-311", "Dry run")]
    for number, (code, cause) in enumerate(rows):
        page.add_text(66, 293 + 20 * number, code, 11).add_text(166, 293 + 20 * number, cause, 11)
    for number in range(5):
        page.add_rule(60, 279 + 20 * number, 300, 0.8)
    for left in (60, 160, 360):
        page.add_rule(left, 279, 0.8, 80)


def show(document: SourceDocument) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in document.blocks]


def save(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, dpi=(DPI, DPI), **options)  # type: ignore[arg-type]
    return out.getvalue()


READ = [
    ("heading", "Replacing the shaft seal"),
    (
        "paragraph",
        "The pump must be switched off before work begins on the seal. Wait until the shaft has come to rest and the "
        "casing is cold to touch. Drain the casing.",
    ),
    ("step", "1. Close the suction valve."),
    ("step", "2. Press the seal 4711/23 home."),
    ("warning", "WARNING: Hot water of 85 degrees comes out of the plug."),
    ("heading", "Fault codes"),
    ("row", "E-207 | Motor too hot"),
    ("row", "E-209 | Suction low"),
    ("row", "E-311 | Dry run"),
]


@needs_tesseract
@pytest.mark.parametrize(("turn", "noise"), [(-2.3, 15.0), (90.0, 5.0)])
def test_a_scan_is_read_like_a_printed_page(pdf, scan: Scan, turn: float, noise: float) -> None:
    fill_page(pdf)
    document = read("scan.png", save(scan(turn, noise)))
    assert show(document) == READ
    assert {block.header for block in document.blocks if block.kind == "row"} == {"Code | Cause"}
    assert document.notes == ("Page 1: read from a picture by tesseract (eng).",)


@needs_tesseract
def test_words_of_a_tilted_scan_are_marked_where_they_lie(pdf, scan: Scan) -> None:
    fill_page(pdf)
    level, tilted = (read("scan.png", save(scan(turn))) for turn in (0.0, 3.0))
    box, moved = level.blocks[-1].boxes[0], tilted.blocks[-1].boxes[0]
    angle = np.radians(3.0)
    x, y = (box.left + box.right) / 2 - 0.5, (box.top + box.bottom) / 2 - 0.5
    assert (moved.left + moved.right) / 2 - 0.5 == pytest.approx(
        x * np.cos(angle) + y * HEIGHT / WIDTH * np.sin(angle), abs=0.01
    )
    assert (moved.top + moved.bottom) / 2 - 0.5 == pytest.approx(
        y * np.cos(angle) - x * WIDTH / HEIGHT * np.sin(angle), abs=0.01
    )


@needs_tesseract
def test_a_scanned_page_between_others_is_read_in_its_place(pdf, scan: Scan) -> None:
    fill_page(pdf)
    picture = scan(noise=5)
    printed = pypdfium2.PdfDocument(pdf.to_bytes())
    document = pypdfium2.PdfDocument.new()
    document.import_pages(printed, [0])
    image = pypdfium2.PdfImage.new(document)
    image.set_bitmap(pypdfium2.PdfBitmap.from_pil(picture))
    image.set_matrix(pypdfium2.PdfMatrix().scale(WIDTH, HEIGHT))
    page = document.new_page(WIDTH, HEIGHT)
    page.insert_obj(image)
    page.gen_content()
    out = io.BytesIO()
    document.save(out)
    result = read("manual.pdf", out.getvalue())
    assert [text for page, text in ((b.page, (b.kind, b.text)) for b in result.blocks) if page == 2] == READ
    assert result.notes == ("Page 2: read from a picture by tesseract (eng).",)


@needs_tesseract
def test_a_file_of_several_pictures_has_as_many_pages(pdf, scan: Scan) -> None:
    fill_page(pdf)
    image = scan()
    document = read("scan.tiff", save(image, "TIFF", save_all=True, append_images=[image]))
    assert [page.number for page in document.pages] == [1, 2]
    assert {block.page for block in document.blocks} == {1, 2}


@needs_tesseract
def test_a_value_that_is_hard_to_read_is_marked(pdf, scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_page(pdf)
    recognise = pages.recognise

    def doubt(image: Image.Image, dpi: float, language: str) -> list[tesseract.PrintedWord]:
        words = recognise(image, dpi, language)
        return [
            tesseract.PrintedWord(**{**{n: getattr(w, n) for n in w.__slots__}, "confidence": 0.5})
            if w.text in ("E-209", "suction")
            else w
            for w in words
        ]

    monkeypatch.setattr(pages, "recognise", doubt)
    document = read("scan.png", save(scan()))
    assert [block.text for block in document.blocks if block.is_doubtful] == ["E-209 | Suction low"]
    assert any("to be compared with the page" in note for note in document.notes)


@needs_tesseract
def test_an_empty_page_is_said_to_be_without_text() -> None:
    with pytest.raises(DocumentError, match="no text was recognised"):
        read("empty.png", save(Image.new("L", (800, 1000), 255)))


@needs_tesseract
def test_a_page_that_takes_too_long_is_left_out_and_said(
    pdf, scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_page(pdf)
    monkeypatch.setattr(tesseract, "TIMEOUT_S", 0.01)
    with pytest.raises(DocumentError, match="Page 1: not read, text recognition failed: it took more than"):
        read("scan.png", save(scan()))


def test_without_the_program_a_scan_is_refused_with_what_to_do(
    pdf, scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_page(pdf)
    monkeypatch.setattr(pages, "find_languages", lambda: ())
    with pytest.raises(DocumentError, match="tesseract is not installed") as refused:
        read("scan.jpg", save(scan(), "JPEG"))
    assert "apt install tesseract-ocr" in refused.value.hint


def test_a_damaged_picture_is_refused() -> None:
    with pytest.raises(DocumentError, match="not a readable picture"):
        read("scan.png", b"\x89PNG\r\n\x1a\nnothing")


def test_pages_are_listed_as_ranges() -> None:
    assert [list_pages([4]), list_pages([1, 2, 3, 7])] == ["Page 4", "Pages 1-3, 7"]


@pytest.mark.parametrize("turn", [-4.2, 0.0, 0.5, 2.7])
def test_the_tilt_of_a_page_is_measured(pdf, scan: Scan, turn: float) -> None:
    fill_page(pdf)
    assert find_tilt(find_ink(np.asarray(scan(turn, 10)))) == pytest.approx(-turn, abs=0.1)


def test_rules_are_found_and_letters_are_none(pdf, scan: Scan) -> None:
    fill_page(pdf)
    rules = find_rules(find_ink(np.asarray(scan(noise=8))), DPI).found
    across = [rule for rule in rules if rule.width > rule.height]
    assert (len(across), len(rules)) == (5, 8)
    assert all(rule.width * 72 / DPI == pytest.approx(302, abs=5) for rule in across)
