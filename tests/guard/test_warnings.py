"""Warnings are shown word for word."""

from __future__ import annotations

import pytest

from edge.guard.warnings import collect
from edge.types import Citation, Warning
from tests.guard.conftest import make_passage

DANGER = "DANGER: Lock out the mains before you open the housing. It kills."


def test_a_warning_runs_to_the_end_of_its_line() -> None:
    text = f"Open the vent.\n{DANGER}\nTurn it by 90°."
    assert collect([Citation(2, make_passage(text))]) == (Warning(DANGER, 2),)


def test_each_is_shown_once_with_the_first_passage_that_has_it() -> None:
    cited = [
        Citation(1, make_passage("Hot.")),
        Citation(2, make_passage(DANGER)),
        Citation(3, make_passage(f"{DANGER}\nCAUTION Hot!")),
    ]
    assert collect(cited) == (Warning(DANGER, 2), Warning("CAUTION Hot!", 3))


@pytest.mark.parametrize(
    "line", ["WARNING: Hot.", "CAUTION - Hot.", "DANGER! Hot.", "⚠ WARNING Hot.", "**WARNING:** Hot."]
)
def test_signal_words_open_a_warning(line: str) -> None:
    assert [warning.text for warning in collect([Citation(1, make_passage(line))])] == [line]


@pytest.mark.parametrize(
    "line", ["The WARNING lamp is red.", "WARNINGS are listed below.", "warning lamps", "Read it."]
)
def test_other_lines_do_not(line: str) -> None:
    assert collect([Citation(1, make_passage(line))]) == ()
