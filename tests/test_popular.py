"""Which passages are asked for most."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from edge.popular import MAX_LISTS, PopularPassages
from edge.types import Passage


def passage(text: str) -> Passage:
    return Passage("pumps", "1.0", "manual.pdf", "Manual", 1, 1, None, "", text, 1.0)


A, B, C = map(passage, "ABC")


@pytest.fixture
def popular(tmp_path: Path) -> Iterator[PopularPassages]:
    seconds = count()
    popular = PopularPassages(tmp_path / "home" / "state.sqlite", lambda: float(next(seconds)))
    yield popular
    popular.close()


def test_those_used_last_come_first(popular: PopularPassages) -> None:
    for passages in ((A, B), (C,), (A, B), (B, A)):
        popular.count(passages)
    assert popular.read_latest() == [(B, A), (A, B), (C,)]


def test_the_best_passages_that_were_asked_for_twice_come_with_the_list_they_stood_in_most(
    popular: PopularPassages,
) -> None:
    for passages in ((C,), (A, B), (B, A), (A, C), (A, C), (B, C), (A, B), (A, B)):
        popular.count(passages)
    assert popular.read_most_asked(5) == [(A, B), (B, C)]
    assert popular.read_most_asked(1) == [(A, B)]


def test_nothing_is_counted_for_nothing(popular: PopularPassages) -> None:
    popular.count(())
    assert popular.read_latest() == popular.read_most_asked(3) == []


def test_they_outlive_the_process_and_are_bounded(popular: PopularPassages, tmp_path: Path) -> None:
    for n in range(MAX_LISTS + 3):
        popular.count((passage(str(n)),))
    again = PopularPassages(tmp_path / "home" / "state.sqlite")
    latest = [passages[0].text for passages in again.read_latest()]
    assert latest == [str(n) for n in reversed(range(3, MAX_LISTS + 3))]
    again.close()


def test_what_is_remembered_for_now_is_forgotten_with_the_process() -> None:
    popular = PopularPassages(None)
    popular.count((A,))
    assert popular.read_latest() == [(A,)]


def test_in_place_of_a_damaged_database_they_are_counted_in_memory(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"not a database at all" * 100)
    popular = PopularPassages(tmp_path / "s")
    popular.count((A,))
    assert popular.read_latest() == [(A,)]
