"""``edge model remove``: a language model, gone."""

from __future__ import annotations

from edge.cli.options import ModelName, Yes


def run(name: ModelName, yes: Yes = False) -> None:
    """Delete a language model. If it was in use, answers quote the manuals until another is chosen."""
    from edge.cli.confirm import confirm
    from edge.cli.screen import Screen
    from edge.config import load_settings
    from edge.models.store import ModelStore

    confirm(f"Delete the model '{name}'?", yes)
    ModelStore(load_settings()).remove(name)
    Screen().write(f"Deleted {name}.")
