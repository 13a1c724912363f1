"""What may go into a program: models and packs, told apart by their contents and checked before."""

from __future__ import annotations

from pathlib import Path

from edge.bundle.compose import Source
from edge.errors import NotFoundError, PackError, UsageError
from edge.packs import files
from edge.packs.pack import Pack
from edge.packs.verify import verify

_GGUF = b"GGUF"


def admit(path: Path) -> Source:
    """A model or a pack, to be put inside. A pack gets the name that it calls itself.

    Raises:
        NotFoundError: there is no such file.
        UsageError: it is neither.
        PackError: it is a pack, and damaged.
        StorageError: it cannot be read.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no {path}.", "Name a model (GGUF) or a pack (.kpack).")
    with files.storage_errors(path), path.open("rb") as file:
        if file.read(len(_GGUF)) == _GGUF:
            return Source.file("model", path)
    try:
        verify(path)
        with Pack.open(path) as pack:
            return Source("pack", f"{pack.manifest.name}.kpack", path, 0, pack.size)
    except PackError as error:
        if path.suffix == ".kpack":
            raise
        raise UsageError(
            f"{path.name} is neither a model nor a pack.", "Name a GGUF or a .kpack file."
        ) from error
