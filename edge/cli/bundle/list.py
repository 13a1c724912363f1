"""``edge bundle list``: what is inside."""

from __future__ import annotations

from edge.cli.bundle.program import Program, opened
from edge.cli.options import Json
from edge.cli.screen import Screen
from edge.text.sizes import size


def run(program: Program = None, json: Json = False) -> None:
    """Show what the program contains."""
    from dataclasses import asdict

    bundle, screen = opened(program), Screen()
    if json:
        screen.json({"program": str(bundle.path), "parts": [asdict(part) for part in bundle.parts]})
        return
    rows = [(part.kind, part.name, f"{size(part.size):>9}", part.sha256[:16]) for part in bundle.parts]
    screen.table(("KIND", "NAME", "     SIZE", "SHA-256"), rows)
