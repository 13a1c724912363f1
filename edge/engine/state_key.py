"""What must be the same for a stored sequence state to be of use, as one digest.

Digests of model files are remembered beside the states, since reading 5 GB takes long: a file that has the size, times
and inode of before is the same.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from edge.engine.options import WorkerOptions
from edge.errors import EdgeError
from edge.inside.part import locate
from edge.packs import files

FORMAT = 1
"""Raised when the prompt's tokens no longer say all that went into a state."""

QUICK_BYTES = 64 * 2**20
"""A file up to this size is read at once, a larger one only when there is time."""


class FileDigests:
    """SHA-256 of files, remembered in ``record``.

    Args:
        record: a JSON file; made when first needed.
    """

    def __init__(self, record: Path) -> None:
        self._record = record

    def of(self, path: Path, wait: bool) -> str | None:
        """The digest of a file; None when it is not known and ``wait`` is false. Raises ``OSError`` as reading does."""
        if inside := locate(path):
            return inside.sha256
        status = path.stat()
        mark = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        known = self._read()
        if (found := known.get(str(path))) and found[:-1] == mark:
            return str(found[-1])
        if not wait and status.st_size > QUICK_BYTES:
            return None
        digest = files.sha256_of(path)
        with suppress(OSError, EdgeError):
            files.make_folder(self._record.parent)
            there = {name: mark for name, mark in known.items() if os.path.exists(name)}
            files.write_atomically(self._record, json.dumps({**there, str(path): [*mark, digest]}).encode())
        return digest

    def _read(self) -> dict[str, list[object]]:
        try:
            values = json.loads(self._record.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(values, dict):
            return {}
        return {str(name): mark for name, mark in values.items() if isinstance(mark, list) and len(mark) == 5}


def state_key(options: WorkerOptions, digests: FileDigests) -> Callable[[bool], bytes | None]:
    """A function that gives the key of a worker's states; see `FileDigests.of` for its argument.

    The chat template is a part of the model file, and all of its work shows in the tokens.
    """

    def key(wait: bool) -> bytes | None:
        models = [digests.of(path, wait) for path in (options.model, *(path for path, _ in options.loras))]
        if None in models:
            return None
        scales = [scale for _, scale in options.loras]
        version = importlib.metadata.version("llama-cpp-python")
        parts = [FORMAT, version, options.kv_type, scales, models]
        return hashlib.sha256(json.dumps(parts).encode()).digest()

    return key
