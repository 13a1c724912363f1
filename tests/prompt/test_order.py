"""Passages follow a list that was in use, as far as that pays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.prompt.budget import choose_relevant
from edge.prompt.order import BORROWED, arrange
from edge.types import Passage


def passage(name: str, score: float = 1.0) -> Passage:
    """Make a passage: a lower-case name has ten characters of text, a capital a hundred."""
    text = name * (100 if name.isupper() else 10)
    return Passage("pumps", "1.0", "manual.pdf", "Manual", 1, 1, None, "", text, score)


def order(wanted: str, *known: str, weak: str = "", middling: str = "") -> str:
    scores = {**dict.fromkeys(weak, 0.1), **dict.fromkeys(middling, 0.4)}
    found = [passage(name, scores.get(name, 1.0)) for name in wanted]
    return "".join(p.text[0] for p in arrange(found, [list(map(passage, one)) for one in known]))


def test_without_known_lists_the_best_come_first() -> None:
    assert order("abc") == "abc"
    assert order("") == ""


def test_a_known_list_is_followed_as_far_as_it_pays() -> None:
    assert order("abcde", "adbxyz") == "adbce"


def test_passages_of_the_list_that_were_not_found_are_borrowed_where_that_saves_others() -> None:
    assert order("abc", "axbc") == "axbc"
    assert order("abc", "axbyz") == "axbc"


def test_no_more_is_borrowed_than_was_found() -> None:
    assert order("abc", "aXbc") == "abc"


def test_the_best_passage_stays_first() -> None:
    assert order("abc", "bac", "cab") == "abc"


def test_the_list_that_saves_most_is_followed_and_of_equals_the_latest() -> None:
    assert order("abcd", "ac", "adcb", "acd") == "adcb"
    assert order("abc", "ac", "ab") == "acb"
    assert order("abCd", "adb", "aC") == "aCbd"


def test_what_has_to_be_computed_besides_a_known_list_must_be_worth_it() -> None:
    assert order("abcd", middling="d") == "abcd"
    assert order("abcd", "ac", middling="d") == "acb"
    assert order("abcd", "adc", middling="d") == "adcb"


def test_what_says_little_is_left_out_unless_it_is_there_already() -> None:
    assert order("abc", weak="c") == "ab"
    assert order("abcd", "acd", weak="c") == "acdb"


NAMES = st.text("abcdeFG", max_size=5).map(lambda names: "".join(dict.fromkeys(names)))


@given(NAMES, st.lists(NAMES, max_size=5))
def test_all_that_is_worth_it_is_shown_once_the_best_first(wanted: str, known: list[str]) -> None:
    found = list(map(passage, wanted))
    shown = arrange(found, [list(map(passage, one)) for one in known])
    texts = [one.text for one in shown]
    assert texts[:1] == [one.text for one in found[:1]]
    assert len(set(texts)) == len(texts)
    assert {one.text for one in choose_relevant(found)} <= set(texts)
    borrowed = sum(len(text) for text in texts if text not in {one.text for one in found})
    assert borrowed <= BORROWED * sum(len(one.text) for one in found)
