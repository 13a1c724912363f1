"""Sentences of technical prose: full stops inside abbreviations, numbers and ordinals end nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.text.sentences import split_sentences


def test_sentences_end_at_full_stops_question_and_exclamation_marks() -> None:
    text = "Is it dead? Prove it! Then open the lid. Close it."
    assert split_sentences(text) == ["Is it dead?", "Prove it!", "Then open the lid.", "Close it."]


@pytest.mark.parametrize(
    "text",
    [
        "Use a lubricant, e.g. Castrol, on the stem.",
        "The gap is approx. 2 mm.",
        "See Fig. 12 and Sec. 3.4 of the manual.",
        "Order part No. 4711 (incl. Seals).",
        "Bore 2.5 mm deep, v1.2 of the firmware.",
        "1. Open the valve",
        "a) Close it",
        "the file ups.conf and the host example.com",
        "wait... then go on",
    ],
)
def test_these_are_one_sentence(text: str) -> None:
    assert split_sentences(text) == [text]


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("It is hot. 25 Nm are enough.", "25 Nm are enough."),
        ("It is hot. °C is shown.", "°C is shown."),
        ('He said "stop." Then it stopped.', "Then it stopped."),
        ("Open it (slowly.) Then wait.", "Then wait."),
        ('It blinks. "E-207" is shown.', '"E-207" is shown.'),
    ],
)
def test_a_sentence_may_open_with_a_number_a_sign_or_a_quotation(text: str, second: str) -> None:
    assert split_sentences(text)[-1] == second
    assert len(split_sentences(text)) == 2


def test_blanks_and_line_breaks_are_evened_out() -> None:
    assert split_sentences("  Open\n the   lid.\t\n Wait.  ") == ["Open the lid.", "Wait."]


def test_no_text_has_no_sentences() -> None:
    assert split_sentences("") == split_sentences(" \n ") == []


@given(st.text() | st.text(alphabet="aZ1.!?)(\"'”’] \n\u00a0\u2028e.g"))
def test_joined_they_are_the_text_with_its_blanks_evened_out(text: str) -> None:
    found = split_sentences(text)
    assert " ".join(found) == " ".join(text.split())
    assert all(sentence == sentence.strip() != "" for sentence in found)
