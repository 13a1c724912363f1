"""Workbooks: every row is a record with the names of its columns, as it is shown, and says where it stands."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from itertools import takewhile
from xml.sax.saxutils import escape

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.comments import Comment
from openpyxl.worksheet.worksheet import Worksheet

from edge.errors import DocumentError
from edge.ingest.document import SourceDocument
from edge.ingest.readers import read
from edge.ingest.readers.number_formats import Value, format_value


def make_xlsx(*sheets: Callable[[Worksheet], None]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for number, fill in enumerate(sheets, 1):
        fill(book.create_sheet(f"S{number}"))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def rows(*lines: list[object]) -> Callable[[Worksheet], None]:
    def fill(sheet: Worksheet) -> None:
        for line in lines:
            sheet.append(line)

    return fill


def parse(*sheets: Callable[[Worksheet], None]) -> SourceDocument:
    return read("a.xlsx", make_xlsx(*sheets))


def show(document: SourceDocument) -> list[tuple[str, str, str]]:
    return [(block.kind, block.text, block.place) for block in document.blocks]


FAULTS = (["Code", "Cause"], ["E1", "Dry run"], ["E2", "Too hot"])


def test_rows_name_their_columns_and_their_number() -> None:
    assert show(parse(rows(*FAULTS))) == [
        ("record", "Code: E1 | Cause: Dry run", "row 2"),
        ("record", "Code: E2 | Cause: Too hot", "row 3"),
    ]


def test_several_sheets_are_told_apart() -> None:
    assert show(parse(rows(*FAULTS[:2]), rows(["X1", "Supply"], ["X2", "Ground"]))) == [
        ("heading", "S1", ""),
        ("record", "Code: E1 | Cause: Dry run", "sheet S1, row 2"),
        ("heading", "S2", ""),
        ("record", "X1 | Supply", "sheet S2, row 1"),
        ("record", "X2 | Ground", "sheet S2, row 2"),
    ]


def test_titles_remarks_and_several_tables_on_a_sheet() -> None:
    sheet = rows(
        ["Fault list PX-200", None], ["Edition 3", None], [], *FAULTS, [], ["E3", "Blocked"], [],
        ["Screws", None], ["Size", "Torque [Nm]"], ["M8", 25], [], ["Checked by A. B.", None],
    )  # fmt: skip
    assert show(parse(sheet)) == [
        ("heading", "Fault list PX-200", "row 1"),
        ("paragraph", "Edition 3", "row 2"),
        ("record", "Code: E1 | Cause: Dry run", "row 5"),
        ("record", "Code: E2 | Cause: Too hot", "row 6"),
        ("record", "Code: E3 | Cause: Blocked", "row 8"),
        ("heading", "Screws", "row 10"),
        ("record", "Size: M8 | Torque [Nm]: 25", "row 12"),
        ("paragraph", "Checked by A. B.", "row 14"),
    ]


def test_merged_cells_hold_for_all_that_they_cover() -> None:
    def fill(sheet: Worksheet) -> None:
        rows(
            ["Torques", None, None], ["Bolt", "Torque [Nm]", None], [None, "dry", "oiled"],
            ["M8", 25, 20], [None, 26, 21], ["M10", 49, 40],
        )(sheet)  # fmt: skip
        for area in ("A1:C1", "A2:A3", "B2:C2", "A4:A5"):
            sheet.merge_cells(area)

    assert show(parse(fill)) == [
        ("heading", "Torques", "row 1"),
        ("record", "Bolt: M8 | Torque [Nm] dry: 25 | Torque [Nm] oiled: 20", "row 4"),
        ("record", "Bolt: M8 | Torque [Nm] dry: 26 | Torque [Nm] oiled: 21", "row 5"),
        ("record", "Bolt: M10 | Torque [Nm] dry: 49 | Torque [Nm] oiled: 40", "row 6"),
    ]


def test_a_sheet_of_properties_has_no_header() -> None:
    sheet = rows(["Manufacturer", "ACME GmbH"], ["Type", "PX-200"], ["Voltage", "230 V"])
    assert [text for _, text, _ in show(parse(sheet))] == [
        "Manufacturer | ACME GmbH",
        "Type | PX-200",
        "Voltage | 230 V",
    ]


def test_cells_are_read_as_they_are_shown() -> None:
    def fill(sheet: Worksheet) -> None:
        sheet.append(["Name", "Value"])
        for number, (value, code) in enumerate(
            [
                (310, "000000"),
                (0.25, "0 %"),
                (1.5, '0.00 "bar"'),
                (date(2026, 3, 9), "dd.mm.yyyy"),
                (12, "General"),
            ],
            2,
        ):
            sheet.append([f"V{number}", value])
            sheet.cell(number, 2).number_format = code

    assert [text for _, text, _ in show(parse(fill))] == [
        "Name: V2 | Value: 000310",
        "Name: V3 | Value: 25 %",
        "Name: V4 | Value: 1.50 bar",
        "Name: V5 | Value: 09.03.2026",
        "Name: V6 | Value: 12",
    ]


def test_what_is_left_out_is_named() -> None:
    def hide(sheet: Worksheet) -> None:
        sheet.append(["secret"])
        sheet.sheet_state = "hidden"

    def remark(sheet: Worksheet) -> None:
        rows(*FAULTS)(sheet)
        sheet["A2"].comment = Comment("Is this right?", "me")

    assert parse(remark, hide).notes == ("Left out: hidden sheet or chart S2.", "1 comment left out.")


def test_a_damaged_or_locked_workbook_is_refused() -> None:
    whole = make_xlsx(rows(*FAULTS))
    for data in (
        whole[: len(whole) // 2],
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600,
        b"PK\x03\x04nothing",
    ):
        with pytest.raises(DocumentError, match="not a readable workbook") as refused:
            read("a.xlsx", data)
        assert refused.value.hint


CELLS = st.one_of(
    st.none(), st.integers(-9999, 9999), st.from_regex(r"[A-Za-z]{1,6}( [a-z0-9]{1,4})?", fullmatch=True)
)


def has_value(lines: list[list[object]], column: int) -> bool:
    return any(len(line) > column and line[column] is not None for line in lines)


@settings(max_examples=60, deadline=None)
@given(table=st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=8))
def test_every_cell_of_any_sheet_is_read(table: list[list[object]]) -> None:
    table = [["First", 1, "x"], *table]
    found = " | ".join(f"{block.text} {block.header} {block.title}" for block in parse(rows(*table)).blocks)
    for number, row in enumerate(table):
        under = list(takewhile(lambda line: any(cell is not None for cell in line), table[number + 1 :]))
        for column, cell in enumerate(row):
            names_nothing = bool(under) and not has_value(under, column)
            assert cell is None or str(cell) in found or names_nothing


# -- numbers and dates


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (310, "000000", "000310"),
        (1234567.891, "#,##0.00", "1,234,567.89"),
        (0.256, "0.0%", "25.6%"),
        (-5, "0.00;[Red](0.00)", "(5.00)"),
        (0, '0;-0;"none"', "none"),
        (12.5, "[$€-407] #,##0.00", "€ 12.50"),
        (207, '"E-"000', "E-207"),
        (123456, "000-000", "123-456"),
        (1234, "000\\-000", "001-234"),
        (1.25, "# ?/?", "1 1/4"),
        (0.375, "# ?/8", "3/8"),
        (1500000, '0.0,,"M"', "1.5M"),
        (0.00012, "0.00E+00", "1.20E-04"),
        (2.5, "0.###", "2.5"),
        (3, "0.###", "3"),
        (-3.25, "0.0 \\°\\C", "-3.2 °C"),
        (1e21, "", "1e+21"),
        (0.1 + 0.2, "", "0.3"),
        (7.0, "", "7"),
        (True, "", "TRUE"),
        (date(2026, 3, 9), "", "2026-03-09"),
        (datetime(2026, 3, 9), "d mmm yyyy", "9 Mar 2026"),
        (datetime(2026, 3, 9, 14, 5), "", "2026-03-09 14:05"),
        (datetime(2026, 3, 9, 14, 5), "dd/mm/yy hh:mm", "09/03/26 14:05"),
        (time(14, 5), "h:mm AM/PM", "2:05 PM"),
        (timedelta(hours=30), "[h]:mm", "1 day, 6:00:00"),
        (5, "[<10]0;0.0", "5"),
    ],
)
def test_values_as_their_format_shows_them(value: Value, code: str, shown: str) -> None:
    assert format_value(value, code) == shown


@settings(max_examples=300, deadline=None)
@given(
    value=st.one_of(
        st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.datetimes(), st.times()
    ),
    code=st.text('0#?.,%E+-"\\;[]@ydmhs/ APM$€x', max_size=14),
)
def test_any_format_shows_something_or_the_value_itself(value: Value, code: str) -> None:
    assert isinstance(format_value(value, code), str)


# -- OpenDocument

SPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "table", "text", "style")
)


def make_ods(*tables: str, styles: str = "") -> bytes:
    content = (
        f"<office:document-content {SPACES}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{''.join(tables)}</office:spreadsheet></office:body></office:document-content>"
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("content.xml", content)
    return out.getvalue()


def cell(text: str = "", inner: str = "", **spans: int) -> str:
    span = "".join(f' table:number-{key.replace("_", "-")}="{value}"' for key, value in spans.items())
    body = f"<text:p>{escape(text)}</text:p>" if text else ""
    return f"<table:table-cell{span}>{inner}{body}</table:table-cell>"


COVERED = "<table:covered-table-cell/>"


def line(*cells: str, repeated: int = 1) -> str:
    return f'<table:table-row table:number-rows-repeated="{repeated}">{"".join(cells)}</table:table-row>'


def sheet(name: str, *lines: str, style: str = "") -> str:
    return f'<table:table table:name="{name}" table:style-name="{style}">{"".join(lines)}</table:table>'


def test_a_spreadsheet_of_libreoffice_is_read_as_shown() -> None:
    note = "<office:annotation><text:p>Right?</text:p></office:annotation>"
    data = make_ods(
        sheet(
            "Bolts",
            line(cell("Torques", columns_spanned=3), COVERED, COVERED),
            line(cell("Bolt", rows_spanned=2), cell("Torque [Nm]", columns_spanned=2), COVERED),
            line(COVERED, cell("dry"), cell("oiled")),
            line(cell("M8", note), cell("25,0"), cell("20 %")),
            line(cell(columns_repeated=1024), repeated=2),
            line(cell("M10"), cell("49"), cell("40")),
            line(cell(columns_repeated=1024), repeated=1_048_570),
        )
    )
    document = read("a.ods", data)
    assert show(document) == [
        ("heading", "Torques", "row 1"),
        ("record", "Bolt: M8 | Torque [Nm] dry: 25,0 | Torque [Nm] oiled: 20 %", "row 4"),
        ("record", "Bolt: M10 | Torque [Nm] dry: 49 | Torque [Nm] oiled: 40", "row 7"),
    ]
    assert document.notes == ("1 comment left out.",)


def test_hidden_sheets_of_a_spreadsheet_are_named() -> None:
    hidden = '<style:table-properties table:display="false"/>'
    style = f'<style:style style:name="ta2" style:family="table">{hidden}</style:style>'
    data = make_ods(
        sheet("A", line(cell("E1"), cell("Dry"))), sheet("B", line(cell("x")), style="ta2"), styles=style
    )
    document = read("a.ods", data)
    assert [block.text for block in document.blocks] == ["E1 | Dry"]
    assert document.notes == ("Left out: hidden sheet B.",)


def test_a_spreadsheet_that_repeats_its_text_without_end_is_bounded() -> None:
    data = make_ods(sheet("A", line(cell("x", columns_repeated=10**9), repeated=10**9)))
    assert len(read("a.ods", data).blocks) == 1000
