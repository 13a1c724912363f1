"""Rotation of keys, and erasure of a subject. Both leave a row in the log."""

from __future__ import annotations

import os
import time
import zlib

from edge import __version__
from edge.audit.entry import NewRow, make_commitment
from edge.audit.store import LogStore
from edge.audit.turn import Record, encode
from edge.errors import NotFoundError

DEVICE = ""
"""The subject of rows that are about the log itself."""


def rotate(store: LogStore) -> int:
    """Begin a new epoch for every subject, and seal all keys with a new master key; return how many keys there are."""
    append_record(store, {"kind": "rotate"})
    return store.keys.rotate(int(time.time()))


def erase(store: LogStore, name: str, before: int | None = None) -> int:
    """Erase what a subject asked; return how many of its keys that were.

    Args:
        name: who.
        before: only epochs that had ended by this time, in seconds since 1970.

    Raises:
        NotFoundError: the log knows nobody of this name.
    """
    names = store.keys.get_names()
    subject = next((subject for subject, known in names.items() if known == name and name != DEVICE), None)
    if subject is None:
        known = ", ".join(sorted(name for name in names.values() if name != DEVICE)) or "nobody"
        raise NotFoundError(f"The audit log knows no '{name}'.", f"It knows: {known}.")
    append_record(store, {"kind": "erase", "subject": subject.hex(), "before": before})
    return store.keys.erase(subject, before)


def append_record(store: LogStore, record: Record) -> int:
    """Write a row about the log itself, and return its number."""
    salt = os.urandom(16)
    payload = zlib.compress(encode({"v": 1, "edge": __version__, **record, "salt": salt.hex()}))
    now = time.time_ns() // 1_000_000
    return store.append([NewRow(DEVICE, now, make_commitment(salt, b""), payload)])[0]
