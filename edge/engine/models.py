"""Language models on this device: copied into ``EDGE_HOME/models``, one of them in use.

A model is there whole or not at all: it is copied beside its place, flushed and renamed. Loading is the engine's.
"""

from __future__ import annotations

import errno
import fcntl
import filecmp
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edge.config import Settings
from edge.engine import gguf
from edge.errors import BusyError, ModelError, NotFoundError, StorageError, UsageError
from edge.packs.files import make_folder
from edge.text.sizes import size

SUFFIX = ".gguf"
PARTIAL = ".partial"
SPARE_BYTES = 64 * 2**20
"""Disk space left free beside a model."""

_BLOCK = 8 * 2**20
_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file, where the file system can

_EMBEDDING = ("bert", "embed", "t5encoder")  # parts of the names of architectures that write no text

Progress = Callable[[int, int], None]
"""Called with the bytes done and all bytes."""


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A language model that can be used."""

    name: str
    path: Path
    bytes: int
    active: bool


class ModelStore:
    """The models of one ``EDGE_HOME``. Nothing is created before the first model is added."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.models_dir
        self._pointer = self._folder / "active"

    def list(self) -> tuple[InstalledModel, ...]:
        """All models by name."""
        active = self._active_name()
        files = sorted(self._folder.glob(f"*{SUFFIX}"))
        return tuple(
            InstalledModel(f.stem, f, f.stat().st_size, f.stem == active) for f in files if f.is_file()
        )

    def active(self) -> Path | None:
        """The model to answer with, if there is one."""
        name = self._active_name()
        path = self._folder / f"{name}{SUFFIX}"
        return path if name and path.is_file() else None

    def require_active(self) -> Path:
        """The model to answer with.

        Raises:
            NotFoundError: none is in use.
        """
        if path := self.active():
            return path
        raise NotFoundError("No language model is in use.", "Add one with `edge model add FILE.gguf`.")

    def add(
        self, source: Path, progress: Progress = lambda done, total: None, *, replace: bool = False
    ) -> InstalledModel:
        """Copy a GGUF in; the first one is used from then on. Adding the same file again changes nothing.

        With ``replace`` it takes the place of another model of its name.

        Raises:
            NotFoundError: there is no such file.
            ModelError: it is not a whole GGUF of a language model.
            UsageError: another model has this name.
            StorageError: no space, or not writable.
            BusyError: another process is changing the models.
        """
        check_language_model(source)
        path = self._folder / f"{_safe_name(source.stem)}{SUFFIX}"
        with self._changing():
            if replace or not path.exists():
                self._copy(source, path, progress)
            elif not filecmp.cmp(source, path, shallow=False):
                hint = f"Remove it with `edge model remove {path.stem}`, or rename the file."
                raise UsageError(f"Another model named {path.stem} is installed.", hint)
            if self.active() is None:
                self._point_to(path.stem)
        return self._get(path.stem)

    def use(self, name: str) -> InstalledModel:
        """Answer with this model from now on.

        Raises:
            NotFoundError: it is not installed.
            StorageError, BusyError: as `add`.
        """
        self._get(name)
        with self._changing():
            self._point_to(name)
        return self._get(name)

    def remove(self, name: str) -> None:
        """Delete a model. If it was in use, none is until another is chosen.

        Raises:
            NotFoundError: it is not installed.
            StorageError, BusyError: as `add`.
        """
        model = self._get(name)
        with self._changing():
            if model.active:
                self._pointer.unlink(missing_ok=True)
            model.path.unlink(missing_ok=True)

    def _get(self, name: str) -> InstalledModel:
        models = {model.name: model for model in self.list()}
        if name not in models:
            hint = (
                f"Installed: {', '.join(models)}." if models else "Add one with `edge model add FILE.gguf`."
            )
            raise NotFoundError(f"There is no model named {name}.", hint)
        return models[name]

    def _active_name(self) -> str:
        try:
            return self._pointer.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def _point_to(self, name: str) -> None:
        partial = self._pointer.with_suffix(PARTIAL)
        with partial.open("wb") as file:
            file.write(name.encode("utf-8") + b"\n")
            _publish(file, partial, self._pointer)

    def _copy(self, source: Path, path: Path, progress: Progress) -> None:
        needed = source.stat().st_size
        free = shutil.disk_usage(self._folder).free
        if free < needed + SPARE_BYTES:
            raise StorageError(
                f"{source.name} needs {size(needed + SPARE_BYTES)}, and {size(free)} are free.",
                "Free some space, or set EDGE_HOME to another disk.",
            )
        partial = path.with_suffix(PARTIAL)
        try:
            with source.open("rb") as old, partial.open("wb") as new:
                _copy_blocks(old, new, needed, progress)
                _publish(new, partial, path)
        finally:
            partial.unlink(missing_ok=True)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Only one process changes the folder; what an interrupted one left is cleared away."""
        try:
            make_folder(self._folder)
            with (self._folder / ".lock").open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for left in self._folder.glob(f"*{PARTIAL}"):
                    left.unlink(missing_ok=True)
                yield
        except BlockingIOError as error:
            raise BusyError(
                "Another process is changing the models.", "Wait until it has finished."
            ) from error
        except OSError as error:
            raise _storage_error(error, self._folder) from error


def check_language_model(path: Path) -> gguf.Header:
    """The header of a GGUF that can write text.

    Raises:
        NotFoundError, StorageError: it cannot be read.
        ModelError: it is damaged, or some other kind of model.
    """
    header = gguf.read_header(path)
    kind = header.metadata.get("general.type", "model")
    architecture = header.architecture
    if not architecture or not header.tensors:
        raise ModelError(f"{path.name} holds no weights.", "Get the file of the model itself.")
    if header.metadata.get("split.count", 1) not in (0, 1):
        raise ModelError(
            f"{path.name} is one part of several.", "Join them first: `llama-gguf-split --merge`."
        )
    if kind != "model" or architecture == "clip":
        raise ModelError(
            f"{path.name} goes with a model and is none itself ({kind}, {architecture}).",
            "Get the model it belongs to.",
        )
    if any(part in architecture for part in _EMBEDDING) or header.metadata.get(
        f"{architecture}.pooling_type"
    ):
        raise ModelError(
            f"{path.name} ({architecture}) is an embedder and writes no text.",
            "Use a chat model; an embedder goes into the setting 'embedder'.",
        )
    return header


def _safe_name(stem: str) -> str:
    """A name that is easy to type: letters, digits, dot, dash and underscore."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.") or "model"


def _copy_blocks(old: BinaryIO, new: BinaryIO, total: int, progress: Progress) -> None:
    with suppress(OSError):
        fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
        progress(total, total)
        return
    done = 0
    while block := old.read(_BLOCK):
        new.write(block)
        done += len(block)
        progress(done, total)


def _publish(file: BinaryIO, partial: Path, path: Path) -> None:
    """Give a written file its name, so that even a power cut leaves it whole or absent."""
    file.flush()
    os.fsync(file.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _storage_error(error: OSError, folder: Path) -> StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError("The disk is full.", "Free some space, or set EDGE_HOME to another disk.")
    return StorageError(
        f"{folder} cannot be changed: {error.strerror}.", "Check its permissions, or set EDGE_HOME."
    )
