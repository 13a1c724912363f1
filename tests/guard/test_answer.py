"""What of an engine's text may be shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.guard.answer import NOT_SAID, check
from tests.guard.conftest import make_passage

PASSAGES = [
    make_passage("Tighten the bolts to 25 Nm. Then check the seal."),
    make_passage("Fill in 2.5 l of oil."),
]


def test_a_grounded_answer_is_shown_as_it_is() -> None:
    verdict = check("Tighten the bolts to 25 Nm [1]. Fill in 2.5 l of oil. [2]", PASSAGES)
    assert verdict.text == "Tighten the bolts to 25 Nm [1]. Fill in 2.5 l of oil. [2]"
    assert [citation.n for citation in verdict.citations] == [1, 2]
    assert verdict.unverified == ()
    assert not verdict.refused
    assert not verdict.ungrounded


def test_a_sentence_with_a_value_nobody_wrote_is_not_shown() -> None:
    verdict = check("Tighten the bolts to 45 Nm. [1] Then check the seal. [1]", PASSAGES)
    assert verdict.text == "Then check the seal. [1]"
    assert verdict.unverified == ("45 Nm",)
    assert not verdict.ungrounded


def test_the_other_lines_keep_their_form() -> None:
    verdict = check("Tighten  to 25 Nm [1].\n\nWait 7 days.\n\nCheck  the seal [1].", PASSAGES)
    assert verdict.text == "Tighten  to 25 Nm [1].\n\n\nCheck  the seal [1]."


def test_half_a_list_is_not_shown() -> None:
    text = "To do:\n\n1. Tighten to 25 Nm [1].\n2. Wait 7 days.\n3. Check the seal [1].\n\nFill in 2.5 l of oil [2]."
    assert check(text, PASSAGES).text.strip() == "Fill in 2.5 l of oil [2]."


def test_nothing_is_left_of_an_invented_answer() -> None:
    verdict = check("Tighten the bolts to 45 Nm. [1]", PASSAGES)
    assert verdict.ungrounded
    assert "45" not in verdict.text


def test_a_sentence_gets_the_passage_that_supports_it_whatever_it_cites() -> None:
    for text in ("Fill in 2.5 l of oil [1].", "Fill in 2.5 l of oil.", "Fill in 2.5 l of oil [7]."):
        verdict = check(text, PASSAGES)
        assert verdict.text == "Fill in 2.5 l of oil [2]."
        assert [citation.n for citation in verdict.citations] == [2]
        assert verdict.unverified == ()


def test_what_goes_on_about_a_struck_sentence_is_struck_too() -> None:
    text = "The valve takes 45 Nm. It seals the bolts. Check the seal."
    assert check(text, PASSAGES).text == "Check the seal [1]."


@pytest.mark.parametrize("text", ["No. Check the seal.", "Yes, check the seal."])
def test_yes_and_no_go_before_what_a_passage_says(text: str) -> None:
    assert not check(text, PASSAGES).ungrounded


def test_sentences_of_a_table_and_of_prose_get_their_own_sources() -> None:
    passages = [make_passage("| Thread | Dry (Nm) | Oiled (Nm)\nM10 | 50 | 39\nM12 | 88 | 69"), PASSAGES[1]]
    text = "A dry M10 takes 50 Nm. Fill in 2.5 l of oil. A dry M10 takes 88 Nm. It is oiled."
    assert check(text, passages).text == "A dry M10 takes 50 Nm [1]. Fill in 2.5 l of oil [2]."


def test_a_bracket_inside_a_quotation_is_no_citation() -> None:
    passages = [make_passage("Plan samples according to ISO 3448 [2]."), make_passage("WARNING: Hot.")]
    verdict = check("Plan samples according to ISO 3448 [2]. [1]", passages)
    assert [citation.n for citation in verdict.citations] == [1]


def test_a_number_in_brackets_before_a_unit_is_a_value() -> None:
    assert check("Tighten the bolts to [2] Nm. Check the seal.", PASSAGES).text == "Check the seal [1]."


@pytest.mark.parametrize("text", ["", "Be careful.", "Paint the house red [1].", "\n\n"])
def test_what_no_passage_supports_is_ungrounded(text: str) -> None:
    verdict = check(text, PASSAGES)
    assert verdict.ungrounded
    assert verdict.citations == ()


def test_a_sentence_that_no_passage_supports_is_struck() -> None:
    assert check("Be careful. Check the seal [1].", PASSAGES).text == "Check the seal [1]."


@pytest.mark.parametrize(
    "text",
    [
        NOT_SAID, "The passages do not say. [1]", "The provided passages don't mention the oil.",
        "The manual does not specify the pressure.", "The pressure is not stated in the passages.",
        "There is no information about that in the documents.", "I don't know.", "I cannot answer this.",
        "I cannot find it. The passages do not contain the pressure.",
    ],
)  # fmt: skip
def test_saying_that_it_is_not_there_is_a_refusal(text: str) -> None:
    verdict = check(text, PASSAGES)
    assert verdict.refused
    assert not verdict.ungrounded


@pytest.mark.parametrize(
    "text",
    [
        "Do not say anything [1].",
        "The passages do not say how. Check the seal [1].",
        "This manual does not cover repairs [1].",
    ],
)
def test_an_answer_that_says_more_is_none(text: str) -> None:
    assert not check(text, PASSAGES).refused


@given(st.text() | st.text(alphabet="Ab. [1]25Nm\n"))
def test_any_text_gets_a_verdict(text: str) -> None:
    verdict = check(text, PASSAGES)
    assert verdict.refused or verdict.ungrounded == (not verdict.citations)
    assert check(verdict.text, PASSAGES).unverified == () or verdict.ungrounded


@given(st.integers(26, 999))
def test_no_invented_torque_gets_through(torque: int) -> None:
    assert str(torque) not in check(f"Check the seal [1]. Tighten to {torque} Nm [1].", PASSAGES).text


@given(st.lists(st.text() | st.text(alphabet="| 1.5V\n-m"), max_size=3), st.text())
def test_any_passages_are_compared(texts: list[str], answer: str) -> None:
    check(answer, [make_passage(text, heading=text[:20]) for text in texts])
