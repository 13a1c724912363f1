"""A log with rows of several people, and records as turns leave them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from edge.audit.entry import NewRow, make_commitment
from edge.audit.store import LogStore
from edge.audit.turn import encode

OpenStore = Callable[..., LogStore]
START = 1_790_000_000_000


def make_row(number: int, subject: str = "") -> NewRow:
    record = {"kind": "turn", "question": f"How tight is bolt {number}?", "outcome": "answered"}
    who = subject or f"person {number % 3}"
    return NewRow(
        who, START + number * 1000, make_commitment(bytes(16), b"%d" % number), zlib.compress(encode(record))
    )


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[OpenStore]:
    """``open_store(folder, device)`` opens a log below the test's folder."""
    with ExitStack() as stack:
        yield lambda name="audit", device="van 7": stack.enter_context(
            closing(LogStore(tmp_path / name, device))
        )


@pytest.fixture
def store(open_store: OpenStore) -> LogStore:
    return open_store()


@pytest.fixture
def filled(store: LogStore) -> LogStore:
    """A log of 300 rows: the first twenty one a commit, the others in commits of several."""
    for number in range(20):
        store.append([make_row(number)])
    for start in range(20, 300, 70):
        store.append([make_row(number) for number in range(start, start + 70)])
    return store
