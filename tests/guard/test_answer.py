"""What of an engine's text may be shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.guard.answer import NOT_SAID, check
from tests.guard.conftest import passage

PASSAGES = [passage("Tighten the bolts to 25 Nm. Then check the seal."), passage("Fill in 2.5 l of oil.")]


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
    verdict = check("To do:\n\n1. Tighten  to 25 Nm [1].\n2. Wait 7 days.\n3. Check the seal [1].", PASSAGES)
    assert verdict.text == "To do:\n\n1. Tighten  to 25 Nm [1].\n3. Check the seal [1]."


def test_nothing_is_left_of_an_invented_answer() -> None:
    verdict = check("Tighten the bolts to 45 Nm. [1]", PASSAGES)
    assert verdict.ungrounded
    assert "45" not in verdict.text


def test_a_value_of_a_passage_that_is_not_cited_is_not_verified() -> None:
    assert check("Fill in 2.5 l of oil [1].", PASSAGES).unverified == ("2.5 l",)


@pytest.mark.parametrize("text", ["", "Check the seal.", "Check the seal [7].", "\n\n"])
def test_without_a_valid_citation_an_answer_is_ungrounded(text: str) -> None:
    verdict = check(text, PASSAGES)
    assert verdict.ungrounded
    assert verdict.citations == ()


def test_sentences_without_a_citation_of_their_own_stay() -> None:
    assert check("Be careful. Check the seal [1].", PASSAGES).text == "Be careful. Check the seal [1]."


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
