"""Bundled files: models and packs that came with the program and are used where they are, embedded in it or beside it.

Of one name, what the user installed goes first, then what lies beside the program, then what is embedded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.embedded.part import list_own_parts, locate

BESIDE = "EDGE_BESIDE"
"""Variable that names the folder whose models and packs are used in place."""

Place = Literal["installed", "beside", "inside"]

_SUFFIXES = {"model": ".gguf", "pack": ".kpack"}


@dataclass(frozen=True, slots=True)
class BundledFile:
    """A bundled model or pack."""

    path: Path
    place: Place

    def __str__(self) -> str:
        """Write it for people: ``pumps.kpack inside edge``."""
        return f"{self.path.name} {self.place} {self.path.parent.name if self.place == 'inside' else 'the program'}"


def list_bundled(
    kind: Literal["model", "pack"], environ: Mapping[str, str] = os.environ
) -> tuple[BundledFile, ...]:
    """List all models, or all packs, in the order of precedence. A folder that cannot be read holds none.

    Raises:
        StorageError: the program is damaged.
    """
    inside = tuple(BundledFile(path, "inside") for path in list_own_parts(kind, environ))
    return (*(BundledFile(path, "beside") for path in _list_beside(_SUFFIXES[kind], environ)), *inside)


def find_place(path: Path, environ: Mapping[str, str] = os.environ) -> Place:
    """Find out where a model or a pack is.

    Raises:
        OSError: as `locate` does.
    """
    if environ.get(BESIDE) and path.parent == Path(environ[BESIDE]):
        return "beside"
    return "inside" if locate(path) else "installed"


def _list_beside(suffix: str, environ: Mapping[str, str]) -> list[Path]:
    """List files beside the program, without hidden ones: other systems write some of these endings onto sticks."""
    if not environ.get(BESIDE):
        return []
    try:
        entries = sorted(Path(environ[BESIDE]).iterdir())
    except OSError:
        return []
    return [e for e in entries if e.suffix.lower() == suffix and e.name[0] != "." and e.is_file()]
