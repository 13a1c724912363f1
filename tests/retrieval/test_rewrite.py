"""A follow-up carries the topic of the conversation; a question that names enough carries nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.retrieval.rewrite import make_standalone, needs_topic
from edge.types import Message

TOPIC = "How do I replace the battery of the PX-200?"
HISTORY = (Message("user", TOPIC), Message("assistant", "Open the flap and unplug the connector [1]."))


@pytest.mark.parametrize(
    "question",
    [
        "And how long does that take?", "Is it dangerous?", "Which screws?", "What about the fuses?",
        "how about the spare part number", "Why?", "then what",
        "what do I need for this?", "Which grease for the bearing?",
    ],
)  # fmt: skip
def test_a_follow_up_carries_the_topic(question: str) -> None:
    asked = make_standalone(question, HISTORY)
    assert asked.endswith(question)
    assert {"replace", "battery", "px", "200"} <= set(asked.split())


@pytest.mark.parametrize(
    "question",
    [
        "What torque do the coupling bolts need?",
        "Which grease does the fan bearing take?",
        "What does E-311 mean on the inverter?",
        "When the inverter shows a missing phase, which fuses protect it against an overload of the mains?",
    ],
)
def test_a_question_that_names_enough_starts_a_new_topic(question: str) -> None:
    assert make_standalone(question, HISTORY) == question


def test_the_first_question_stands_as_it_is() -> None:
    assert make_standalone("And then?", ()) == "And then?"


def test_what_the_assistant_said_is_not_the_topic() -> None:
    assert not {"flap", "connector"} & set(make_standalone("And then?", HISTORY).split())


def test_a_second_follow_up_still_knows_the_topic() -> None:
    history = (*HISTORY, Message("user", "Which screws?"), Message("assistant", "M4 [1]."))
    assert {"battery", "screws"} <= set(make_standalone("And how tight?", history).split())


def test_what_was_said_before_the_topic_began_is_forgotten() -> None:
    history = (Message("user", "Which grease does the fan bearing take?"), Message("assistant", ""), *HISTORY)
    assert not {"grease", "fan"} & set(make_standalone("How long does it take?", history).split())


def test_no_word_is_carried_that_the_question_has_itself_and_none_twice() -> None:
    history = (*HISTORY, Message("user", "Is the battery heavy?"))
    carried = make_standalone("Which battery is it?", history).removesuffix("Which battery is it?").split()
    assert "battery" not in carried
    assert len(carried) == len(set(carried))


@given(st.text(), st.lists(st.builds(Message, st.sampled_from(["user", "assistant"]), st.text()), max_size=4))
def test_any_question_keeps_its_own_words(question: str, history: list[Message]) -> None:
    asked = make_standalone(question, history)
    assert asked.endswith(question)
    assert asked == question or needs_topic(question)
