"""A reply to a question back completes the question."""

from __future__ import annotations

import pytest

from edge.reading.clarify import ASKS, complete_choice
from edge.types import Message, Question

SAID = (
    Message("user", "torque for M12"),
    Message("assistant", f"{ASKS}\n1. Class 8.8 [1]\n2. Class 10.9 [2]"),
)


@pytest.mark.parametrize(
    ("reply", "label"), [("2", "Class 10.9"), ("8.8", "Class 8.8"), ("class 10.9", "Class 10.9")]
)
def test_a_number_or_a_word_picks_a_choice(reply: str, label: str) -> None:
    assert complete_choice(Question(reply, SAID)).text == f"torque for M12 {label}"


@pytest.mark.parametrize("reply", ["7", "class", "how do I vent the pump of the other machine now"])
def test_any_other_text_is_a_question_of_its_own(reply: str) -> None:
    assert complete_choice(Question(reply, SAID)).text == reply


def test_without_a_question_back_nothing_is_completed() -> None:
    assert complete_choice(Question("2", SAID[:1])).text == "2"
