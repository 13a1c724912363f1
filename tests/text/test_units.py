"""What can be quoted of a chunk: sentences, steps, rows with the header of their table."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.text.units import CELL, HEADER, Unit, put_in_context, split_units

TABLE = "| Code | Meaning | Remedy\nE-207 | blocked drain | clear it\nE-311 | no phase | check the fuses"
CELLS = st.text(alphabet="abc 12-", min_size=1, max_size=6).map(str.strip).filter(bool)


def test_prose_gives_its_sentences_with_their_lines() -> None:
    assert split_units("Open it. Wait.\nClose it.", "text") == [
        Unit(0, "sentence", "Open it."),
        Unit(0, "sentence", "Wait."),
        Unit(1, "sentence", "Close it."),
    ]


def test_a_step_stays_one_unit_with_its_number() -> None:
    assert [unit.text for unit in split_units("1. Open it\n2. Close it", "steps")] == [
        "1. Open it",
        "2. Close it",
    ]


def test_a_line_of_code_is_never_divided() -> None:
    assert [unit.text for unit in split_units("  upsc ups. Then wait.\n}\n", "code")] == [
        "upsc ups. Then wait."
    ]


def test_rows_carry_the_header_of_their_table() -> None:
    assert split_units(TABLE, "table") == [
        Unit(1, "row", "E-207 | blocked drain | clear it", "Code | Meaning | Remedy"),
        Unit(2, "row", "E-311 | no phase | check the fuses", "Code | Meaning | Remedy"),
    ]


def test_a_row_is_spoken_with_the_name_of_each_column() -> None:
    assert split_units(TABLE, "table")[0].spoken == "Code: E-207; Meaning: blocked drain; Remedy: clear it"


def test_an_empty_cell_is_not_spoken() -> None:
    (unit,) = split_units("| Code | Meaning | Remedy\nE-207 |  | clear it", "table")
    assert unit.spoken == "Code: E-207; Remedy: clear it"


def test_after_a_line_of_prose_a_new_table_begins() -> None:
    found = split_units("| a | b\n1 | 2\nSizes in mm:\n| c | d\n3 | 4", "table")
    assert [unit.spoken for unit in found] == ["a: 1; b: 2", "Sizes in mm:", "c: 3; d: 4"]


def test_a_row_without_a_header_of_its_length_is_spoken_as_it_stands() -> None:
    found = split_units("E-207 | blocked drain\n| Code | Meaning | Remedy\nE-311 | no phase", "table")
    assert [unit.spoken for unit in found] == ["E-207 | blocked drain", "E-311 | no phase"]


def test_lines_of_signs_alone_say_nothing() -> None:
    assert split_units("---\n• \n***", "text") == []


def test_the_last_heading_says_what_a_unit_is_about() -> None:
    assert put_in_context("Pump > Torque", Unit(0, "sentence", "Use 25 Nm.")) == "Torque. Use 25 Nm."
    assert put_in_context("", Unit(0, "sentence", "Use 25 Nm.")) == "Use 25 Nm."


@given(st.integers(2, 5).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=2)))
def test_every_row_of_a_table_is_a_unit_that_speaks_all_its_cells(rows: list[list[str]]) -> None:
    header, *body = rows
    text = "\n".join([HEADER + CELL.join(header), *map(CELL.join, body)])
    said = [row for row in body if any(c.isalnum() for cell in row for c in cell)]
    found = split_units(text, "table")
    assert [unit.text for unit in found] == [CELL.join(row) for row in said]
    for unit, row in zip(found, said, strict=True):
        assert unit.spoken == "; ".join(f"{head}: {cell}" for head, cell in zip(header, row, strict=True))


@given(
    st.text() | st.text(alphabet="a. |\n1"), st.sampled_from(["text", "steps", "table", "code", "warning"])
)
def test_units_come_from_the_lines_they_name(text: str, kind: str) -> None:
    lines = text.split("\n")
    for unit in split_units(text, kind):  # type: ignore[arg-type]
        assert (
            unit.text in " ".join(lines[unit.line].split())
            or unit.text == lines[unit.line].strip()
            or (unit.text == lines[unit.line])
        )
        assert (unit.kind == "row") == (CELL in lines[unit.line])
