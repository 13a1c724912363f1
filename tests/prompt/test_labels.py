"""Labels of a conversation become numbers of a turn, however the text is cut into pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.prompt.labels import NOTHING, invert, relabel, relabel_stream

NUMBERS = {1: 3, 6: 1, 7: 2, 12: 1}
PASSAGES = 3

TEXTS = st.lists(
    st.sampled_from(
        ["[", "]", "【", "】", "1", "6", "12", "99", ",", ";", " ", "\n", "a", "[6]", "[7, 1]", "[4]"]
    ),
    max_size=60,
).map("".join)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Tighten to 25 Nm [6].", "Tighten to 25 Nm [1]."),
        ("It is [6][7].", "It is [1][2]."),
        ("It is [7, 1].", "It is [2][3]."),
        ("It is 【 12 】.", "It is [1]."),
        ("The same twice [6, 12].", "The same twice [1]."),
        ("One of them is there [6, 99].", "One of them is there [1]."),
        ("Press [9].", "Press [9]."),
        ("Nothing is [2].", f"Nothing is {NOTHING}."),
        ("An array a[i], a [ ], and [1", "An array a[i], a [ ], and [1"),
        ("[" + "6" * 40 + "]", "[" + "6" * 40 + "]"),
        ("", ""),
    ],
)  # fmt: skip
def test_labels_become_numbers(written: str, shown: str) -> None:
    assert relabel(written, NUMBERS, PASSAGES) == shown
    assert "".join(relabel_stream(list(written), NUMBERS, PASSAGES)) == shown


@given(TEXTS, st.lists(st.integers(0, 400), max_size=20))
def test_pieces_may_be_cut_anywhere(text: str, cuts: list[int]) -> None:
    ends = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    pieces = [text[a:b] for a, b in pairwise(ends)]
    shown = list(relabel_stream(pieces, NUMBERS, PASSAGES))
    assert "".join(shown) == relabel(text, NUMBERS, PASSAGES)
    assert "" not in shown


def test_what_cannot_be_a_citation_is_not_held_back() -> None:
    pieces = ["Tighten ", "to 25 Nm ", "[", "6", "]", ". Then"]
    assert list(relabel_stream(pieces, NUMBERS, PASSAGES)) == ["Tighten ", "to 25 Nm ", "[1]", ". Then"]


@given(st.dictionaries(st.integers(1, 99), st.integers(1, 99), max_size=6), st.text("ab [1,2]3"))
def test_back_and_forth_is_the_same_citation(numbers: dict[int, int], text: str) -> None:
    back = invert(numbers)
    assert all(numbers[label] == number for number, label in back.items())
    shown = " ".join(f"{text.replace('[', '')}[{number}]" for number in back)
    assert relabel(relabel(shown, back, 0), numbers, 0) == shown
