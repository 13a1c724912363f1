"""Passages follow a list that was in use, as far as that goes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.prompt.order import arranged

LISTS = st.lists(st.sampled_from("abcdefg"), unique=True, max_size=5)


def order(wanted: str, *known: str) -> str:
    return "".join(wanted[n] for n in arranged(list(wanted), [list(one) for one in known]))


def test_without_known_lists_the_best_come_first() -> None:
    assert order("abc") == "abc"


def test_a_known_list_is_followed_as_far_as_it_names_passages_of_the_question() -> None:
    assert order("abcde", "adbxc") == "adbce"


def test_the_best_passage_stays_first() -> None:
    assert order("abc", "bac", "cab") == "abc"


def test_the_list_that_saves_most_is_followed_and_of_equals_the_latest() -> None:
    assert order("abcd", "acx", "adcb", "acd") == "adcb"
    assert order("abc", "acx", "ab") == "acb"


def test_long_passages_count_more() -> None:
    long = "l" * 100
    assert arranged(["a", "b", "c", long], [["a", "c", "b"], ["a", long]]) == (0, 3, 1, 2)


@given(LISTS, st.lists(LISTS, max_size=6))
def test_every_passage_is_shown_once_the_best_first(wanted: list[str], known: list[list[str]]) -> None:
    positions = arranged(wanted, known)
    assert sorted(positions) == list(range(len(wanted)))
    assert positions[:1] == ((0,) if wanted else ())
