"""Reading PDFs as a person does: in order, whole, without what is only the page's dress."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import DocumentError
from edge.ingest.document import Block, SourceDocument
from edge.ingest.readers import read
from edge.ingest.readers.pdf.blocks import unwrap

LEFT = """The pump must be switched off before work
begins on the seal. Wait until the shaft has
come to rest and the casing is cold to touch.
Drain the casing through the lower plug and
collect the fluid in a clean vessel so that
it can be filled again after the repair work.
Loosen the four bolts of the cover crosswise
and take the cover off with both hands now."""
RIGHT = """Check the new seal for damage and grease it
with the compound that is delivered with it.
Press the seal into its seat evenly until the
collar rests against the housing all around.
Mount the cover and tighten the bolts with a
torque of 25 Nm in two passes crosswise, then
fill the casing and vent it at the upper plug
until fluid without bubbles comes out there."""


def join_blocks(text: str) -> str:
    return " ".join(text.split())


def parse(pdf: object) -> SourceDocument:
    return read("manual.pdf", pdf.to_bytes())  # type: ignore[attr-defined]


def show_blocks(document: SourceDocument) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in document.blocks]


# -- lines and paragraphs


def test_lines_become_a_paragraph_with_one_box_a_line(pdf) -> None:
    pdf.add_page().add_lines(60, 100, LEFT)
    (block,) = parse(pdf).blocks
    assert block.text == join_blocks(LEFT)
    assert len(block.boxes) == 8
    first = block.boxes[0]
    assert (first.page, round(first.left, 2)) == (1, round(60 / 595, 2))
    assert first.top < 100 / 842 < first.bottom
    assert all(a.top < b.top for a, b in zip(block.boxes, block.boxes[1:], strict=False))


def test_white_space_divides_paragraphs(pdf) -> None:
    page = pdf.add_page()
    page.add_lines(60, page.add_lines(60, 100, LEFT) + 8, RIGHT)
    assert [b.text for b in parse(pdf).blocks] == [join_blocks(LEFT), join_blocks(RIGHT)]


def test_a_line_of_symbols_alone_is_an_ornament(pdf) -> None:
    pdf.add_page().add_lines(72, 100, "Check the oil of the pump.\n© ®\nDrain it, © Acme says, at 40 °C.")
    assert join_blocks(" ".join(text for _, text in show_blocks(parse(pdf)))) == (
        "Check the oil of the pump. Drain it, © Acme says, at 40 °C."
    )


def test_a_paragraph_goes_on_over_the_page(pdf) -> None:
    pdf.add_page().add_lines(60, 600, LEFT + "\nThe work is best done by two people and")
    pdf.add_page().add_lines(60, 100, "takes about an hour, but no special tools at all.")
    block = parse(pdf).blocks[0]
    assert block.text.endswith("two people and takes about an hour, but no special tools at all.")
    assert {box.page for box in block.boxes} == {1, 2}
    assert block.page == 1


@pytest.mark.parametrize("interleaved", [False, True])
def test_columns_are_read_one_after_the_other(pdf, interleaved: bool) -> None:
    page = pdf.add_page().add_text(60, 60, "Replacing the seal of the pump", 16, "Helvetica-Bold")
    left, right = (LEFT + "\n" + LEFT).split("\n"), (RIGHT + "\n" + RIGHT).split("\n")
    if interleaved:
        for row, (a, b) in enumerate(zip(left, right, strict=True)):
            page.add_text(60, 100 + 12 * row, a).add_text(320, 100 + 12 * row, b)
    else:
        page.add_lines(60, 100, "\n".join(left))
        page.add_lines(320, 100, "\n".join(right))
    text = " ".join(b.text for b in parse(pdf).blocks if b.kind == "paragraph")
    assert text == join_blocks(" ".join([LEFT, LEFT, RIGHT, RIGHT]))


def test_a_hyphen_at_the_line_end_is_undone_only_where_it_broke_a_word(pdf) -> None:
    page = pdf.add_page()
    page.add_lines(
        60,
        100,
        "Before the instal-\nlation check that the three-\nphase supply and its over-\nload relay are off.",
    )
    page.add_lines(60, 200, "A three-phase supply has an overload relay.")
    assert parse(pdf).blocks[0].text == (
        "Before the installation check that the three-phase supply and its overload relay are off."
    )


def test_raised_digits_stay_raised(pdf) -> None:
    pdf.add_page().add_text(60, 100, "The area is 4 m").add_text(130, 96, "2", 6).add_text(
        136, 100, "of floor."
    )
    assert parse(pdf).blocks[0].text == "The area is 4 m² of floor."


def test_an_underscore_drawn_as_a_rule_is_restored(pdf) -> None:
    page = (
        pdf.add_page()
        .add_text(60, 100, "Set battery", font="Courier")
        .add_text(132, 100, "low to 20.", font="Courier")
    )
    page.add_rule(126.5, 101, 5, 0.5)
    assert "battery_low to 20." in parse(pdf).blocks[0].text


def test_underlined_text_is_no_underscore_and_no_table(pdf) -> None:
    pdf.add_page().add_lines(60, 100, LEFT)
    pdf.pages[0].add_rule(60, 101.5, 150, 0.5)
    assert parse(pdf).blocks[0].text == join_blocks(LEFT)


# -- the page


@pytest.mark.parametrize(("rotate", "corner"), [(90, "right"), (180, "bottom"), (270, "left")])
def test_boxes_follow_the_rotation_of_the_page(pdf, rotate: int, corner: str) -> None:
    pdf.add_page(rotate=rotate).add_text(60, 100, "Drain the casing.").add_text(60, 60, "Stop the pump.")
    box = parse(pdf).blocks[0].boxes[0]
    assert {"right": box.right > 0.85, "bottom": box.bottom > 0.85, "left": box.left < 0.15}[corner]


def test_boxes_are_fractions_of_the_crop_box(pdf) -> None:
    pdf.add_page(crop=(50, 42, 550, 792)).add_text(60, 100, "Drain the casing.")
    box = parse(pdf).blocks[0].boxes[0]
    assert box.left == pytest.approx(10 / 500, abs=0.002)
    assert box.top < 50 / 750 < box.bottom


def test_a_page_set_sideways_is_read_as_text(pdf) -> None:
    page = pdf.add_page()
    for row, line in enumerate(LEFT.split("\n")):
        page.add_sideways(100 + 12 * row, 700, line)
    (block,) = parse(pdf).blocks
    assert block.text == join_blocks(LEFT)
    assert block.boxes[0].right < block.boxes[-1].left


def test_margin_text_running_upwards_is_dropped(pdf) -> None:
    page = pdf.add_page().add_sideways(20, 700, "Copy 7 of 9")
    page.add_lines(60, 100, LEFT)
    assert [b.text for b in parse(pdf).blocks] == [join_blocks(LEFT)]


def test_page_labels_are_told_where_they_differ_from_the_position(pdf) -> None:
    pdf.labels = "0 << /S /r >> 2 << /S /D /St 3 >>"
    for number in range(4):
        pdf.add_page().add_lines(60, 100, LEFT.replace("pump", f"pump {number}"))
    assert [(p.number, p.label) for p in parse(pdf).pages] == [(1, "i"), (2, "ii"), (3, None), (4, None)]


# -- furniture


PARTS = ["seal", "shaft", "casing", "cover", "bolt", "plug", "fan", "bearing", "coupling", "motor"]


def make_book(pdf, count: int) -> None:
    """Pages with a running header, a chapter title that changes, and a footer."""
    for number, name in enumerate(PARTS[:count], 1):
        page = pdf.add_page()
        page.add_text(60, 40, "Pump P-12 service manual").add_text(400, 40, f"Chapter {1 + number // 4}")
        page.add_lines(
            60, 100, f"The {name} is worn.\n" + (LEFT if number % 2 else RIGHT).replace("the", f"the {name}")
        )
        page.add_text(60, 800, "ACME 2024").add_text(280, 800, f"{number}")


def test_running_headers_footers_and_page_numbers_are_stripped(pdf) -> None:
    make_book(pdf, 10)
    document = parse(pdf)
    assert [b.text.split(" is worn")[0] for b in document.blocks if "worn" in b.text] == [
        f"The {p}" for p in PARTS
    ]
    assert not any(
        "ACME" in b.text or "service manual" in b.text or "Chapter" in b.text for b in document.blocks
    )


def test_a_lone_page_number_is_stripped_and_a_number_in_the_text_is_not(pdf) -> None:
    pdf.add_page().add_text(60, 100, "The torque is").add_text(60, 112, "25 Nm.").add_text(290, 820, "- 1 -")
    assert [b.text for b in parse(pdf).blocks] == ["The torque is 25 Nm."]


def test_a_table_of_contents_is_no_content(pdf) -> None:
    page = pdf.add_page().add_text(60, 60, "Contents", 16, "Helvetica-Bold")
    for row in range(12):
        page.add_text(60, 100 + 14 * row, f"{row + 1} Replacing part {row} {'. ' * 40}{row * 3 + 2}")
    pdf.add_page().add_lines(60, 100, LEFT)
    assert [b.text for b in parse(pdf).blocks] == [join_blocks(LEFT)]


def test_a_list_of_data_with_dot_leaders_is_content(pdf) -> None:
    page = pdf.add_page().add_lines(60, 100, LEFT)
    for row, (name, value) in enumerate([("Weight", 95), ("Length", 12), ("Height", 80), ("Width", 7)]):
        pdf.pages[0].add_text(60, page + 20 + 14 * row, f"{name} {'. ' * 30} {value}")
    assert "Weight" in " ".join(b.text for b in parse(pdf).blocks)


def test_an_index_at_the_back_is_no_content(pdf) -> None:
    make_book(pdf, 8)
    page = pdf.add_page().add_text(60, 100, "Index", 16, "Helvetica-Bold")
    for row, term in enumerate(
        ["bearing", "bolt", "casing", "cover", "drain", "grease", "plug", "seal", "shaft"]
    ):
        page.add_text(60, 130 + 13 * row, f"{term}, {row + 1}, {row + 3}")
    assert parse(pdf).blocks[-1].page == 8


# -- headings


def test_outline_entries_become_headings_at_their_lines_as_printed(pdf) -> None:
    page = pdf.add_page().add_text(60, 60, "1  Seal", 14, "Helvetica-Bold")
    page.add_lines(60, 90, LEFT)
    page.add_text(60, 210, "1.1  Mounting", 12, "Helvetica-Bold").add_lines(60, 230, RIGHT)
    pdf.add_heading(1, "Seal", 1, 50)
    pdf.add_heading(2, "Mounting", 1, 200)
    assert [(b.kind, b.level, b.text) for b in parse(pdf).blocks] == [
        ("heading", 1, "1 Seal"),
        ("paragraph", 0, join_blocks(LEFT)),
        ("heading", 2, "1.1 Mounting"),
        ("paragraph", 0, join_blocks(RIGHT)),
    ]


def test_an_outline_title_over_two_lines_is_one_heading(pdf) -> None:
    page = pdf.add_page().add_lines(
        60, 60, "Replacing the mechanical\nseal", leading=17, size=14, font="Helvetica-Bold"
    )
    pdf.pages[0].add_lines(60, page + 10, LEFT)
    pdf.add_heading(1, "Replacing the mechanical seal", 1, 50)
    assert show_blocks(parse(pdf))[0] == ("heading", "Replacing the mechanical seal")


def test_an_outline_entry_that_is_not_printed_still_divides_the_text(pdf) -> None:
    page = pdf.add_page().add_text(60, 60, "Seal", 14)
    page.add_lines(60, 90, LEFT)
    page.add_lines(60, 300, RIGHT)
    pdf.add_heading(1, "Seal", 1, 50)
    pdf.add_heading(1, "Mounting", 1, 290)
    assert [(b.text, len(b.boxes)) for b in parse(pdf).blocks if b.kind == "heading"] == [
        ("Seal", 1),
        ("Mounting", 0),
    ]


def test_an_outline_entry_worded_otherwise_gives_its_level_to_the_printed_heading(pdf) -> None:
    page = pdf.add_page().add_text(60, 60, "Safety", 14, "Helvetica-Bold")
    page.add_lines(60, 90, RIGHT)
    page.add_text(60, 230, "Replacing the seal", 12, "Helvetica-Bold").add_lines(60, 250, LEFT)
    pdf.add_heading(1, "Safety", 1, 50)
    pdf.add_heading(2, "Seal replacement", 1, 215)
    headings = [(b.text, b.level) for b in parse(pdf).blocks if b.kind == "heading"]
    assert headings == [("Safety", 1), ("Replacing the seal", 2)]


def test_without_an_outline_size_weight_and_numbers_tell_headings(pdf) -> None:
    page = pdf.add_page().add_text(60, 60, "2 Maintenance", 16, "Helvetica-Bold")
    page.add_lines(60, 90, LEFT)
    page.add_text(60, 205, "2.1 Seal", 11, "Helvetica-Bold")
    page.add_lines(60, 220, RIGHT)
    page.add_text(60, 335, "Bearings", 10, "Helvetica-Bold")
    page.add_lines(60, 350, LEFT)
    document = parse(pdf)
    assert [(b.text, b.level) for b in document.blocks if b.kind == "heading"] == [
        ("2 Maintenance", 1),
        ("2.1 Seal", 2),
        ("Bearings", 3),
    ]


def test_the_title_is_that_of_the_file_or_the_largest_line(pdf) -> None:
    pdf.add_page().add_text(60, 60, "Pump P-12", 24).add_lines(60, 100, LEFT)
    assert parse(pdf).title == "Pump P-12"
    pdf.title = "Service manual P-12"
    assert parse(pdf).title == "Service manual P-12"
    pdf.title = "Microsoft Word - draft3.doc"
    assert parse(pdf).title == "Pump P-12"


def test_a_chapter_label_and_its_title_are_one_heading(pdf) -> None:
    page = (
        pdf.add_page()
        .add_text(60, 60, "Chapter 2", 16, "Helvetica-Bold")
        .add_text(60, 95, "Maintenance", 20, "Helvetica-Bold")
    )
    page.add_lines(60, 130, LEFT)
    assert show_blocks(parse(pdf))[0] == ("heading", "Chapter 2 Maintenance")


def test_a_cover_page_adds_no_headings_beside_a_good_outline(pdf) -> None:
    pdf.add_page().add_text(60, 300, "Pump P-12", 30).add_text(60, 350, "J. Smith and others", 18)
    pdf.add_page().add_text(60, 60, "Seal", 14).add_lines(60, 90, LEFT)
    pdf.add_heading(1, "Seal", 2, 50)
    assert [b.text for b in parse(pdf).blocks if b.kind == "heading"] == ["Seal"]


# -- lists, code, tables


def test_steps_and_items_take_their_continuation_lines(pdf) -> None:
    page = pdf.add_page().add_text(60, 100, "To replace the seal:")
    page.add_text(60, 116, "1. Take off the cover. It is held by four").add_text(72, 128, "bolts.")
    page.add_text(60, 144, "2. Press out the seal.").add_text(60, 160, "\u2022 never with a hammer")
    assert show_blocks(parse(pdf)) == [
        ("paragraph", "To replace the seal:"),
        ("step", "1. Take off the cover. It is held by four bolts."),
        ("step", "2. Press out the seal."),
        ("item", "- never with a hammer"),
    ]


def test_code_keeps_lines_and_indents(pdf) -> None:
    page = pdf.add_page()
    page.add_lines(60, 100, LEFT)
    page.add_text(60, 220, "if hot:", font="Courier").add_text(84, 232, "stop  now", font="Courier")
    assert show_blocks(parse(pdf))[-1] == ("code", "if hot:\n    stop  now")


@pytest.mark.parametrize(
    ("printed", "meant"),
    [
        ("certificate ←-\n    verify", "certificate verify"),
        ("/usr/local ←⁻\n  /sbin", "/usr/local/sbin"),
        ("--without- ←-\nssl", "--without-ssl"),
        ("x ← y\nz", "x ← y\nz"),
    ],
)
def test_a_listing_wrapped_to_fit_the_page_is_joined(printed: str, meant: str) -> None:
    assert unwrap(printed) == meant


CELLS = [
    ("Code", "Cause", "Remedy"),
    ("E-101", "Overcurrent in phase U", "Check the motor cable"),
    ("E-102", "Undervoltage", "Check the mains"),
    ("E-103", "Heat sink too hot", "Clean the fan"),
]


def draw_table(page, top: float, rows: list[tuple[str, ...]], ruled: bool = False) -> None:
    for number, row in enumerate(rows):
        font = "Helvetica-Bold" if row == CELLS[0] else "Helvetica"
        for left, cell in zip((60, 160, 320), row, strict=True):
            page.add_text(left, top + 14 * number, cell, font=font)
        if ruled:
            page.add_rule(58, top + 14 * number + 4, 420, 0.5)


def test_aligned_cells_become_rows_with_their_header(pdf) -> None:
    page = pdf.add_page()
    draw_table(page, page.add_lines(60, 100, LEFT) + 20, CELLS)
    rows = [b for b in parse(pdf).blocks if b.kind == "row"]
    assert [row.text for row in rows] == [" | ".join(row) for row in CELLS[1:]]
    assert {row.header for row in rows} == {"Code | Cause | Remedy"}


def test_cells_drawn_as_boxes_divide_columns_that_stand_close(pdf) -> None:
    page = pdf.add_page()
    page.add_lines(60, 100, LEFT)
    for number, row in enumerate(
        [("Code", "Cause"), ("E-1", "Overload"), ("E-2", "Earth fault"), ("E-3", "Heat")]
    ):
        top = 230 + 16 * number
        page.add_text(62, top, row[0]).add_text(90, top, row[1])
        for left, width in ((58, 28), (86, 90)):
            page.commands.append(f"{left} {842 - top - 4} {width} 16 re S")
    rows = [(b.text, b.header) for b in parse(pdf).blocks if b.kind == "row"]
    assert rows == [(text, "Code | Cause") for text in ("E-1 | Overload", "E-2 | Earth fault", "E-3 | Heat")]


def test_a_row_of_several_lines_is_one_row(pdf) -> None:
    page = pdf.add_page()
    draw_table(page, 100, CELLS)
    page.add_text(160, 156, "Mains contactor open or").add_text(60, 156, "E-104").add_text(
        320, 156, "Close the contactor"
    )
    page.add_text(160, 167, "one phase missing")
    rows = [b.text for b in parse(pdf).blocks if b.kind == "row"]
    assert rows[-1] == "E-104 | Mains contactor open or one phase missing | Close the contactor"


def test_a_table_that_goes_on_overleaf_keeps_its_header(pdf) -> None:
    for part in (CELLS, [CELLS[0], *[(f"E-2{n}", f"Cause {n}", f"Remedy {n}") for n in range(3)]]):
        draw_table(pdf.add_page(), 100, part, ruled=True)
    rows = [b for b in parse(pdf).blocks if b.kind == "row"]
    assert [row.text.split(" | ")[0] for row in rows] == ["E-101", "E-102", "E-103", "E-20", "E-21", "E-22"]
    assert {row.header for row in rows} == {"Code | Cause | Remedy"}


# -- warnings


def draw_label_alone(page) -> None:
    page.add_text(60, 230, "WARNING", 12, "Helvetica-Bold")
    page.add_lines(60, 246, "Risk of electric shock.\nDisconnect the mains. Press the\nSTOP key first.")


def draw_inline(page) -> None:
    page.add_lines(
        60, 230, "WARNING: Risk of electric shock.\nDisconnect the mains. Press the\nSTOP key first."
    )


def draw_beside(page) -> None:
    page.add_text(60, 242, "Warning", font="Helvetica-Bold")
    page.add_lines(140, 230, "Risk of electric shock.\nDisconnect the mains. Press the\nSTOP key first.")


def draw_boxed(page) -> None:
    page.add_rule(60, 216, 400, 1).add_text(60, 230, "Warning", font="Helvetica-Bold")
    page.add_text(60, 242, "Risk of electric shock.").add_text(
        60, 260, "Disconnect the mains. Press the STOP key first."
    )
    page.add_rule(60, 270, 400, 1)


@pytest.mark.parametrize("draw", [draw_label_alone, draw_inline, draw_beside, draw_boxed])
def test_a_warning_is_one_block_whole(pdf, draw: Callable[[object], None]) -> None:
    page = pdf.add_page()
    page.add_lines(60, 100, LEFT)
    draw(page)
    page.add_lines(60, 300, RIGHT)
    assert show_blocks(parse(pdf)) == [
        ("paragraph", join_blocks(LEFT)),
        ("warning", "WARNING: Risk of electric shock. Disconnect the mains. Press the STOP key first."),
        ("paragraph", join_blocks(RIGHT)),
    ]


# -- bad files


def test_a_scan_is_refused_with_what_to_do(pdf) -> None:
    pdf.add_page().add_image()
    with pytest.raises(DocumentError, match="scan") as refused:
        parse(pdf)
    assert "apt install tesseract-ocr" in refused.value.hint


def test_some_pages_without_text_are_no_scan(pdf) -> None:
    pdf.add_page().add_image()
    pdf.add_page().add_lines(60, 100, LEFT)
    document = parse(pdf)
    assert len(document.pages) == 2
    assert [b.page for b in document.blocks] == [2]


def test_a_locked_pdf_is_refused_with_what_to_do(pdf) -> None:
    pdf.locked = True
    pdf.add_page().add_lines(60, 100, LEFT)
    with pytest.raises(DocumentError, match="password") as refused:
        parse(pdf)
    assert "without the password" in refused.value.hint


def test_a_pdf_cut_short_is_read_or_refused(pdf) -> None:
    make_book(pdf, 3)
    whole = pdf.to_bytes()
    for share in (0.05, 0.3, 0.6, 0.95):
        check_survives(whole[: int(len(whole) * share)])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_pdf_with_damaged_bytes_is_read_or_refused(pdf, data: st.DataObject) -> None:
    if not pdf.pages:
        make_book(pdf, 2)
        pdf.add_heading(1, "Seal", 1, 50)
    whole = bytearray(pdf.to_bytes())
    for _ in range(data.draw(st.integers(1, 12))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    check_survives(bytes(whole))


def check_survives(data: bytes) -> None:
    try:
        document = read("manual.pdf", data)
    except DocumentError as refused:
        assert refused.hint  # noqa: PT017
    else:
        assert all(isinstance(block, Block) and block.text for block in document.blocks)


def test_a_grid_whose_first_row_is_like_the_others_has_no_header(pdf) -> None:
    page = pdf.add_page()
    rows = [("Sensor TA", "0x0A11"), ("Sensor TB", "0x0A12"), ("Relay unit", "0xB013"), ("Lamp", "0x0A14")]
    for number, (name, code) in enumerate(rows):
        page.add_rule(60, 88 + 20 * number, 300, 0.5)
        page.add_text(64, 100 + 20 * number, name).add_text(220, 100 + 20 * number, code)
    page.add_rule(60, 168, 300, 0.5)
    found = [(block.text, block.header) for block in parse(pdf).blocks if block.kind == "row"]
    assert found == [(f"{name} | {code}", "") for name, code in rows]


def test_a_header_of_sizes_above_numbers_stays_a_header(pdf) -> None:
    page = pdf.add_page()
    for number, row in enumerate([("Thread", "M8", "M10"), ("Steel", "25", "49"), ("Brass", "12", "23")]):
        page.add_rule(60, 88 + 20 * number, 300, 0.5)
        for column, cell in enumerate(row):
            page.add_text(64 + 100 * column, 100 + 20 * number, cell)
    found = [(block.text, block.header) for block in parse(pdf).blocks if block.kind == "row"]
    assert found == [("Steel | 25 | 49", "Thread | M8 | M10"), ("Brass | 12 | 23", "Thread | M8 | M10")]
