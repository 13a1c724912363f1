"""How a change of the pack in use is told; installing and rolling back share it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.cli.screen import STRONG, Screen, unsigned

if TYPE_CHECKING:
    from edge.packs.store import Installation


def installed(installation: Installation) -> None:
    """Say which version is in use now, and which one it replaces."""
    pack, replaced = installation.pack, installation.replaced
    state = "is in use" if installation.changed else "was in use already"
    if replaced:
        state += f"; it replaces {'another build of ' if replaced == pack.version else ''}{replaced}"
    Screen().write((f"{pack.name} {pack.version}", STRONG), f" {state}", *unsigned(pack.signed))
