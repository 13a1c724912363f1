from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config import Settings
from edge.errors import CarrierError, NotFoundError, StorageError, TrustError
from edge.sync.carriers.folder import FolderCarrier
from edge.sync.carriers.https import HttpsCarrier
from edge.sync.carriers.interface import Carrier
from edge.sync.payload import MAX_ATTEMPTS, Staging
from edge.sync.targets import Target
from tests.faults import fail, limit_file_size
from tests.sync import mirror as ways
from tests.sync.mirror import Mirror, serve

DATA = os.urandom(2_000_000)
TARGET = Target("packs/pumps.kpack", len(DATA), hashlib.sha256(DATA).hexdigest(), "pack", "pumps", "1.0")


def ignore_progress(done: int, total: int) -> None:
    pass


class Scripted:
    """A carrier whose every answer is written down: bytes to hand over, then perhaps an error."""

    name, removable = "scripted", False

    def __init__(self, *answers: tuple[bytes | None, Exception | None]) -> None:
        self.answers = list(answers)
        self.asked: list[int] = []

    def read_metadata(self, name: str, limit: int) -> bytes:
        raise NotFoundError(name)

    def read_payload(self, path: str, start: int, length: int) -> Generator[bytes, None, None]:
        self.asked.append(start)
        data, error = self.answers.pop(0) if self.answers else (None, None)
        data = DATA[start:] if data is None else data
        for i in range(0, len(data), 50_000):
            yield data[i : i + 50_000]
        if error:
            raise error

    def close(self) -> None:
        pass


CUT = CarrierError("scripted: cut.", "Again.")


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    return Staging(tmp_path / "staging")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "repository" / "targets" / TARGET.file
    path.parent.mkdir(parents=True)
    path.write_bytes(DATA)
    return tmp_path / "repository"


@pytest.fixture
def mirror(repository: Path) -> Iterator[Mirror]:
    with serve(repository) as served:
        yield served


@pytest.fixture
def https(mirror: Mirror) -> Iterator[Carrier]:
    with closing(HttpsCarrier(mirror.address, Settings(home=mirror.folder))) as opened:
        yield opened


def test_a_file_comes_whole_and_tells_how_far_it_is(staging: Staging, repository: Path) -> None:
    told: list[tuple[int, int]] = []
    path = staging.fetch(FolderCarrier(repository), TARGET, lambda *far: told.append(far))
    assert path == staging.folder / TARGET.sha256 / "pumps.kpack"
    assert path.read_bytes() == DATA
    assert staging.moved == len(DATA)
    assert told[0] == (0, len(DATA))
    assert told[-1] == (len(DATA), len(DATA))
    assert sorted(told) == told


def test_what_is_there_already_is_not_fetched_again(staging: Staging, repository: Path) -> None:
    staging.fetch(FolderCarrier(repository), TARGET, ignore_progress)
    scripted = Scripted()
    staging.fetch(scripted, TARGET, ignore_progress)
    assert scripted.asked == []


def test_twenty_cuts_cost_next_to_nothing(staging: Staging, mirror: Mirror, https: Carrier) -> None:
    mirror.ways["pumps"] = ways.cut_after(len(DATA) // 21, times=20)
    assert staging.fetch(https, TARGET, ignore_progress).read_bytes() == DATA
    assert len(mirror.asked) == 21
    assert mirror.sent <= 1.2 * len(DATA)
    print(f"sent {mirror.sent / len(DATA):.4f} x the payload after 20 cuts")


def test_twenty_interruptions_cost_next_to_nothing(staging: Staging, mirror: Mirror, https: Carrier) -> None:
    """Ctrl-C in the middle of a block; the next run resumes."""
    stops = iter(range(1, 21))
    stop = [next(stops) * len(DATA) // 22]

    def interrupt(done: int, total: int) -> None:
        if done >= stop[0]:
            stop[0] = next(stops, 1000) * len(DATA) // 22
            raise KeyboardInterrupt

    runs = 0
    while True:
        runs += 1
        try:
            path = staging.fetch(https, TARGET, interrupt)
            break
        except KeyboardInterrupt:
            continue
    assert path.read_bytes() == DATA
    assert runs == 21
    assert staging.moved <= 1.2 * len(DATA)


def test_a_source_that_brings_nothing_is_left(staging: Staging) -> None:
    scripted = Scripted((DATA[:100_000], CUT), (b"", CUT))
    with pytest.raises(CarrierError):
        staging.fetch(scripted, TARGET, ignore_progress)
    assert scripted.asked == [0, 100_000]
    assert staging.locate(TARGET).read_bytes() == DATA[:100_000]


def test_a_source_that_brings_a_byte_at_a_time_is_left_in_the_end(staging: Staging) -> None:
    scripted = Scripted(*[(b"x", CUT)] * 1000)
    with pytest.raises(CarrierError):
        staging.fetch(scripted, TARGET, ignore_progress)
    assert len(scripted.asked) == MAX_ATTEMPTS


def test_another_source_goes_on_where_one_stopped(staging: Staging, repository: Path) -> None:
    with pytest.raises(CarrierError):
        staging.fetch(Scripted((DATA[:1_500_000], CUT), (b"", CUT)), TARGET, ignore_progress)
    staging.moved = 0
    staging.fetch(FolderCarrier(repository), TARGET, ignore_progress)
    assert staging.moved == 500_000


def test_a_lie_of_one_source_does_not_spoil_the_next(staging: Staging, repository: Path) -> None:
    with pytest.raises(CarrierError):
        staging.fetch(Scripted((b"?" * 1_500_000, CUT), (b"", CUT)), TARGET, ignore_progress)
    assert staging.fetch(FolderCarrier(repository), TARGET, ignore_progress).read_bytes() == DATA


def test_what_was_not_signed_is_refused_and_not_kept(staging: Staging) -> None:
    with pytest.raises(
        TrustError, match=r"scripted: packs/pumps\.kpack is not the file that was signed"
    ) as error:
        staging.fetch(Scripted((b"?" * len(DATA), None)), TARGET, ignore_progress)
    assert "another source" in error.value.hint
    assert list(staging.folder.iterdir()) == []


def test_a_part_longer_than_the_target_is_thrown_away(staging: Staging, repository: Path) -> None:
    path = staging.locate(TARGET)
    path.parent.mkdir()
    path.write_bytes(b"x" * (len(DATA) + 1))
    assert staging.fetch(FolderCarrier(repository), TARGET, ignore_progress).read_bytes() == DATA


def test_a_short_answer_is_an_error_and_kept(staging: Staging) -> None:
    with pytest.raises(CarrierError, match=r"ended at 1\.0 MB of 2\.0 MB"):
        staging.fetch(Scripted((DATA[:1_000_000], None), (b"", None)), TARGET, ignore_progress)
    assert staging.locate(TARGET).stat().st_size == 1_000_000


def test_an_empty_target_is_a_file(staging: Staging) -> None:
    empty = Target("policy/config.toml", 0, hashlib.sha256(b"").hexdigest(), "policy")
    assert staging.fetch(Scripted(), empty, ignore_progress).read_bytes() == b""


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 900_000), st.booleans()), max_size=6))
def test_whatever_a_source_sends_only_what_was_signed_comes_out(
    tmp_path_factory: pytest.TempPathFactory, answers: list[tuple[int, bool]]
) -> None:
    staging = Staging(tmp_path_factory.mktemp("staging"))
    at, script = 0, []
    for length, honest in answers:
        script.append((DATA[at : at + length] if honest else b"?" * length, CUT))
        at = min(at + length, len(DATA))
    try:
        path = staging.fetch(Scripted(*script), TARGET, ignore_progress)
    except (CarrierError, TrustError):
        return
    assert path.read_bytes() == DATA


# Disks


def test_space_is_checked_before_anything_is_asked_for(
    staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted = Scripted()
    for free, beside in ((60 << 20, 0), (70 << 20, 10 << 20)):
        usage: Any = shutil._ntuple_diskusage(1 << 40, 1 << 40, free)  # type: ignore[attr-defined]
        monkeypatch.setattr(shutil, "disk_usage", lambda path, usage=usage: usage)
        with pytest.raises(StorageError, match=r"needs \d+\.?\d* MB, and \d+\.?\d* MB are free") as error:
            staging.fetch(scripted, TARGET, ignore_progress, beside)
        assert "edge pack remove" in error.value.hint
    assert scripted.asked == []


def test_a_write_that_fails_keeps_what_came(staging: Staging, repository: Path) -> None:
    with limit_file_size(1_500_000), pytest.raises(StorageError, match="does not take files this large"):
        staging.fetch(FolderCarrier(repository), TARGET, ignore_progress)
    assert 1_000_000 <= staging.locate(TARGET).stat().st_size <= 1_500_000
    assert staging.fetch(FolderCarrier(repository), TARGET, ignore_progress).read_bytes() == DATA


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", ["mkdir", "fsync"])
def test_every_failing_call_is_a_clear_error(
    staging: Staging, repository: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    for number in range(20):
        with monkeypatch.context() as patch, suppress(StorageError):
            fail(patch, call, code, number)
            path = staging.fetch(FolderCarrier(repository), TARGET, ignore_progress)
            break
    assert path.read_bytes() == DATA


def test_what_nobody_wants_any_more_is_cleared_away(staging: Staging, repository: Path) -> None:
    staging.fetch(FolderCarrier(repository), TARGET, ignore_progress)
    (staging.folder / ("0" * 64)).mkdir()
    (staging.folder / "stray").write_bytes(b"")
    staging.keep_only([TARGET])
    assert [entry.name for entry in staging.folder.iterdir()] == [TARGET.sha256]
    staging.discard(TARGET)
    assert list(staging.folder.iterdir()) == []
