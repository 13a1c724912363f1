"""Abbreviations as manuals explain them, and lists of synonyms."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import UsageError
from edge.text.synonyms import find_abbreviations, read_synonyms


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Stop the variable frequency drive (VFD) first.", [("vfd", "variable frequency drive")]),
        ("Open the variable-frequency drives (VFDs).", [("vfd", "variable-frequency drives")]),
        ("The RCD (residual current device) trips.", [("rcd", "residual current device")]),
        ("- **MCB**: miniature circuit breaker", [("mcb", "miniature circuit breaker")]),
        ("| PPE | personal protective equipment |".strip("| "), [("ppe", "personal protective equipment")]),
        ("lock out and tag out (LOTO)", [("loto", "lock out and tag out")]),
        ("Mind the relative (REL) humidity.", []),
        ("See the manual (PDF) or ask (NOW).", []),
        ("The pump (GA37) runs at 400 V (AC).", []),
        ("Replace the filter (OEM part).", []),
    ],
)
def test_an_abbreviation_counts_where_its_letters_begin_the_words(
    text: str, found: list[tuple[str, str]]
) -> None:
    assert list(find_abbreviations(text)) == found


@given(st.text())
def test_any_text_can_be_searched(text: str) -> None:
    for short, long in find_abbreviations(text):
        assert short.isalpha()
        assert long


@pytest.mark.parametrize("text", ["a" * 300_000, "A" * 300_000, "\n" * 300_000, "a " * 150_000])
def test_a_text_of_any_shape_is_searched_in_moments(text: str) -> None:
    begun = process_time()
    assert not list(find_abbreviations(text))
    assert process_time() - begun < 10


def test_a_list_has_a_line_for_each_meaning() -> None:
    text = "\ufeff# ours\nloctite, threadlocker , Thread Locking  compound\n\nallen key,hex key\n"
    assert read_synonyms(text, "synonyms.csv") == [
        ("loctite", "threadlocker", "thread locking compound"),
        ("allen key", "hex key"),
    ]


@pytest.mark.parametrize(
    "line",
    ["loctite", "a,one two three four five six", "a,—", f"a,{'b' * 101}", ",".join(map(str, range(21)))],
)
def test_a_line_that_says_nothing_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(UsageError, match=r"synonyms\.csv, line 2"):
        read_synonyms(f"a,b\n{line}\n", "synonyms.csv")


def test_a_list_without_end_is_refused() -> None:
    with pytest.raises(UsageError, match="more than 5,000 lines"):
        read_synonyms("".join(f"a{n},b{n}\n" for n in range(5_001)), "synonyms.csv")
