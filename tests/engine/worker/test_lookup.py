"""Guessing what comes next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.worker.lookup import HOPE, LIMIT, LONGEST, SHORTEST, Guesser, choose_length

CHEAP = 0.05


def test_what_followed_these_tokens_before_is_guessed() -> None:
    assert Guesser([1, 2, 3, 4, 5, 6, 7, 1, 2, 3]).guess(3, CHEAP, 1) == [4, 5, 6]


def test_the_answer_can_repeat_itself() -> None:
    guesser = Guesser([9])
    for token in [1, 2, 3, 8, 7, 6, 1, 2, 3]:
        guesser.add(token)
    assert guesser.guess(2, CHEAP, 1) == [8, 7]


def test_more_matching_tokens_count_more_than_a_later_place() -> None:
    assert Guesser([1, 2, 3, 50, 9, 2, 3, 60, 1, 2, 3]).guess(1, CHEAP, 1) == [50]


def test_new_tokens_are_not_guessed() -> None:
    assert Guesser([1, 2, 3, 4]).guess(8, CHEAP, 1) == []
    assert Guesser([]).guess(8, CHEAP, 1) == []


def test_tokens_are_not_found_across_the_bytes_of_two() -> None:
    assert Guesser([0x01020304, 0x01020304, 5, 0x04010203, 0x04010203]).guess(4, CHEAP, 1) == []


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 8))
def test_a_guess_is_what_followed_the_longest_match(history: list[int], limit: int) -> None:
    guess = Guesser(history).guess(limit, 0.001, 1)
    for matched in range(LONGEST, SHORTEST - 1, -1):
        places = [
            n
            for n in range(len(history) - matched)
            if len(history) >= matched and history[n : n + matched] == history[-matched:]
        ]
        if places:
            start = places[-1] + matched
            assert guess == history[start : start + limit]
            return
    assert guess == []


def test_guesses_that_fail_become_rare_but_do_not_end() -> None:
    guesser = Guesser([1, 2, 3, 4, 5] * 3)
    tries = []
    for chance in range(1000):
        if guess := guesser.guess(LIMIT, 0.1, 1):
            guesser.learn(len(guess), 0)
            tries.append(chance)
    assert len(tries) < 30
    assert tries[-1] > 800


def test_guesses_that_hold_become_longer() -> None:
    guesser = Guesser(list(range(100)) + list(range(10)))
    first = len(guesser.guess(LIMIT, 0.5, 1))
    for _ in range(5):
        guesser.learn(4, 4)
    assert len(guesser.guess(LIMIT, 0.5, 1)) > first


@pytest.mark.parametrize(("row_cost", "expected"), [(0.9, 0), (0.45, 2), (0.005, LIMIT)])
def test_guesses_are_as_long_as_they_pay(row_cost: float, expected: int) -> None:
    assert choose_length(HOPE, row_cost, LIMIT) == pytest.approx(expected, abs=1)


def test_a_crowd_does_not_guess() -> None:
    assert choose_length(HOPE, CHEAP, LIMIT, rows=32) == 0
