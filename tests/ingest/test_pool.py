from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from edge.errors import DocumentError
from edge.ingest import pool
from edge.ingest.document import SourceDocument
from edge.ingest.pool import Outcome, read_all
from edge.ingest.source import SourceFile

TROUBLE = """
import os, signal, threading
from edge.ingest.progress import report_progress
from edge.ingest.readers import read

def troubled(name, data):
    if name.startswith("crashes"):
        os.abort()
    if name.startswith("hangs"):
        threading.Event().wait()
    if name.startswith("is long"):
        for _ in range(4):
            threading.Event().wait(0.4)
            report_progress()
    if name.startswith("is interrupted"):
        os.kill(os.getpid(), signal.SIGINT)
    return read(name, data)
"""

WriteFiles = Callable[..., list[SourceFile]]


@pytest.fixture
def write_files(tmp_path: Path) -> WriteFiles:
    def write(*names: str) -> list[SourceFile]:
        for name in names:
            (tmp_path / name).write_text(f"# {name}\n\nThis manual speaks of one thing only.\n")
        return [SourceFile(name, tmp_path / name) for name in names]

    return write


@pytest.fixture
def trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A reader that does what the names of documents say."""
    (tmp_path / "trouble.py").write_text(TROUBLE)
    monkeypatch.syspath_prepend(tmp_path)
    import trouble  # type: ignore[import-not-found]

    return trouble  # type: ignore[no-any-return]


def read_outcomes(files: Sequence[SourceFile], trouble: ModuleType, workers: int) -> dict[str, Outcome]:
    return {file.name: outcome for file, outcome in read_all(files, trouble.troubled, workers)}


@pytest.mark.parametrize("workers", [0, 1, 2, 9])
def test_documents_come_in_the_order_they_were_given(
    write_files: WriteFiles, trouble: ModuleType, workers: int
) -> None:
    names = [f"{name}.md" for name in "gbadcfe"]
    found = read_outcomes(write_files(*names), trouble, workers)
    assert list(found) == names
    assert all(isinstance(outcome, SourceDocument) for outcome in found.values())


def test_there_may_be_nothing_to_read(trouble: ModuleType) -> None:
    assert read_outcomes([], trouble, workers=2) == {}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_crash_costs_one_document(write_files: WriteFiles, trouble: ModuleType, workers: int) -> None:
    found = read_outcomes(write_files("a.md", "crashes.md", "b.md", "crashes too.md"), trouble, workers)
    lost = {name: error.message for name, error in found.items() if isinstance(error, DocumentError)}
    assert lost == {
        "crashes.md": "crashes.md crashed its reader.",
        "crashes too.md": "crashes too.md crashed its reader.",
    }


@pytest.mark.parametrize("workers", [1, 2])
def test_a_document_that_hangs_is_given_up(
    write_files: WriteFiles, trouble: ModuleType, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(pool, "POLL_S", 0.05)
    monkeypatch.setattr(pool, "compute_timeout", lambda file: 0.1 if file.name.startswith("hangs") else 60.0)
    found = read_outcomes(write_files("a.md", "hangs.md", "b.md", "hangs too.md", "c.md"), trouble, workers)
    lost = {name: error for name, error in found.items() if isinstance(error, DocumentError)}
    assert list(lost) == ["hangs.md", "hangs too.md"]
    assert lost["hangs.md"].message == "hangs.md was given up: after 0 minutes it was not read."
    assert "leave it out" in lost["hangs.md"].hint


def test_a_document_that_shows_signs_of_life_is_waited_for(
    write_files: WriteFiles, trouble: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "POLL_S", 0.05)
    monkeypatch.setattr(pool, "compute_timeout", lambda file: 60.0 if file.name == "a.md" else 1.2)
    found = read_outcomes(write_files("a.md", "is long.md"), trouble, workers=1)
    assert isinstance(found["is long.md"], SourceDocument)


def test_the_timeout_grows_with_the_document(write_files: WriteFiles) -> None:
    (file,) = write_files("large.md")
    assert pool.compute_timeout(file) == pytest.approx(600, abs=1)
    os.truncate(file.path, 26_000_000)
    assert pool.compute_timeout(file) == pytest.approx(1380)
    file.path.unlink()
    assert pool.compute_timeout(file) == 600


def test_who_wants_no_more_waits_for_nothing(write_files: WriteFiles, trouble: ModuleType) -> None:
    results = read_all(write_files("a.md", "hangs.md"), trouble.troubled, 2)
    assert next(results)[0].name == "a.md"
    results.close()  # type: ignore[attr-defined]
    assert list(results) == []


def test_an_interruption_is_left_to_the_parent(write_files: WriteFiles, trouble: ModuleType) -> None:
    found = read_outcomes(write_files("is interrupted.md"), trouble, workers=1)
    assert isinstance(found["is interrupted.md"], SourceDocument)
