"""Passages and sentences as statements."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.guard.statements import read_clauses, read_statements

TABLE = "| Thread | Dry (Nm) | Oiled (Nm)\nM10 | 50 | 39\nM12 | 88 | 69"


def test_a_cell_has_its_row_the_head_of_its_column_and_its_unit() -> None:
    cell = next(s for s in read_statements(TABLE, "table", "") if s.holds(["39 Nm"]))
    assert {"m10", "39 Nm", "oil"} <= cell.own
    assert "dry" not in cell.words
    assert any("m10" in mine and "m12" in theirs for mine, theirs in cell.contrasts)
    assert any("oil" in mine and "dry" in theirs for mine, theirs in cell.contrasts)


def test_a_sentence_is_divided_where_another_value_of_the_kind_follows() -> None:
    texts = [c.text for c in read_clauses("The front takes 8 bar and the rear 7 bar at a load of 3 t.", {})]
    assert texts == ["The front takes 8 bar", "the rear 7 bar at a load of 3 t."]
    assert len(read_clauses("Close V1 and V2.", {})) == 1
    assert len(read_clauses("The gap is between 3 mm and 5 mm.", {})) == 1


def test_a_clause_goes_on_about_the_one_before_it_except_for_what_it_replaces() -> None:
    rear = read_clauses("Pressure of the front tyres is 8 bar, rear 7 bar.", {})[1]
    assert "press" in rear.words
    assert "front" not in rear.words


def test_the_numbers_of_steps_are_not_theirs() -> None:
    steps = read_statements("1. Close V1.\n2. Open V3 by 4 turns.", "text", "")
    assert "2" not in steps[1].own


@given(st.text() | st.text(alphabet="ab |1.5–\n-mN"), st.text())
def test_any_text_is_read(text: str, heading: str) -> None:
    for statement in read_statements(text, "text", heading):
        assert statement.own <= statement.words.keys()
