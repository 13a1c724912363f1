"""What came along with the program, to be used where it is: parts inside it, and files beside it, as on a stick.

What the user installed goes first, then what lies beside, then what is inside.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.embedded.part import locate, own_parts

BESIDE = "EDGE_BESIDE"
"""Variable that names the folder whose models and packs are used in place."""

Place = Literal["installed", "beside", "inside"]

_SUFFIXES = {"model": ".gguf", "pack": ".kpack"}


@dataclass(frozen=True, slots=True)
class Carried:
    """A model or a pack that came along."""

    path: Path
    place: Place

    def __str__(self) -> str:
        """For instance ``pumps.kpack inside edge``."""
        return f"{self.path.name} {self.place} {self.path.parent.name if self.place == 'inside' else 'the program'}"


def carried(kind: Literal["model", "pack"], environ: Mapping[str, str] = os.environ) -> tuple[Carried, ...]:
    """All models, or all packs, in the order in which they go. A folder that cannot be read holds none.

    Raises:
        StorageError: the program is damaged.
    """
    inside = tuple(Carried(path, "inside") for path in own_parts(kind, environ))
    return (*(Carried(path, "beside") for path in _beside(_SUFFIXES[kind], environ)), *inside)


def place_of(path: Path, environ: Mapping[str, str] = os.environ) -> Place:
    """Where a model or a pack is.

    Raises:
        OSError: as `locate` does.
    """
    if environ.get(BESIDE) and path.parent == Path(environ[BESIDE]):
        return "beside"
    return "inside" if locate(path) else "installed"


def _beside(suffix: str, environ: Mapping[str, str]) -> list[Path]:
    """Hidden files are left out: other systems write some of the same endings onto sticks."""
    if not environ.get(BESIDE):
        return []
    try:
        entries = sorted(Path(environ[BESIDE]).iterdir())
    except OSError:
        return []
    return [e for e in entries if e.suffix.lower() == suffix and e.name[0] != "." and e.is_file()]
