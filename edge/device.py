"""The name and the time of this device in records that travel.

The name is random, made once, and kept in ``EDGE_HOME/device-id``.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

from edge import files

FILE = "device-id"
_ID = re.compile(r"[0-9a-f]{16}")


def read_device_id(home: Path) -> str:
    """Return the name of this device, made if there is none.

    Raises:
        StorageError: it can neither be read nor made.
    """
    path = home / FILE
    with files.translate_os_errors(path):
        if (found := _read(path)) is None:
            files.make_folder(home)
            with files.hold_lock(home / f".{FILE}.lock", "naming this device"):
                if (found := _read(path)) is None:
                    found = secrets.token_hex(8)
                    files.write_atomically(path, found.encode() + b"\n")
        return found


def read_clock() -> str:
    """Return the time in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read(path: Path) -> str | None:
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return None
    return text if _ID.fullmatch(text) else None
