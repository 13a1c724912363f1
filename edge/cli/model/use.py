"""``edge model use``: which model writes the answers."""

from __future__ import annotations

from edge.cli.options import ModelName


def run(name: ModelName) -> None:
    """Answer with this model from now on."""
    from edge.cli.screen import Screen
    from edge.config import load_settings
    from edge.engine.models import ModelStore

    Screen().write(f"{ModelStore(load_settings()).use(name).name} is in use")
