"""What ``FILE|NAME`` means: a .kpack file, or a pack that is installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.packs.pack import Pack


def open_pack(target: str) -> Pack:
    """Open a pack by its file or its name.

    Raises:
        NotFoundError: there is neither.
        PackError: it is damaged.
    """
    from edge.config import load_settings
    from edge.packs.pack import Pack
    from edge.packs.store import PackStore

    path = Path(target)
    if path.suffix == ".kpack" or path.is_file():
        return Pack.open(path)
    return PackStore(load_settings()).open(target)
