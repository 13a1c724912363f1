"""``edge model add``: a GGUF from this machine or a stick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(path: Annotated[Path, typer.Argument(metavar="PATH", help="A GGUF file; it is copied.")]) -> None:
    """Copy a language model in. The first one is used from then on."""
    from edge.cli.progress import progress
    from edge.cli.screen import Screen
    from edge.config import load_settings
    from edge.engine.models import ModelStore
    from edge.text.sizes import size

    with progress() as report:
        model = ModelStore(load_settings()).add(
            path, lambda done, total: report("copy", path.name, done >> 20, total >> 20)
        )
    use = "is in use" if model.active else f"is installed; to use it: edge model use {model.name}"
    Screen().write(f"{model.name} ({size(model.bytes)}) {use}")
