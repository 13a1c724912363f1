from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.text.bm25 import compute_idf, score


def test_texts_score_by_the_rare_tokens_they_hold() -> None:
    corpus = [["seal", "pump"], ["pump", "pump"], ["valve"]]
    scores = score(corpus, ["seal", "pump"], {"seal": 3.0, "pump": 0.1})
    assert scores[0] > scores[1] > scores[2] == 0.0


def test_weights_are_those_given_not_those_of_the_small_collection() -> None:
    corpus = [["seal"], ["pump"]]
    assert score(corpus, ["seal", "pump"], {"seal": 1.0, "pump": 2.0})[1] == pytest.approx(
        2 * score(corpus, ["seal", "pump"], {"seal": 1.0, "pump": 2.0})[0]
    )


def test_a_shorter_text_scores_higher_for_the_same_word() -> None:
    short, long = score([["seal", "a"], ["seal", *["a"] * 50]], ["seal"], {"seal": 1.0})
    assert short > long > 0


@pytest.mark.parametrize("corpus", [[], [[]], [[], []]])
def test_nothing_to_score(corpus: list[list[str]]) -> None:
    assert score(corpus, ["seal"], {"seal": 1.0}) == [0.0] * len(corpus)


def test_an_empty_text_among_others_scores_nothing() -> None:
    assert score([["seal"], []], ["seal"], {"seal": 1.0})[1] == 0.0


def test_no_question_scores_nothing() -> None:
    assert score([["seal"]], [], {}) == [0.0]


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_inverse_frequency_is_never_negative_and_falls(holding: int, more: int) -> None:
    total = holding + more
    assert compute_idf(holding, total) > 0
    assert compute_idf(holding, total) >= compute_idf(total, total)
