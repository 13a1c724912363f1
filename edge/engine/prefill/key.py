"""One digest of all that must be the same for a stored sequence state to be of use."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from edge.embedded.findings import Findings
from edge.embedded.part import Stamp, read_stamp
from edge.engine.process.options import WorkerOptions
from edge.models.integrity import hash_model, read_record

FORMAT = 1
"""Raised when the prompt's tokens no longer say all that went into a state."""

QUICK_BYTES = 64 * 2**20
"""A file up to this size is read when its digest is not known. A larger one gets its record by the check at its load;
until then its states are left alone."""


def make_state_key(
    options: WorkerOptions, paths: Sequence[Path], findings: Findings | None = None
) -> Callable[[], bytes | None]:
    """Make the function that gives the key of a worker's states, None while it is not known. It raises ``OSError``.

    The chat template is a part of the model, and all of its work shows in the tokens.

    Args:
        options: how the worker runs.
        paths: of the model and its adapters.
        findings: on bundled models.
    """

    def compute_key() -> bytes | None:
        digests = [_find_digest(path, findings) for path in paths]
        if None in digests:
            return None
        scales = [scale for _, scale in options.loras]
        version = importlib.metadata.version("llama-cpp-python")
        parts = [FORMAT, version, options.kv_type, scales, digests]
        return hashlib.sha256(json.dumps(parts).encode()).digest()

    return compute_key


def _find_digest(path: Path, findings: Findings | None) -> str | None:
    seen = read_stamp(path)
    record = read_record(path, findings)
    if record and record.seen == seen:
        return record.sha256
    return _hash_small(path, seen) if seen[0] <= QUICK_BYTES else None


@lru_cache(maxsize=8)
def _hash_small(path: Path, _seen: Stamp) -> str | None:
    return hash_model(path)
