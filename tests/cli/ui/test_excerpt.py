from __future__ import annotations

from edge.cli.ui.excerpt import cut_excerpt

TEXT = "Clean the filter.\nCheck the belt.\nOpen the drains.\nClose the door.\nStart the pump."


def test_a_short_text_is_whole() -> None:
    assert cut_excerpt(TEXT, "pump", 80, 5) == TEXT.splitlines()


def test_the_lines_that_hold_most_of_the_question_are_shown_with_marks_where_it_is_cut() -> None:
    assert cut_excerpt(TEXT, "which drain does the door hide?", 80, 2) == [
        "… Open the drains.",
        "Close the door. …",
    ]


def test_without_a_word_of_the_question_it_begins_at_the_beginning() -> None:
    assert cut_excerpt(TEXT, "torque", 80, 2) == ["Clean the filter.", "Check the belt. …"]


def test_long_lines_are_wrapped() -> None:
    lines = cut_excerpt("one two three four " * 20, "three", 20, 3)
    assert len(lines) == 3
    assert all(len(line) <= 22 for line in lines)
