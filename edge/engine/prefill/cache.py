"""Computed beginnings of prompts on disk, in ``EDGE_HOME/cache/prefill``: after a restart they need no computing.

The worker may write no file: a state passes through memory that both share, and the parent stores it. Nothing here is
needed for an answer, so whatever fails is a miss: a full disk, a read-only home, a damaged file, another process.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge import files
from edge.embedded.findings import Findings
from edge.engine.prefill import state_file
from edge.engine.prefill.key import make_state_key
from edge.engine.prefill.state_file import BadFile, Header
from edge.engine.process.frames import Frame
from edge.engine.process.options import WorkerOptions
from edge.errors import EdgeError

SUFFIX = ".kv"
LOCK = ".lock"
FULLEST_SHARE = 2
"""A state larger than the cache divided by this is not stored."""


class PrefillCache:
    """The states of one model, among those of others. Used by one thread at a time.

    Args:
        folder: where the files are; made when the first is written.
        limit: bytes that all files in it may take together.
        key: digest of all that must be the same for a state to be of use (model, adapters, types, versions); None
            while it is not known.
    """

    def __init__(self, folder: Path, limit: int, key: Callable[[], bytes | None]) -> None:
        self._folder, self._limit, self._key = folder, limit, key
        self._shared: mmap.mmap | None = None
        self.exchange: int | None = None
        """Descriptor of the shared memory, for the worker to inherit; None where there is no such thing."""
        with suppress(OSError, AttributeError, ValueError):  # memfd is Linux's
            self.exchange, self._shared = _make_shared_memory(limit // FULLEST_SHARE)

    def greet(self) -> Iterator[Frame]:
        """Yield frames that tell a new worker what there is, those used last first."""
        key = self._try(self._key)
        if key is None or self._shared is None:
            return
        for path in sorted(self._list_files(_make_prefix(key)), key=_read_used, reverse=True):
            if (header := self._read_header(path)) and header.key == key:
                yield {
                    "op": "stored",
                    "entries": [{"name": path.name, "tokens": _encode_tokens(header.tokens)}],
                }

    def answer(self, ask: Frame) -> Frame:
        """Answer the worker: ``{"save": {"tokens", "bytes"}}`` gets the entry's name, ``{"load": {"name"}}`` its bytes,
        which lie in the shared memory then. Anything else, and whatever fails, gets nothing.
        """
        match ask:
            case {"save": {"tokens": str(tokens), "bytes": int(size)}}:
                name = self._try(lambda: self._save(tokens, size))
                self._free()
                return {"name": name} if name else {}
            case {"load": {"name": str(name)}}:
                return {"bytes": self._try(lambda: self._load(name)) or 0}
        return {}

    def close(self) -> None:
        """Give back the shared memory. Closing twice is allowed."""
        shared, self._shared = self._shared, None
        if shared is not None:
            with suppress(BufferError):  # in use by a thread that is about to end
                shared.close()
        if self.exchange is not None:
            os.close(self.exchange)
            self.exchange = None

    def _save(self, text: str, size: int) -> str | None:
        key, tokens, shared = self._key(), base64.b64decode(text, validate=True), self._shared
        count, odd = divmod(len(tokens), state_file.TOKEN_BYTES)
        if key is None or shared is None or odd or not 0 < count <= state_file.MAX_TOKENS:
            return None
        if not 0 < size <= len(shared):
            return None
        with memoryview(shared) as memory, memory[:size] as state:
            header = Header(key, tokens, size, hashlib.sha256(state).digest())
            files.make_folder(self._folder)
            with files.hold_lock(self._folder / LOCK, "storing a prefill"):
                self._clear_away(header)
                return self._write(header, state)

    def _write(self, header: Header, state: memoryview) -> str:
        name = f"{_make_prefix(header.key)}{hashlib.sha256(header.tokens).hexdigest()[:32]}{SUFFIX}"
        with (
            files.replace_atomically(self._folder / name) as new,
            open(new, "wb", opener=_open_private) as file,
        ):
            state_file.write(file, header, state)
        return name

    def _clear_away(self, new: Header) -> None:
        """Make room: what was begun and not finished, what begins the new one, then what was not used for longest."""
        for path in self._folder.glob(files.UNFINISHED):
            files.delete(path)
        for path in self._list_files(_make_prefix(new.key)):
            header = self._read_header(path)
            if header and header.key == new.key and new.tokens.startswith(header.tokens):
                files.delete(path)
        paths = sorted(self._list_files(), key=_read_used, reverse=True)
        room = self._limit - new.total
        for path in paths:
            room -= _read_size(path)
            if room < 0:
                files.delete(path)

    def _load(self, name: str) -> int:
        path, key, shared = self._folder / name, self._key(), self._shared
        if key is None or shared is None or path.name != name or not name.startswith(_make_prefix(key)):
            return 0
        try:
            with path.open("rb") as file, memoryview(shared) as memory:
                header = state_file.read_header(file, os.fstat(file.fileno()).st_size)
                if header.key != key or header.size > len(memory):
                    return 0
                state_file.copy_state(file, header, memory)
        except BadFile:
            files.delete(path)
            return 0
        with suppress(OSError):
            os.utime(path)
        return header.size

    def _read_header(self, path: Path) -> Header | None:
        """Read the header of a file; one that has none is deleted."""
        try:
            with path.open("rb") as file:
                return state_file.read_header(file, os.fstat(file.fileno()).st_size)
        except BadFile:
            with suppress(OSError):
                files.delete(path)
        except OSError:
            pass
        return None

    def _list_files(self, prefix: str = "") -> list[Path]:
        return [path for path in self._folder.glob(f"{prefix}*{SUFFIX}") if path.is_file()]

    def _free(self) -> None:
        if self._shared is not None:
            with suppress(OSError, ValueError, AttributeError):
                self._shared.madvise(mmap.MADV_REMOVE)

    def _try(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except (OSError, EdgeError, ValueError):
            return None


def _make_shared_memory(size: int) -> tuple[int, mmap.mmap]:
    """Make memory of a fixed size, none of it taken yet. Nobody can shorten it: touching it then would be fatal."""
    descriptor = os.memfd_create("edge-prefill", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, size)
        fcntl.fcntl(
            descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        )
        return descriptor, mmap.mmap(descriptor, size)
    except BaseException:
        os.close(descriptor)
        raise


def _open_private(path: str, flags: int) -> int:
    """Open a file for its owner alone: questions can be read out of a state."""
    return os.open(path, flags, 0o600)


def _make_prefix(key: bytes) -> str:
    return f"{key.hex()[:16]}-"


def _encode_tokens(tokens: bytes) -> str:
    return base64.b64encode(tokens).decode("ascii")


def _read_used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _read_size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def open_cache(
    folder: Path,
    megabytes: int,
    options: WorkerOptions,
    paths: Sequence[Path] | None = None,
    findings: Findings | None = None,
) -> PrefillCache | None:
    """Open the cache for a worker; None where there is to be none, or can be none.

    Args:
        folder: see `PrefillCache`.
        megabytes: the most it may hold; 0 for no cache.
        options: how the worker runs.
        paths: of its model and adapters, where these are known by other names.
        findings: on bundled models.
    """
    if not megabytes:
        return None
    files_of = paths or (options.model, *(path for path, _ in options.loras))
    cache = PrefillCache(folder, megabytes * 2**20, make_state_key(options, files_of, findings))
    return cache if cache.exchange is not None else None
