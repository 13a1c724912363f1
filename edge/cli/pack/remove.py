"""``edge pack remove``: a pack and its previous version, gone."""

from __future__ import annotations

from edge.cli.options import PackName, Yes


def run(name: PackName, yes: Yes = False) -> None:
    """Remove a pack with its previous version."""
    from edge.cli.confirm import confirm
    from edge.cli.screen import Screen
    from edge.config import load_settings
    from edge.packs.store import PackStore

    confirm(f"Remove the pack '{name}' and its previous version?", yes)
    PackStore(load_settings()).remove(name)
    Screen().write(f"Removed {name}.")
