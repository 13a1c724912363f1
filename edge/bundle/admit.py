"""Checks models and packs before they go into a program; their contents tell them apart."""

from __future__ import annotations

from pathlib import Path

from edge import files
from edge.bundle.compose import Source
from edge.errors import NotFoundError, PackError, UsageError
from edge.models.checks import check_model
from edge.packs.pack import Pack
from edge.packs.verify import verify

_GGUF = b"GGUF"
_SUFFIX = ".gguf"


def admit(path: Path) -> Source:
    """Check a model or a pack that is to be embedded, and return it as a source. A pack gets the name that it calls
    itself.

    Raises:
        NotFoundError: there is no such file.
        UsageError: it is neither.
        ModelError: it is a model that is damaged, or that answers nothing, such as an adapter.
        PackError: it is a pack, and damaged.
        StorageError: it cannot be read.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no {path}.", "Name a model (GGUF) or a pack (.kpack).")
    with files.translate_os_errors(path), path.open("rb") as file:
        is_model = file.read(len(_GGUF)) == _GGUF
    if is_model:
        check_model(path)
        name = path.stem if path.suffix.lower() == _SUFFIX else path.name
        return Source("model", f"{name}{_SUFFIX}", path, 0, path.stat().st_size)
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
