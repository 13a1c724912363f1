"""Checks that a model's file is still what came in: its SHA-256 is recorded beside it and compared at every load.

    NAME.json     {"sha256", "bytes", "source", "seen": [size, time of change, …], "checked": seconds since 1970}

Hashing 4.7 GB takes 3 to 15 s, the time of a load. So a file whose size, inode and times are those of the last whole
check is loaded at once, while all of it is hashed in the background, which also brings it into memory; when the hash is
wrong, the worker is ended. A process that ends sooner leaves that to the next one, or to ``edge doctor --deep``. A file
that looks changed is hashed first. A model without a record gets one: it is trusted as found, which is all that can be
done.

Nothing is written beside bundled models: findings on those are kept under EDGE_HOME. Of an embedded one the
program's table of contents has the SHA-256; it is hashed before the first load of every copy. One
that lies beside the program may have a record with it; else it is trusted as found.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edge import files
from edge.embedded.bundled import find_place
from edge.embedded.findings import Findings
from edge.embedded.part import COPY_AGAIN, Stamp, locate, open_file, read_size, read_stamp
from edge.errors import EdgeError, EngineError, ModelError
from edge.files import Progress, ignore_progress

SUFFIX = ".json"
_NICE = 10
_REST = 4.0
"""Rests after every block, in times of what the block took: the check takes a fifth of a core. On two cores with other
work, the first token of a 7B model came 1.2 to 1.4 times as late as without a check; without rests, 1.9 times."""

INSIDE, BESIDE = "inside the program", "beside the program"
"""Sources of bundled models."""


class _Stopped(Exception):
    """A check in the background is not wanted any more."""


@dataclass(frozen=True, slots=True)
class Record:
    """The record of a file since it came in.

    ``source`` says where from; ``seen`` is how it looked when last hashed as a whole (at ``checked``), None when that
    hash was wrong or has never been taken of this file.
    """

    sha256: str
    bytes: int
    source: str = ""
    seen: Stamp | None = None
    checked: float = 0.0


def record_path(model: Path) -> Path:
    """Return where a model's record is."""
    return model.with_suffix(SUFFIX)


def read_record(model: Path, findings: Findings | None = None) -> Record | None:
    """Read the record of a model, unless there is none that can be read.

    Args:
        model: the file, or a part of the program.
        findings: on bundled models; None for none.
    """
    try:
        if find_place(model) == "installed":
            return _read(model)
        found = findings.find(model) if findings else None
        if inside := locate(model):
            known: Record | None = Record(inside.sha256, inside.size)
        else:
            known = _read(model) or (Record(found.sha256, read_stamp(model)[0]) if found else None)
    except OSError:
        return None
    if known is None:
        return None
    known = replace(known, source=INSIDE if inside else BESIDE, seen=None, checked=0.0)
    if found and found.sha256 == known.sha256:
        return replace(known, seen=found.seen, checked=found.time)
    return known


def _read(model: Path) -> Record | None:
    """Read the record that is beside a model."""
    try:
        values = json.loads(record_path(model).read_text(encoding="utf-8"))
        seen = values["seen"]
        record = Record(
            str(values["sha256"]), int(values["bytes"]), str(values["source"]),
            None if seen is None else tuple(int(number) for number in seen), float(values["checked"]),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return record if len(record.sha256) == 64 else None


def write_record(model: Path, record: Record) -> None:
    """Keep a record, atomically. Raises ``OSError`` as writing does."""
    files.write_atomically(record_path(model), json.dumps(asdict(record)).encode() + b"\n")


def hash_model(path: Path, progress: Progress = ignore_progress) -> str:
    """Return the SHA-256 of a model's file, or of a part of the program; raises as ``hash_file``."""
    with open_file(path) as file:
        return files.hash_stream(file, read_size(path), progress)


def verify(path: Path, progress: Progress = ignore_progress, findings: Findings | None = None) -> Record:
    """Hash a model and compare, keeping what was found.

    Raises:
        ModelError: it is not the file that came in.
        StorageError: it cannot be read.
    """
    with files.translate_os_errors(path):
        before = read_stamp(path)
        found = hash_model(path, progress)
        known = read_record(path, findings) or Record(found, before[0], "found on this device")
        if found != known.sha256:
            _keep(path, replace(known, seen=None), findings)
            raise make_damage_error(path, known)
        _keep(path, record := replace(known, seen=before, checked=time.time()), findings)
        return record


def make_damage_error(path: Path, record: Record) -> ModelError:
    """Make the error for a file that is not what came in."""
    if record.source == INSIDE:
        return ModelError(f"{path.name} inside {path.parent.name} is damaged.", COPY_AGAIN)
    if record.source == BESIDE:
        return ModelError(f"{path.name} beside the program is damaged.", f"Copy it again: {path}")
    ways = {"hf": f"`edge model pull {record.source}`", "sync": "`edge sync`"}
    again = ways.get(record.source.partition(":")[0], "`edge model add FILE`")
    return ModelError(
        f"{path.name} is damaged: its SHA-256 is not the one recorded when it came.",
        f"Its disk may be failing. Remove it with `edge model remove {path.stem}`, get it again with {again}.",
    )


class Guard:
    """Checks the files of a model, and of its adapters, at every load.

    Args:
        paths: the files.
        admit: called before each load; raises the reason why it cannot be now.
        findings: on bundled files.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        admit: Callable[[], object] | None = None,
        findings: Findings | None = None,
    ) -> None:
        self._paths, self._admit, self._findings = tuple(paths), admit, findings
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._rested = 0.0
        self._done = (0, 0)
        self._damaged: tuple[Path, Stamp] | None = None
        self.damage: ModelError | None = None
        """The damage, once one was found."""
        self.limit_s: float | None = None
        """Seconds that a load waits for files that must be hashed first; None: until they are."""

    def check_before_loading(self, alarm: Callable[[], None]) -> None:
        """Let a load begin: at once if the files look as they did, else after they were hashed.

        Args:
            alarm: called from another thread when a file turns out to be damaged after all.

        Raises:
            ModelError: one is damaged.
            StorageError: one cannot be read.
            EngineError: they are still being hashed after ``limit_s``.
        """
        if self.damage and self._damaged and self._damaged[1] == _try_stamp(self._damaged[0]):
            raise self.damage
        self.damage = self._damaged = None
        due = [path for path in self._paths if self._is_due(path)]
        if due:
            self._check_first(due)
        if self._admit:
            self._admit()
        self._begin([path for path in self._paths if path not in due], alarm)

    def wait(self, limit_s: float | None = None) -> bool:
        """Wait for the check in the background; return whether it has ended within so many seconds."""
        if self._thread:
            self._thread.join(limit_s)
        return self._thread is None or not self._thread.is_alive()

    def close(self) -> None:
        """End the check in the background, done or not."""
        self._stopped.set()
        self.wait(1.0)

    def _is_due(self, path: Path) -> bool:
        record = read_record(path, self._findings)
        return record is not None and _try_stamp(path) not in (None, record.seen)

    def _check_first(self, due: Sequence[Path]) -> None:
        """Hash files without rest, here or, if that is not waited for, in another thread."""
        if self.limit_s is None:
            for path in due:
                self._verify(path, self._count)
            return
        if self.wait(0):
            self._thread = threading.Thread(
                target=self._check_each, args=(due,), name="model check", daemon=True
            )
            self._thread.start()
        if not self.wait(self.limit_s):
            done, total = self._done
            raise EngineError(
                f"{due[0].name} is being checked, once for each copy: {100 * done // max(1, total)} % done.",
                "Ask again in a moment.",
            )
        if self.damage:
            raise self.damage

    def _check_each(self, due: Sequence[Path]) -> None:
        with suppress(EdgeError):  # damage is kept; what cannot be read, the load itself will tell
            for path in due:
                self._verify(path, self._count)

    def _begin(self, paths: Sequence[Path], alarm: Callable[[], None]) -> None:
        """Hash files in the background, unless that goes on already."""
        if paths and self.wait(0):
            self._thread = threading.Thread(
                target=self._check_all, args=(paths, alarm), name="model check", daemon=True
            )
            self._thread.start()

    def _check_all(self, paths: Sequence[Path], alarm: Callable[[], None]) -> None:
        if sys.platform == "linux":
            with suppress(OSError):  # of this thread alone: the first prompt goes first
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        for path in paths:
            try:
                self._verify(path, self._rest)
            except ModelError:
                alarm()
                return
            except EdgeError:  # unreadable just now: the load itself will tell
                return

    def _rest(self, _done: int, _total: int) -> None:
        self._stopped.wait(_REST * (time.perf_counter() - self._rested))
        self._rested = time.perf_counter()

    def _count(self, done: int, total: int) -> None:
        self._done = done, total

    def _verify(self, path: Path, progress: Progress) -> None:
        self._rested = time.perf_counter()

        def count(done: int, total: int) -> None:
            if self._stopped.is_set():
                raise _Stopped
            progress(done, total)

        try:
            verify(path, count, self._findings)
        except _Stopped:
            return
        except ModelError as error:
            self._damaged, self.damage = (path, _try_stamp(path) or ()), error
            raise


def _try_stamp(path: Path) -> Stamp | None:
    """Read a stamp; None for what cannot be read, which loading will say."""
    try:
        return read_stamp(path)
    except OSError:
        return None


def _keep(path: Path, record: Record, findings: Findings | None) -> None:
    with suppress(OSError):  # on a read-only disk nothing can be remembered, and nothing is lost
        if find_place(path) == "installed":
            write_record(path, record)
        elif findings and record.seen is None:
            findings.forget(path)
        elif findings and record.seen:
            findings.keep(path, record.sha256, record.seen)
