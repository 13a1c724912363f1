"""Limits of a step's text, and readings compared with them."""

from __future__ import annotations

import pytest

from edge.jobs.limits import find_limits, judge


def read(text: str) -> list[tuple[str, str]]:
    return [(limit.text, limit.kind) for limit in find_limits(text)]


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("Tighten the bolts to 50 Nm.", [("50 Nm", "exactly")]),
        ("The pressure must be between 2 and 3 bar.", [("between 2 and 3 bar", "between")]),
        ("The oil must be not over 40 degC.", [("at most 40 degC", "at_most")]),
        ("Wait until it is below 40 °C.", [("less than 40 °C", "less_than")]),
        ("Check that at least 2.5 bar remain.", [("at least 2.5 bar", "at_least")]),
        ("The resistance must exceed 1 MΩ.", [("more than 1 MΩ", "more_than")]),
        ("Set the gap to 0.4-0.6 mm.", [("0.4 - 0.6 mm", "between")]),
        ("Tighten to 50 ± 5 Nm.", [("50 ± 5 Nm", "between")]),
        ("Mit 50 Nm anziehen.", [("50 Nm", "exactly")]),
        ("Housing bolts 25 Nm, coupling bolts 8 Nm.", [("25 Nm", "exactly"), ("8 Nm", "exactly")]),
    ],
)
def test_what_a_step_sets_is_a_limit(text: str, limits: list[tuple[str, str]]) -> None:
    assert read(text) == limits


@pytest.mark.parametrize(
    "text",
    [
        "Use a 10 mm spanner to open it.",
        "Connect the 24 V supply.",
        "If the pressure is above 3 bar, stop.",
        "Tighten the M12 bolts.",
        "See page 41.",
        "Should it be hotter than 90 °C, switch off.",
    ],
)
def test_what_describes_a_thing_or_a_condition_is_none(text: str) -> None:
    assert read(text) == []


@pytest.mark.parametrize(
    ("text", "reading", "outcome"),
    [
        ("Tighten to 50 Nm.", "50 N·m", "in"),
        ("Tighten to 50 Nm.", "50", "in"),
        ("Tighten to 50 Nm.", "52 Nm", "differs"),
        ("Tighten to 50 ± 5 Nm.", "52 Nm", "in"),
        ("Tighten to 50 Nm ±10 %.", "44.9 Nm", "out"),
        ("Between 2 and 3 bar.", "2,5 bar", "in"),
        ("Between 2 and 3 bar.", "3 bar", "in"),
        ("Between 2 and 3 bar.", "3.01 bar", "out"),
        ("It must be not over 40 °C.", "40 degC", "in"),
        ("It must be below 40 °C.", "40 °C", "out"),
        ("It must be below 0 °C.", "-3 °C", "in"),
        ("It must exceed 1 MΩ.", "1 MΩ", "out"),
    ],
)
def test_a_reading_is_compared_with_the_limit(text: str, reading: str, outcome: str) -> None:
    judgement = judge(find_limits(text), reading)
    assert judgement.outcome == outcome, judgement
    assert judgement.said


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        ("37 ft·lb", "in Nm"),
        ("50 mNm", "in Nm"),
        ("1,450 Nm", "two ways"),
        ("tight", "one number"),
        ("50 or 60 Nm", "one number"),
    ],
)
def test_what_cannot_be_compared_is_neither_in_nor_out_and_says_why(reading: str, said: str) -> None:
    judgement = judge(find_limits("Tighten to 50 Nm."), reading)
    assert judgement.outcome == "unknown"
    assert said in judgement.said


def test_of_two_limits_in_one_unit_somebody_has_to_say_which() -> None:
    limits = find_limits("Housing bolts 25 Nm, coupling bolts 8 Nm.")
    assert judge(limits, "8 Nm").outcome == "unknown"
    assert judge(limits, "8 Nm", 1).outcome == "in"
    assert judge(limits, "8", 0).outcome == "differs"


def test_without_a_limit_nothing_is_judged() -> None:
    assert judge((), "5 bar").outcome == "unknown"
