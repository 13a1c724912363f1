"""Reads how the one-file program was built and what it contains. Its build writes both beside the code."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from edge.errors import NotFoundError

_FOLDER = Path(__file__).parent


def read_build_facts(folder: Path = _FOLDER) -> dict[str, str]:
    """Read commit, date, platform and versions by name; empty where edge was not built as one file."""
    with suppress(OSError, ValueError):
        facts = json.loads((folder / "build.json").read_text(encoding="utf-8"))
        return {str(name): str(value) for name, value in facts.items()}
    return {}


def read_licences(folder: Path = _FOLDER) -> str:
    """Read the licences of everything that the one-file program contains.

    Raises:
        NotFoundError: this is no one-file program.
    """
    try:
        return (folder / "licenses.txt").read_text(encoding="utf-8")
    except OSError as error:
        raise NotFoundError(
            "This edge contains nothing but itself: its packages are installed beside it, with their licences.",
            "edge itself is under Apache-2.0; ask for the rest with pip: pip show --files NAME",
        ) from error
