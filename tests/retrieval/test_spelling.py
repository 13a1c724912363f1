"""A slip is corrected only when neither the pack nor English knows the word."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.retrieval.spelling import MIN_LENGTH, find_corrections

VOCABULARY = {
    "bearing": 12,
    "bearings": 3,
    "gasket": 5,
    "compressor": 4,
    "überdruck": 2,
    "valve": 7,
    "value": 1,
}
WORDS = st.text(st.characters(categories=["L", "N"]), max_size=12)


def none_is_english(words: Sequence[str]) -> list[bool]:
    return [False] * len(words)


def mended(word: str) -> str:
    return find_corrections([word], VOCABULARY, none_is_english).get(word, word)


@pytest.mark.parametrize(
    ("slip", "word"),
    [
        ("gaskt", "gasket"),
        ("gaskket", "gasket"),
        ("gazket", "gasket"),
        ("baering", "bearing"),
        ("compresser", "compressor"),
        ("comprresser", "compressor"),
        ("überdrück", "überdruck"),
    ],
)
def test_a_letter_too_few_too_many_wrong_or_exchanged_is_mended(slip: str, word: str) -> None:
    assert mended(slip) == word


@pytest.mark.parametrize("word", ["gskt", "zasket", "uberdruck", "gas", "gask3t", "bolt"])
def test_these_are_left_alone(word: str) -> None:
    """Two slips in a short word, a wrong first letter, short words, codes, words like no other."""
    assert mended(word) == word


def test_an_english_word_is_never_touched() -> None:
    def english(words: Sequence[str]) -> list[bool]:
        return [word == "basket" for word in words]

    vocabulary = {"bucket": 3, "baskets": 1}
    assert find_corrections(["basket", "buckt"], vocabulary, english) == {"buckt": "bucket"}


def test_a_word_of_the_pack_is_never_touched() -> None:
    assert find_corrections(["valve", "value"], VOCABULARY, none_is_english) == {}


def test_of_words_equally_near_the_commoner_one_is_meant() -> None:
    assert mended("valme") == "valve"
    assert find_corrections(["valme"], {"valve": 1, "value": 7}, none_is_english) == {"valme": "value"}


def test_english_is_not_asked_about_words_that_are_never_mended() -> None:
    def unexpected(words: Sequence[str]) -> list[bool]:
        raise AssertionError(words)

    assert find_corrections(["e207", "abc"], VOCABULARY, unexpected) == {}


@given(st.lists(WORDS), st.dictionaries(WORDS, st.integers(1, 9)))
def test_a_correction_is_a_near_word_of_the_pack(unknown: list[str], vocabulary: dict[str, int]) -> None:
    for word, mended in find_corrections(unknown, vocabulary, none_is_english).items():
        assert word in unknown
        assert mended in vocabulary
        assert word not in vocabulary
        assert len(word) >= MIN_LENGTH
        assert mended[0] == word[0]
        assert abs(len(mended) - len(word)) <= 2
