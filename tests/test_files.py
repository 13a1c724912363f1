"""One way to replace a file, to lock one, to hash one, and to ask for space."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import pytest

from edge import files
from edge.errors import BusyError, StorageError
from tests.faults import fail, kill_at_every_step, limit_file_size

LARGE = bytes(range(256)) * (5 << 12)


# Replacing


def test_a_file_is_replaced_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")
    with files.replace_atomically(path) as new:
        new.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["state"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")
    with suppress(ZeroDivisionError), files.replace_atomically(path) as new:
        new.write_bytes(b"half")
        1 / 0  # noqa: B018
    with limit_file_size(2), pytest.raises(OSError, match="File too large"):
        files.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["state"]


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_a_disk_that_fails_leaves_the_old_file(
    tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")
    with monkeypatch.context() as patch:
        fail(patch, call, errno.EIO, 0)
        with pytest.raises(OSError, match="Input/output error"):
            files.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["state"]


def write_state(home: Path) -> None:
    files.write_atomically(home / "state", b"new")


def test_killed_at_any_step_the_old_file_is_there_or_the_new(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "state").write_bytes(b"old")
    killed = kill_at_every_step(home, write_state)
    assert {(copy / "state").read_bytes() for copy in killed} == {b"old", b"new"}
    assert (killed[-1] / "state").read_bytes() == b"new"


def test_a_secret_is_for_its_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key"
    files.write_secret(path, b"secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        files.write_secret(path, b"another")
    assert path.read_bytes() == b"secret"


# Locks


def test_who_holds_a_lock_is_waited_for(tmp_path: Path) -> None:
    held, let_go, order = Event(), Event(), list[str]()

    def hold() -> None:
        with files.hold_lock(tmp_path / ".lock", "working"):
            held.set()
            let_go.wait()
            order.append("first")

    thread = Thread(target=hold)
    thread.start()
    held.wait()
    let_go.set()
    with files.hold_lock(tmp_path / ".lock", "working"):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]


def test_who_holds_a_lock_for_too_long_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOCK_WAIT_SECONDS", 0.0)
    with (
        files.hold_lock(tmp_path / ".lock", "working"),
        pytest.raises(BusyError, match="Another process is working"),
        files.hold_lock(tmp_path / ".lock", "working"),
    ):
        pass


def test_a_locked_file_may_be_replaced_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, real, locked = tmp_path / "state", fcntl.flock, list[int]()

    def replace_first(file: io.IOBase, operation: int) -> None:
        if not locked:
            lock.rename(tmp_path / "moved")
        locked.append(os.fstat(file.fileno()).st_ino)
        real(file, operation)

    monkeypatch.setattr(fcntl, "flock", replace_first)
    with files.hold_lock(lock, "working"):
        assert locked[-1] == lock.stat().st_ino
    assert len(locked) == 2


def test_where_there_are_no_locks_nobody_is_kept_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_file: object, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with files.hold_lock(tmp_path / ".lock", "working"):
        pass


# Space


def test_space_is_needed_for_what_comes_and_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=files.SPARE_BYTES + 1000))
    files.check_space(tmp_path / "not" / "yet", 1000, "The model", "Free some.")
    with pytest.raises(StorageError, match=r"The model needs 67\.1 MB, and 67\.1 MB are free") as caught:
        files.check_space(tmp_path / "not" / "yet", 1001, "The model", "Free some.")
    assert caught.value.hint == "Free some."


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (3_140, "3.1 kB"), (25_279_168, "25.3 MB"), (4.5e9, "4.5 GB")],
)
def test_sizes_are_written_for_people(count: float, words: str) -> None:
    assert files.format_size(int(count)) == words


# Hashes


def test_a_file_has_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(LARGE)
    assert files.hash_file(tmp_path / "large") == hashlib.sha256(LARGE).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 1000, len(LARGE), len(LARGE) + 1])
def test_a_part_of_a_file_is_hashed_from_where_it_stands(size: int) -> None:
    file = io.BytesIO(LARGE)
    file.seek(7)
    assert files.hash_stream(file, size) == hashlib.sha256(LARGE[7 : 7 + size]).hexdigest()
    assert file.tell() == min(7 + size, len(LARGE))


def test_hashing_tells_how_far_it_is_and_can_be_ended() -> None:
    told: list[tuple[int, int]] = []
    files.hash_stream(io.BytesIO(LARGE), len(LARGE), lambda *counts: told.append(counts))
    assert [total for _, total in told] == [len(LARGE)] * len(told)
    assert told[0][0] < told[-1][0] == len(LARGE)

    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.hash_stream(io.BytesIO(LARGE), len(LARGE), interrupt)
