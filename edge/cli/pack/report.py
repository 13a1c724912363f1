"""How a change of the pack in use is told; installing and rolling back share it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.cli.screen import STRONG, Screen, unsigned

if TYPE_CHECKING:
    from edge.packs.store import Installation


def installed(installation: Installation) -> None:
    """Say which version is in use now, and which was before."""
    pack = installation.pack
    state = "is in use" if installation.changed else "was in use already"
    before = f"; before: {installation.replaced}" if installation.replaced else ""
    Screen().write((f"{pack.name} {pack.version}", STRONG), f" {state}{before}", *unsigned(pack.signed))
