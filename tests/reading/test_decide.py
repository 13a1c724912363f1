"""When edge refuses, and what it says beside a value."""

from __future__ import annotations

import pytest

from edge.reading.decide import decide
from edge.types import Answer, Evidence, Passage
from tests.reading.conftest import MakeReading, make_passage
from tests.reading.test_candidates import TABLE

BOLTS = make_passage(TABLE, "Bolts > Class 8.8")
STAINLESS = make_passage("Do not use the table of class 8.8 for stainless bolts.", "Bolts > Stainless")


def ask(make: MakeReading, question: str, likeliest: str, *passages: Passage, none: float = 0.0) -> Answer:
    return decide(make(question, likeliest, *passages, unanswered=none), Evidence(question, passages))


def test_a_value_is_quoted_with_its_page(make_reading: MakeReading) -> None:
    given = ask(make_reading, "torque M12", "M12", BOLTS)
    assert (given.mode, given.text) == ("extractive", "Class 8.8: Thread: M12; Torque (Nm): 88 [1]")
    assert [citation.n for citation in given.citations] == [1]


def test_what_probably_nothing_answers_is_refused_with_the_nearest_pages(make_reading: MakeReading) -> None:
    given = ask(make_reading, "torque M12", "M12", BOLTS, STAINLESS, none=0.6)
    assert given.refused
    assert [citation.n for citation in given.citations] == [1, 2]


def test_a_restriction_that_speaks_of_what_is_unmet_comes_first(make_reading: MakeReading) -> None:
    given = ask(make_reading, "torque M12 stainless", "M12", BOLTS, STAINLESS)
    assert given.text.split("\n")[0] == "Do not use the table of class 8.8 for stainless bolts. [2]"


def test_in_doubt_a_value_whose_place_lacks_the_questions_words_is_refused(make_reading: MakeReading) -> None:
    assert ask(make_reading, "torque M12 titanium", "M12", BOLTS, none=0.4).refused
    assert not ask(make_reading, "torque M12 bolts", "M12", BOLTS, none=0.4).refused


def test_brackets_in_a_manual_cite_nothing(make_reading: MakeReading) -> None:
    one, two = make_passage("Tighten to ISO 3448 [2]."), make_passage("DANGER: High voltage. Keep out.")
    given = ask(make_reading, "tighten", "Tighten", one, two)
    assert [citation.n for citation in given.citations] == [1]
    assert given.warnings == ()


def test_rows_that_differ_by_a_word_the_question_lacks_are_asked_back(make_reading: MakeReading) -> None:
    given = ask(make_reading, "what torque", "M1", BOLTS)
    assert given.mode == "clarify"
    assert [choice.label for choice in given.choices] == ["M10", "M12"]
    assert given.text.split("\n")[1] == "1. M10 (Class 8.8): Thread: M10; Torque (Nm): 50 [1]"


def test_a_question_that_names_one_of_them_is_not_asked_back(make_reading: MakeReading) -> None:
    assert ask(make_reading, "what torque M12", "M1", BOLTS).mode == "extractive"


CODES = make_passage(
    "| Code | Meaning\n4711/23-A | pump seal\n000020 | fan fault\n20 | lid open\nE-207 | phase lost", "Codes"
)


@pytest.mark.parametrize(
    ("typed", "meaning"),
    [("4711/23-A", "pump seal"), ("000020", "fan fault"), ("20", "lid open"), ("E 207", "phase lost")],
)
def test_a_code_typed_alone_is_looked_up_as_what_it_is(
    make_reading: MakeReading, typed: str, meaning: str
) -> None:
    given = ask(make_reading, typed, "000020", CODES, none=0.9)
    assert meaning in given.text


@pytest.mark.parametrize(
    ("question", "meaning"),
    [
        ("What does error code 20 mean?", "lid open"),
        ("Was bedeutet E-207?", "phase lost"),
        ("how to fix fault E 207", "phase lost"),
        ("ERR 000020", "fan fault"),
    ],
)
def test_a_question_that_is_all_about_a_code_gets_its_record(
    make_reading: MakeReading, question: str, meaning: str
) -> None:
    given = ask(make_reading, question, "4711", CODES, none=0.9)
    assert meaning in given.text
    assert "pump seal" not in given.text


@pytest.mark.parametrize("typed", ["4711/99-Z", "$110", "0020", "E-208"])
def test_a_code_that_is_nowhere_is_never_answered_with_another_record(
    make_reading: MakeReading, typed: str
) -> None:
    given = ask(make_reading, typed, "000020", CODES)
    assert given.refused
    assert f"none mentions {typed}" in given.text


def test_a_value_gives_way_to_the_section_that_is_about_what_was_asked(make_reading: MakeReading) -> None:
    galling = make_passage("Stainless threads gall: use paste and tighten slowly.", "Bolts > Stainless")
    given = ask(make_reading, "torque M12 stainless", "M12", BOLTS, galling)
    assert given.text == "Stainless threads gall: use paste and tighten slowly. [2]"


def test_a_table_for_another_pressure_or_voltage_is_not_an_answer(make_reading: MakeReading) -> None:
    forces = make_passage("| Bore | Push (N)\n63 | 1870\n80 | 3016", "Cylinder forces at 6 bar", "table")
    assert ask(make_reading, "push of a 63 bore at 8 bar", "63", forces).refused
    assert "1870" in ask(make_reading, "push of a 63 bore at 6 bar", "63", forces).text
    assert "1870" in ask(make_reading, "push of a 63 bore", "63", forces).text
