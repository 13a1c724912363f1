"""What goes first when there is too little room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from edge.prompt.budget import choose_relevant, fit_passages
from edge.types import Passage


def passage(text: str) -> Passage:
    return Passage("pumps", "1.0", "manual.pdf", "Manual", 1, 1, None, "", text, 1.0)


def within(characters: int) -> Callable[[Sequence[Passage]], bool]:
    return lambda kept: sum(len(one.text) for one in kept) <= characters


def texts(passages: Sequence[Passage]) -> list[str]:
    return [one.text for one in passages]


THREE = [passage("Alpha one. Alpha two."), passage("Beta one. Beta two."), passage("Gamma.")]


def test_what_fits_stays() -> None:
    assert fit_passages(THREE, within(1000)) == tuple(THREE)


def test_the_last_passage_goes_first() -> None:
    assert texts(fit_passages(THREE, within(40))) == ["Alpha one. Alpha two.", "Beta one. Beta two."]


def test_then_the_longest_is_cut_at_a_sentence() -> None:
    assert texts(fit_passages(THREE, within(30))) == ["Alpha one.", "Beta one. Beta two."]


def test_lines_are_cut_before_sentences() -> None:
    table = passage("Code | Meaning\nE-1 | Hot. Very hot.\nE-2 | Cold.\nE-3 | Wet.")
    assert texts(fit_passages([table], within(40))) == ["Code | Meaning\nE-1 | Hot. Very hot."]


def test_the_first_sentence_of_the_best_passage_stays_even_if_it_does_not_fit() -> None:
    assert texts(fit_passages(THREE, within(3))) == ["Alpha one."]
    assert fit_passages([], within(0)) == ()


@given(st.lists(st.text(alphabet="Ab. \n", max_size=60).map(passage), max_size=5), st.integers(0, 100))
def test_it_fits_or_little_is_left(passages: list[Passage], room: int) -> None:
    kept = fit_passages(passages, within(room))
    assert within(room)(kept) or len(kept) == 1
    assert len(kept) <= len(passages)


# Relevance


def scored(*scores: float) -> list[Passage]:
    return [replace(passage(f"Passage {n}."), score=score) for n, score in enumerate(scores)]


def test_what_scores_far_below_the_best_is_left_out() -> None:
    assert [p.score for p in choose_relevant(scored(1.0, 0.1, 0.6, 0.2, 0.5))] == [1.0, 0.6, 0.5]


def test_what_was_read_counts_by_its_chance_the_best_first() -> None:
    read = [replace(p, chance=c) for p, c in zip(scored(1.0, 0.9, 0.8), (0.1, 0.0, 0.8), strict=True)]
    assert [p.score for p in choose_relevant(read)] == [0.8]
    assert [p.score for p in choose_relevant(read, 0.1)] == [0.8, 1.0]


def test_where_the_best_has_no_score_all_stay() -> None:
    assert len(choose_relevant(scored(0.0, 0.0))) == 2
    assert choose_relevant([]) == ()
