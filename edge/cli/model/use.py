"""``edge model use``: which model writes the answers."""

from __future__ import annotations

from typing import Annotated

import typer

from edge.cli.options import ModelName


def run(
    name: ModelName,
    lora: Annotated[
        list[str] | None,
        typer.Option(
            "--lora", metavar="ADAPTER[:SCALE]", help="Change it by this adapter (scale 1). May be repeated."
        ),
    ] = None,
) -> None:
    """Answer with this model from now on, by itself or with LoRA adapters."""
    from edge.cli.screen import Screen
    from edge.config import load_settings
    from edge.models.store import ModelStore, parse_lora

    adapters = [parse_lora(text) for text in lora or ()]
    model = ModelStore(load_settings()).use(name, adapters)
    with_them = f" with {', '.join(name for name, _ in adapters)}" if adapters else ""
    Screen().write(f"{model.name} is in use{with_them}")
