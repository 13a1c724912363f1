"""``edge model add``: a GGUF from this machine or a stick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A GGUF file: a model or a LoRA adapter. It is copied.")
    ],
) -> None:
    """Copy a language model in. The first one is used from then on.

    The SHA-256 of its file is recorded, and checked whenever it is loaded.
    """
    from edge.cli.model.shown import shown
    from edge.cli.progress import progress
    from edge.cli.screen import Screen
    from edge.config import load_settings
    from edge.models.store import ModelStore

    with progress() as report:
        model = ModelStore(load_settings()).add(
            path, lambda done, total: report("copy", path.name, done >> 20, total >> 20)
        )
    Screen().write(shown(model))
