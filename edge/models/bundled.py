"""Models that came along with the program: what each is for, as far as its header tells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.embedded.found import Carried, Place, carried
from edge.embedded.part import COPY_AGAIN, size_of
from edge.errors import EdgeError, ModelError
from edge.models import gguf


@dataclass(frozen=True, slots=True)
class CarriedModel:
    """A model inside the program or beside it. ``error`` says why it cannot be used, in place of its ``kind``."""

    name: str
    path: Path
    place: Place
    bytes: int
    kind: gguf.Kind | None
    error: EdgeError | None = None

    @property
    def guess(self) -> gguf.Kind | None:
        """What a damaged one probably is; whoever asks for it is told of the damage."""
        return "language" if self.error else None


def carried_models() -> tuple[CarriedModel, ...]:
    """All of them, in the order in which they go.

    Raises:
        StorageError: the program is damaged.
    """
    return tuple(model for found in carried("model") if (model := _model(found)))


def _model(found: Carried) -> CarriedModel | None:
    """None when it has just gone."""
    try:
        size = size_of(found.path)
    except OSError:
        return None
    try:
        kind = gguf.read_header(found.path).kind
    except EdgeError as error:
        return CarriedModel(found.path.stem, found.path, found.place, size, None, _told(found, error))
    return CarriedModel(found.path.stem, found.path, found.place, size, kind)


def _told(found: Carried, error: EdgeError) -> EdgeError:
    if found.place == "inside":
        return ModelError(f"{found} is damaged.", COPY_AGAIN)
    return ModelError(f"{found} cannot be used: {error.message}", f"Copy it again: {found.path}")
