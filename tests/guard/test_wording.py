"""Words that decide what values mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.guard.wording import (
    Bound,
    agree_in_number,
    are_alternatives,
    find_bound,
    find_bounds,
    find_negated,
    write_plainly,
)
from edge.text.values import find_values


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("fifty-five Nm", "55 Nm"), ("minus 5 °C", "-5 °C"), ("four and a half hours", "4 1/2 hours"),
        ("half a turn", "1/2 turn"), ("a quarter of an hour", "1/4 hour"), ("&#50; mm", "2 mm"), ("**9** bar", "9 bar"),
        ("alle zwei Jahre", "alle 2 Jahre"), ("after 50 operating hours", "after 50 hours"),
        ("9 l with the filter and 8 l without it", "9 l with the filter and 8 l without filter"),
    ],
)  # fmt: skip
def test_hidden_numbers_are_written_as_digits(written: str, plain: str) -> None:
    assert write_plainly(written) == plain


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("at least 5 mm", "lower"), ("must not exceed 5 mm", "upper"), ("not above a load of 5 kg", "upper"),
        ("hotter than 80 °C", "lower"), ("no less than 3", "lower"), ("höchstens 2 bar", "upper"), ("5 mm", None),
        ("at least every 6 months", "upper"),
    ],
)  # fmt: skip
def test_a_limit_is_read(text: str, bound: Bound | None) -> None:
    assert find_bound(text) == bound


def test_the_ends_of_a_range_are_limits() -> None:
    text = "between 3 mm and 5 mm"
    assert find_bounds(text, tuple(find_values(text))) == {"3 mm": "lower", "5 mm": "upper"}


@pytest.mark.parametrize(
    ("one", "other"), [("left", "right"), ("m10", "m12"), ("5 s", "8 min"), ("open", "clos"), ("=A", "=B")]
)
def test_what_excludes_each_other_is_an_alternative(one: str, other: str) -> None:
    assert are_alternatives(one, other)
    assert not are_alternatives(one, one)


def test_codes_of_another_shape_and_other_quantities_are_none() -> None:
    assert not are_alternatives("m10", "e207")
    assert not are_alternatives("5 s", "8 bar")


def test_what_a_not_denies_is_no_limit() -> None:
    assert find_negated("Do not enter the cell") == {"enter"}
    assert find_negated("It must not exceed 5 bar") == frozenset()


def test_each_is_not_in_total() -> None:
    assert not agree_in_number("120 ml each", "120 ml in total")
    assert agree_in_number("120 ml each", "120 ml")


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    plain = write_plainly(text)
    find_bounds(plain, tuple(find_values(plain)))
    find_negated(plain)
