"""Citations name passages."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.guard.citations import find_cited_numbers, resolve, strip_citations, tidy
from tests.guard.conftest import make_passage

TWO = [make_passage("First."), make_passage("Second.")]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("25 Nm [1].", (1,)),
        ("a [2] b [1] c [2]", (2, 1)),
        ("a [1, 3]", (1, 3)),
        ("a [1;2][3]", (1, 2, 3)),
        ("a 【2】", (2,)),
        ("a [ 2 ]", (2,)),
        ("array[i] [4-20] [] [x1] (1)", ()),
    ],
)
def test_marks_are_read(text: str, numbers: tuple[int, ...]) -> None:
    assert find_cited_numbers(text) == numbers


def test_marks_lead_to_passages_in_order() -> None:
    assert [(c.n, c.passage.text) for c in resolve("b [2] a [1]", TWO)] == [(1, "First."), (2, "Second.")]


def test_marks_of_passages_that_do_not_exist_are_dropped() -> None:
    assert resolve("a [3] b [0]", TWO) == ()
    assert tidy("Turn it [3]. Wait [1, 9]. Go 【2】.", TWO) == "Turn it. Wait [1]. Go [2]."


def test_a_key_in_brackets_stays_a_key() -> None:
    assert (
        tidy("Press [9] to end [1].", [make_passage("Press [9] to end the call.")]) == "Press [9] to end [1]."
    )


def test_the_text_alone() -> None:
    assert strip_citations("25 Nm [1]. Wait [1][2].") == "25 Nm. Wait."


@example("[0[0]]")
@given(st.text() | st.text(alphabet="[]0123456789, ;a"))
def test_any_text_can_be_read(text: str) -> None:
    tidied = tidy(text, TWO)
    assert set(find_cited_numbers(tidied)) <= {1, 2}
    assert {c.n for c in resolve(text, TWO)} <= {1, 2}
    assert tidy(tidied, TWO) == tidied
