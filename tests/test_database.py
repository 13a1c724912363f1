"""SQLite with sqlite-vec inside, one door to it, and errors that say what to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from edge import database
from edge.database import (
    make_stemmer,
    open_immutable,
    open_memory,
    open_writable,
    translate_sqlite_errors,
    translate_untrusted_errors,
)
from edge.errors import BusyError, EdgeError, NotFoundError, PackError, StorageError
from edge.packs.format import TOKENIZER

Open = Callable[[Path], apsw.Connection]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with one table."""
    made = tmp_path / "a.sqlite"
    connection = open_writable(made)
    connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1)")
    connection.close()
    return made


def of_memory(path: Path) -> apsw.Connection:
    return open_memory()


@pytest.mark.parametrize("opened", [open_immutable, open_writable, of_memory])
def test_every_connection_has_fts5_and_vectors(path: Path, opened: Open) -> None:
    connection = opened(path)
    assert connection.execute("SELECT vec_version()").fetchall()
    assert ("ENABLE_FTS5",) in connection.execute("PRAGMA compile_options").fetchall()


@pytest.mark.parametrize("opened", [open_immutable, open_writable, of_memory])
def test_the_door_for_other_extensions_is_shut(path: Path, opened: Open) -> None:
    with pytest.raises(apsw.SQLError, match="not authorized"):
        opened(path).execute("SELECT load_extension('libm.so.6')")
    with pytest.raises(apsw.ExtensionLoadingError):
        opened(path).load_extension("libm.so.6")


def test_an_immutable_file_cannot_be_written_and_nothing_is_left_beside_it(path: Path) -> None:
    connection = open_immutable(path)
    assert connection.execute("SELECT x FROM t").fetchall() == [(1,)]
    with pytest.raises(StorageError, match="cannot be written"), translate_sqlite_errors(path):
        connection.execute("INSERT INTO t VALUES (2)")
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a b", "100% ?x=1&mode=rw#y", "größe", os.fsdecode(b"caf\xe9")])
def test_a_file_may_have_any_name(path: Path, name: str) -> None:
    named = path.rename(path.with_name(name))
    assert open_immutable(named).execute("SELECT x FROM t").fetchall() == [(1,)]


@pytest.mark.parametrize("opened", [open_immutable, open_writable])
def test_what_cannot_be_opened_is_said(tmp_path: Path, opened: Open) -> None:
    for missing in (tmp_path / "not" / "there.sqlite", tmp_path):
        with pytest.raises(StorageError, match=r"cannot be (opened|read or written)") as caught:
            opened(missing)
        assert caught.value.hint


def test_what_is_no_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(PackError, match="damaged or not a database"), translate_sqlite_errors(path):
        open_immutable(path).execute("SELECT * FROM t")


def test_a_full_disk_is_said(path: Path) -> None:
    connection = open_writable(path)
    connection.execute("PRAGMA max_page_count = 3")
    with pytest.raises(StorageError, match="is full"), translate_sqlite_errors(path):
        connection.execute("CREATE TABLE big AS SELECT randomblob(100000)")


def test_a_database_that_another_process_writes_is_busy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 0)
    other = open_writable(path)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(BusyError, match="in use by another process"), translate_sqlite_errors(path):
        open_writable(path).execute("INSERT INTO t VALUES (2)")
    other.close()


def test_an_error_of_ours_passes_as_it_is(path: Path) -> None:
    for translating in (translate_sqlite_errors, translate_untrusted_errors):
        error = NotFoundError("There is none.")
        with pytest.raises(EdgeError) as caught, translating(path):
            raise error
        assert caught.value is error


def test_whatever_sqlite_dislikes_about_a_file_of_others_is_the_files_fault(path: Path) -> None:
    connection = open_immutable(path)
    with (
        pytest.raises(PackError, match=r"a\.sqlite is damaged: no such table: u"),
        translate_untrusted_errors(path),
    ):
        connection.execute("SELECT * FROM u")
    with pytest.raises(PackError, match="is damaged"), translate_untrusted_errors(path):
        connection.execute("SELECT CAST(x'ff' AS TEXT)").fetchall()


def test_the_stemmer_is_that_of_the_index() -> None:
    stems = make_stemmer(TOKENIZER)
    assert stems("Tightened the BOLTS, größere Öle") == ["tighten", "the", "bolt", "großer", "ol"]
    assert stems("") == []
    assert stems("a\0b \ud800") == ["a", "b"]
