"""A prompt that only grows, whose passages everybody but the model knows by this turn's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from edge.prompt.conversation import (
    Exchange,
    Sent,
    choose_usable,
    continue_conversation,
    make_opening,
    make_plain_exchange,
)
from edge.prompt.stored import dump_exchange, dump_passages, load_exchange, load_passages
from edge.prompt.template import INSTRUCTIONS, format_block, make_prompt
from edge.types import Box, Message, Passage, Prompt

VERSIONS = {"pumps": "1.0"}


def passage(text: str, document: str = "manual.pdf", version: str = "1.0") -> Passage:
    boxes = (Box(1, 0.1, 0.2, 0.3, 0.4),)
    return Passage(
        "pumps", version, document, "Manual", 1, 1, None, "Pump", text, 1.0, boxes=boxes, chunks=(1, 2)
    )


A, B, C, D = (passage(f"{name} is here. It is long enough.") for name in ("Alpha", "Beta", "Gamma", "Delta"))


def fits(_prompt: Prompt) -> bool:
    return True


def within(characters: int, prompt: Prompt) -> bool:
    return sum(len(message.content) for message in prompt.messages) <= characters


def ask(question: str, passages: Sequence[Passage], turns: Sequence[Exchange] = (), **more: object) -> Sent:
    return continue_conversation(question, passages, turns, 64, fits, **more)  # type: ignore[arg-type]


def answered(sent: Sent, text: str = "So it is [1].") -> Exchange:
    return sent.add_answer(text, text)


# The first message


def test_the_first_prompt_is_the_one_of_a_single_question() -> None:
    assert ask("What?", [A, B]).prompt == make_prompt("What?", [A, B], (), 64, fits)


def test_it_may_follow_a_known_order_and_readers_do_not_see_that() -> None:
    prompt = ask("What?", [A, B, C], known=[[A, C]]).prompt
    assert prompt.messages[-1].content.index("Gamma") < prompt.messages[-1].content.index("Beta")
    assert prompt.passages == (A, B, C)
    assert prompt.labels == {1: 1, 2: 3, 3: 2}


def test_passages_that_are_borrowed_for_that_come_after_those_that_were_found() -> None:
    prompt = ask("What?", [A, C], known=[[A, B, C]]).prompt
    assert prompt.messages[-1].content == (
        f"Passages:\n[1] {format_block(A)}\n\n[2] {format_block(B)}\n\n[3] {format_block(C)}\n\n"
        "Passages that matter, best first: [1], [3]\n\nQuestion: What?"
    )
    assert (prompt.passages, prompt.labels) == ((A, C, B), {1: 1, 3: 2, 2: 3})


def test_where_that_does_not_fit_the_question_has_its_own_passages() -> None:
    alone = ask("What?", [A, C])
    size = sum(len(message.content) for message in alone.prompt.messages)
    sent = continue_conversation("What?", [A, C], (), 64, lambda p: within(size, p), [[A, B, C]])
    assert sent == alone


def test_what_was_computed_ahead_is_how_it_begins() -> None:
    ahead, real = make_opening([A, B]).messages, ask("What?", [A, B]).prompt.messages
    assert ahead[0] == real[0] == Message("system", INSTRUCTIONS)
    assert real[1].content.startswith(ahead[1].content)


# Further messages


def test_earlier_messages_stay_word_for_word() -> None:
    first = ask("What?", [A, B])
    turn = answered(first)
    second = ask("And then?", [B, C], [turn]).prompt
    assert second.messages[:3] == (*first.prompt.messages, Message("assistant", "So it is [1]."))


def test_only_new_passages_are_shown_numbered_onwards_and_all_that_matter_are_named() -> None:
    prompt = ask("And then?", [B, C], [answered(ask("What?", [A, B]))]).prompt
    assert prompt.messages[-1].content == (
        f"Passages:\n[3] {format_block(C)}\n\nPassages that matter, best first: [2], [3]\n\nQuestion: And then?"
    )


def test_a_question_about_passages_that_are_there_brings_none() -> None:
    prompt = ask("And then?", [B, A], [answered(ask("What?", [A, B]))]).prompt
    assert prompt.messages[-1].content == "Passages that matter, best first: [2], [1]\n\nQuestion: And then?"


def test_readers_see_this_turns_numbers_and_earlier_passages_after_them() -> None:
    prompt = ask("And then?", [B, C], [answered(ask("What?", [A, B]))]).prompt
    assert prompt.passages == (B, C, A)
    assert prompt.labels == {2: 1, 3: 2, 1: 3}


def test_a_part_of_a_passage_that_is_there_is_that_passage() -> None:
    part = replace(A, text="Alpha is here.")
    prompt = ask("And then?", [part], [answered(ask("What?", [A]))]).prompt
    assert "Passages:" not in prompt.messages[-1].content
    assert prompt.passages == (A,)


def test_the_same_words_in_another_document_or_version_are_shown() -> None:
    turn = answered(ask("What?", [A]))
    for other in (replace(A, document="other.pdf"), replace(A, version="2.0")):
        assert f"[2] {format_block(other)}" in ask("And then?", [other], [turn]).prompt.messages[-1].content


def test_a_passage_that_was_shown_cut_is_shown_again() -> None:
    long = passage("First. " * 100)
    cut = continue_conversation("What?", [long], (), 64, lambda prompt: within(1100, prompt))
    assert cut.exchange.passages == (long,)
    assert "[2]" in ask("And then?", [long], [answered(cut)]).prompt.messages[-1].content


def test_turns_without_a_model_are_plain() -> None:
    turn = make_plain_exchange("Which bolts?", "The M8 bolts [1].")
    prompt = ask("And then?", [A], [turn]).prompt
    assert [m.content for m in prompt.messages[1:3]] == ["Which bolts?", "The M8 bolts."]
    assert prompt.messages[-1].content.startswith("Passages:\n[1] ")
    assert prompt.labels is None


# What is remembered


def test_the_models_own_words_are_remembered_where_all_of_them_are_shown() -> None:
    sent = ask("And then?", [B, C], [answered(ask("What?", [A, B]))])
    assert sent.add_answer(" It is [3].", "It is [2].").assistant == " It is [3]."


def test_what_was_not_shown_is_not_remembered() -> None:
    sent = ask("And then?", [B, C], [answered(ask("What?", [A, B]))])
    assert sent.add_answer("It is 99 [3]. It is [2][3].", "It is [1][2].").assistant == "It is [2][3]."
    assert ask("What?", [A]).add_answer("99 Nm. It is [1].", "It is [1].").assistant == "It is [1]."


def test_what_is_remembered_can_be_written_down() -> None:
    exchange = answered(ask("What?", [A, B], scope="PX-200"))
    assert load_exchange(dump_exchange(exchange)) == exchange
    assert load_passages(dump_passages([A, B])) == (A, B)


@given(st.text() | st.sampled_from(["{}", "[]", "null", '{"user": 1}', "[{}]", '{"passages": [{}]}']))
def test_what_cannot_be_read_is_none(text: str) -> None:
    assert load_exchange(text) is None
    assert not load_passages(text)


# What still holds


def turns_of(*passages: Sequence[Passage], scope: str = "") -> list[Exchange]:
    turns: list[Exchange] = []
    for brought in passages:
        turns.append(answered(ask("What?", brought, turns, scope=scope)))
    return turns


def test_turns_of_another_scope_or_version_and_all_before_them_are_left_out() -> None:
    turns = turns_of([A], [B], [C])
    assert choose_usable(turns, VERSIONS, "") == tuple(turns)
    assert choose_usable(turns, VERSIONS, "PX-200") == ()
    assert choose_usable(turns, {"pumps": "2.0"}, "") == ()
    assert choose_usable([*turns[:1], replace(turns[1], scope="PX-200"), turns[2]], VERSIONS, "") == (
        turns[2],
    )


def test_of_two_turns_that_took_the_same_labels_the_later_one_counts() -> None:
    one, *_ = turns_of([A])
    both = [one, answered(ask("And?", [B], [one])), answered(ask("Or?", [C], [one]))]
    assert choose_usable(both, VERSIONS, "") == (both[2],)


# Room


def test_the_older_half_goes_when_there_is_no_room_and_the_rest_stays_word_for_word() -> None:
    turns = turns_of([A], [B], [C], [D])
    whole = ask("And now?", [D], turns).prompt
    size = sum(len(message.content) for message in whole.messages)
    prompt = continue_conversation("And now?", [D], turns, 64, lambda p: within(size - 1, p)).prompt
    assert [m.content for m in prompt.messages[1:-1]] == [
        turns[3].user,
        turns[3].assistant,
    ]
    assert (prompt.passages, prompt.labels) == ((D,), {4: 1})


def test_what_went_is_shown_again() -> None:
    turns = turns_of([A], [B], [C], [D])
    size = sum(len(m.content) for m in ask("And now?", [A], turns).prompt.messages)
    prompt = continue_conversation("And now?", [A], turns, 64, lambda p: within(size - 1, p)).prompt
    assert f"[5] {format_block(A)}" in prompt.messages[-1].content


def test_with_no_room_at_all_the_question_and_something_of_the_best_passage_stay() -> None:
    prompt = continue_conversation("And now? " * 50, [A, B], turns_of([C], [D]), 64, lambda p: False).prompt
    assert len(prompt.messages) == 2
    assert prompt.messages[-1].content.endswith("Question: " + "And now? " * 50)
    assert "Alpha is here." in prompt.messages[-1].content


@given(st.lists(st.lists(st.sampled_from([A, B, C, D]), min_size=1, max_size=4, unique_by=id), max_size=6))
def test_every_label_leads_to_its_passage(questions: list[list[Passage]]) -> None:
    turns: list[Exchange] = []
    for passages in questions:
        sent = ask("What?", passages, turns)
        prompt, text = sent.prompt, "\n".join(message.content for message in sent.prompt.messages)
        labels = prompt.labels or {n: n for n in range(1, len(prompt.passages) + 1)}
        assert prompt.passages[: len(passages)] == tuple(passages)
        for label, number in labels.items():
            assert text.count(f"[{label}] {format_block(prompt.passages[number - 1])}") == 1
        turns.append(answered(sent))


def test_a_model_reads_no_passage_that_says_little_and_readers_keep_their_numbers() -> None:
    weak = replace(C, score=0.2)
    prompt = ask("What?", [A, B, weak, D]).prompt
    assert "Gamma" not in prompt.messages[-1].content
    assert prompt.passages == (A, B, weak, D)
    assert prompt.labels == {1: 1, 2: 2, 3: 4}


def test_in_a_conversation_a_new_passage_must_say_more() -> None:
    middling = replace(D, score=0.4)
    assert "Delta" in ask("What?", [A, B, middling]).prompt.messages[-1].content
    prompt = ask("And then?", [A, B, middling], [answered(ask("What?", [A]))]).prompt
    assert "Beta" in prompt.messages[-1].content
    assert "Delta" not in prompt.messages[-1].content
    assert prompt.passages == (A, B, middling)
