"""``edge pack install``: verify a pack and put it in use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .kpack file; it is copied.")],
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Accept a pack that nobody signed.")] = False,
    allow_downgrade: Annotated[
        bool, typer.Option("--allow-downgrade", help="Accept an older version than the one in use.")
    ] = False,
) -> None:
    """Verify a pack and put it in use.

    The version in use until now is kept for 'edge pack rollback'. An unsigned pack is marked as such wherever it
    appears.
    """
    from edge.cli.pack.report import installed
    from edge.config import load_settings
    from edge.packs.store import PackStore

    store = PackStore(load_settings())
    installed(store.install(file, allow_unsigned=unsigned, allow_downgrade=allow_downgrade))
