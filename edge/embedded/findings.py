"""Bundled files that were read as a whole and found undamaged, so that each copy is read so only once.

``EDGE_HOME/cache/checked.json`` can be deleted at any time. Where it cannot be written, nothing outlives the process.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from edge import files
from edge.embedded.part import Stamp, read_stamp

_MOST = 64
"""Findings that are kept; the oldest go."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The SHA-256 of a file that looked so, and when it was taken (seconds since 1970)."""

    sha256: str
    seen: Stamp
    time: float


class Findings:
    """Findings in one file. Open it with `open_findings`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._here: dict[str, Finding] = {}

    def find(self, path: Path) -> Finding | None:
        """Return what was found of a file, if it looks now as it did then."""
        found = self._here.get(str(path)) or self._read().get(str(path))
        try:
            return found if found and found.seen == read_stamp(path) else None
        except OSError:
            return None

    def keep(self, path: Path, sha256: str, seen: Stamp) -> None:
        """Remember that a file, looking as it did before it was read, has this SHA-256."""
        self._here[str(path)] = finding = Finding(sha256, seen, time.time())
        self._write(self._read() | {str(path): finding})

    def forget(self, path: Path) -> None:
        """Remember nothing of a file."""
        self._here.pop(str(path), None)
        findings = self._read()
        if findings.pop(str(path), None):
            self._write(findings)

    def _read(self) -> dict[str, Finding]:
        try:
            values = json.loads(self._file.read_text(encoding="utf-8"))
            return {
                name: Finding(str(v["sha256"]), tuple(int(n) for n in v["seen"]), float(v["time"]))
                for name, v in values.items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {}

    def _write(self, findings: dict[str, Finding]) -> None:
        latest = sorted(findings.items(), key=lambda item: item[1].time)[-_MOST:]
        with suppress(OSError, ValueError):  # nothing is lost but the time of another check
            files.make_folder(self._file.parent)
            files.write_atomically(self._file, json.dumps({name: asdict(f) for name, f in latest}).encode())


@cache
def open_findings(home: Path) -> Findings:
    """Return the findings that are kept under an ``EDGE_HOME``."""
    return Findings(home / "cache" / "checked.json")
