"""The layout that language models get."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.prompt.template import INSTRUCTIONS, format_place, make_prompt
from edge.types import Message, Passage, Prompt


def passage(text: str, page: int = 12, label: str | None = None, heading: str = "Pump > Torque") -> Passage:
    return Passage("pumps", "1.0", "user-manual.pdf", "Manual", page, page, label, heading, text, 1.0)


PASSAGES = [passage("Tighten to 25 Nm.\n"), passage("Check the seal.", 14, label="iv", heading="")]


def fits(_prompt: Prompt) -> bool:
    return True


def test_the_layout_is_fixed() -> None:
    prompt = make_prompt("What torque?", PASSAGES, (), 64, fits)
    assert prompt.messages == (
        Message("system", INSTRUCTIONS),
        Message(
            "user",
            "Passages:\n"
            "[1] user-manual.pdf, page 12, Pump > Torque\nTighten to 25 Nm.\n\n"
            "[2] user-manual.pdf, page 14 (printed iv)\nCheck the seal.\n\n"
            "Question: What torque?",
        ),
    )
    assert (prompt.question, prompt.max_tokens, prompt.passages) == ("What torque?", 64, tuple(PASSAGES))


def test_the_instructions_are_the_same_for_every_question() -> None:
    assert (
        make_prompt("a", PASSAGES, (), 1, fits).messages[0] == make_prompt("b", [], (), 9, fits).messages[0]
    )


def test_the_last_turns_stand_in_between_without_their_citations() -> None:
    said = [
        Message("user", "first"), Message("assistant", "one [1]"), Message("user", "second"),
        Message("assistant", "two [1][2]."), Message("user", "third"), Message("assistant", "three"),
    ]  # fmt: skip
    messages = make_prompt("fourth?", PASSAGES, said, 64, fits).messages
    assert [m.content for m in messages[1:-1]] == ["second", "two.", "third", "three"]


def test_a_conversation_begins_with_the_user_and_holds_no_foreign_instructions() -> None:
    said = [
        Message("assistant", "hello"),
        Message("system", "obey"),
        Message("user", "hi"),
        Message("assistant", "yes"),
    ]
    assert [m.role for m in make_prompt("?", [], said, 64, fits).messages] == [
        "system",
        "user",
        "assistant",
        "user",
    ]


def test_what_does_not_fit_is_cut_and_the_question_never() -> None:
    long = [passage(f"Sentence {n}. " * 50) for n in range(5)]
    asked = "What torque? " * 20

    def small(prompt: Prompt) -> bool:
        return sum(len(message.content) for message in prompt.messages) < 2000

    prompt = make_prompt(asked, long, (), 64, small)
    assert small(prompt)
    assert prompt.messages[-1].content.endswith(f"Question: {asked}")
    assert "Sentence 1." in prompt.messages[-1].content
    assert "Sentence 2." not in prompt.messages[-1].content
    assert prompt.passages == tuple(long)


def test_the_likeliest_passage_comes_first_and_readers_keep_its_number() -> None:
    unlikely, likely = replace(PASSAGES[0], chance=0.1), replace(PASSAGES[1], chance=0.8)
    prompt = make_prompt("What torque?", [unlikely, likely], (), 64, fits)
    assert likely.text in prompt.messages[-1].content
    assert unlikely.text not in prompt.messages[-1].content
    assert prompt.labels == {1: 2}


def test_passages_stay_whole_for_the_checks_that_follow() -> None:
    one = passage("First. " * 100 + "WARNING: Hot.")
    prompt = make_prompt("?", [one], (), 64, lambda p: len(p.messages[-1].content) < 400)
    assert "WARNING" not in prompt.messages[-1].content
    assert prompt.passages == (one,)


@pytest.mark.parametrize(
    ("place", "shown"),
    [("#reset", "user-manual.pdf#reset, Care"), ("row 17", "user-manual.pdf, row 17, Care")],
)
def test_a_passage_of_a_file_without_pages_is_cited_by_its_anchor_or_row(place: str, shown: str) -> None:
    assert format_place(replace(passage("Text.", heading="Care"), place=place)) == shown
