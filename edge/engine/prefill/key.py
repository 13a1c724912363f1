"""One digest of all that must be the same for a stored sequence state to be of use."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from edge.embedded.findings import Checked
from edge.engine.process.options import WorkerOptions
from edge.models.integrity import Seen, hash_model, look, read_record

FORMAT = 1
"""Raised when the prompt's tokens no longer say all that went into a state."""

QUICK_BYTES = 64 * 2**20
"""A file up to this size is read when its digest is not known. A larger one gets its record by the check at its load;
until then its states are left alone."""


def state_key(
    options: WorkerOptions, paths: Sequence[Path], checked: Checked | None = None
) -> Callable[[], bytes | None]:
    """Make the function that gives the key of a worker's states, None while it is not known. It raises ``OSError``.

    The chat template is a part of the model, and all of its work shows in the tokens.

    Args:
        options: how the worker runs.
        paths: of the model and its adapters.
        checked: what is remembered of models that came along.
    """

    def key() -> bytes | None:
        digests = [_digest(path, checked) for path in paths]
        if None in digests:
            return None
        scales = [scale for _, scale in options.loras]
        version = importlib.metadata.version("llama-cpp-python")
        parts = [FORMAT, version, options.kv_type, scales, digests]
        return hashlib.sha256(json.dumps(parts).encode()).digest()

    return key


def _digest(path: Path, checked: Checked | None) -> str | None:
    seen = look(path)
    record = read_record(path, checked)
    if record and record.seen == seen:
        return record.sha256
    return _hashed(path, seen) if seen[0] <= QUICK_BYTES else None


@lru_cache(maxsize=8)
def _hashed(path: Path, _seen: Seen) -> str | None:
    return hash_model(path)
