"""What may be asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import UsageError
from edge.guard.question import admit


@pytest.mark.parametrize(
    ("asked", "admitted"),
    [
        ("  What torque?\n", "What torque?"),
        ("What\x00 torque\x1b[31m?", "What  torque [31m?"),
        ("Wie groß ist das Drehmoment? 🔧", "Wie groß ist das Drehmoment? 🔧"),
        ("two\r\nlines\tand tabs", "two\nlines\tand tabs"),
        ("\ufeffWhat \u202etorque?", "What  torque?"),
    ],
)
def test_invisible_characters_go(asked: str, admitted: str) -> None:
    assert admit(asked, 8192) == admitted


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("", "empty"), (" \n\t", "empty"), ("\x00\x1b", "empty"), ("What \ud800?", "Unicode"),
        ("x" * 8193, "too long"), ("ß" * 5000, "too long"), ("x" * 2**20, "too long"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_with_a_hint(asked: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        admit(asked, 8192)
    assert caught.value.hint


@given(st.text(alphabet=st.characters()))
def test_any_text_is_admitted_or_refused(asked: str) -> None:
    try:
        admitted = admit(asked, 100)
    except UsageError:
        return
    assert admitted == admitted.strip() != ""
    assert len(admitted.encode()) <= 100
