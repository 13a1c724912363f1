from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.retrieval.fusion import fuse

KEYWORD = st.dictionaries(st.integers(0, 9), st.integers(1, 1000).map(lambda n: n / 10))
DENSE = st.dictionaries(st.integers(0, 9), st.integers(-100, 100).map(lambda n: n / 100))


def test_what_both_arms_find_comes_before_what_one_finds() -> None:
    first, *_ = fuse({"both": 5.0, "words": 5.0}, {"both": 0.8, "meaning": 0.8, "far": 0.1})
    assert first == "both"


def test_the_score_is_the_weighted_sum_of_both_reliefs() -> None:
    fused = fuse({"a": 10.0, "b": 5.0}, {"b": 0.9, "c": 0.5, "d": 0.1}, weight=0.4)
    assert fused == pytest.approx({"b": 0.6 * 0.5 + 0.4, "a": 0.6, "c": 0.4 * 0.5, "d": 0.0})


def test_the_height_of_cosines_says_nothing_only_their_differences() -> None:
    assert fuse({}, {"a": 0.9, "b": 0.8}) == pytest.approx(fuse({}, {"a": 0.3, "b": 0.2}))


def test_nothing_found_is_nothing() -> None:
    assert fuse({}, {}) == {}


def test_one_thing_found_by_one_arm_is_wholly_relevant() -> None:
    assert fuse({"a": 0.1}, {}) == fuse({}, {"a": 0.1}) == {"a": 1.0}


@given(KEYWORD)
def test_without_vectors_words_decide_alone(keyword: dict[int, float]) -> None:
    top = max(keyword.values(), default=1.0)
    assert fuse(keyword, {}) == pytest.approx({key: score / top for key, score in keyword.items()})


@given(DENSE)
def test_without_words_vectors_decide_alone(dense: dict[int, float]) -> None:
    fused = fuse({}, dense)
    assert [dense[key] for key in fused] == sorted(dense.values(), reverse=True)
    assert max(fused.values(), default=1.0) == 1.0


@given(KEYWORD, DENSE, st.floats(0, 1))
def test_everything_found_has_a_relevance_from_0_to_1_best_first(
    keyword: dict[int, float], dense: dict[int, float], weight: float
) -> None:
    fused = fuse(keyword, dense, weight)
    assert set(fused) == set(keyword) | set(dense)
    assert list(fused.values()) == sorted(fused.values(), reverse=True)
    assert all(0 <= score <= 1 + 1e-9 for score in fused.values())
