"""Models that came with the program, each with its kind, as far as its header tells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.embedded.bundled import BundledFile, Place, list_bundled
from edge.embedded.part import COPY_AGAIN, read_size
from edge.errors import EdgeError, ModelError
from edge.models import gguf


@dataclass(frozen=True, slots=True)
class BundledModel:
    """A model that is embedded in the program or beside it. ``error`` says why it cannot be used, in place of its
    ``kind``.
    """

    name: str
    path: Path
    place: Place
    bytes: int
    kind: gguf.Kind | None
    error: EdgeError | None = None

    @property
    def guess(self) -> gguf.Kind | None:
        """The probable kind of a damaged one: who asks for that kind is told of the damage."""
        return "language" if self.error else None


def list_bundled_models() -> tuple[BundledModel, ...]:
    """List them in the order of precedence.

    Raises:
        StorageError: the program is damaged.
    """
    return tuple(model for found in list_bundled("model") if (model := _read_model(found)))


def _read_model(found: BundledFile) -> BundledModel | None:
    """Read what a model is for; None when it has just gone."""
    try:
        size = read_size(found.path)
    except OSError:
        return None
    try:
        kind = gguf.read_header(found.path).kind
    except EdgeError as error:
        return BundledModel(found.path.stem, found.path, found.place, size, None, _explain(found, error))
    return BundledModel(found.path.stem, found.path, found.place, size, kind)


def _explain(found: BundledFile, error: EdgeError) -> EdgeError:
    if found.place == "inside":
        return ModelError(f"{found} is damaged.", COPY_AGAIN)
    return ModelError(f"{found} cannot be used: {error.message}", f"Copy it again: {found.path}")
