"""``edge pack list``: the packs in use."""

from __future__ import annotations

from edge.cli.options import Json
from edge.cli.screen import ALERT, CAREFUL, FAINT, Part, Screen
from edge.text.sizes import size


def run(json: Json = False) -> None:
    """List the installed packs, and those that came along with the program: beside it, or inside."""
    from edge import shapes
    from edge.config import load_settings
    from edge.packs.store import PackStore

    screen, store = Screen(), PackStore(load_settings())
    packs, problems = store.list(), store.problems()
    if json:
        screen.json(shapes.packs_json(packs, problems))
        return
    rows = [
        (
            pack.name, pack.version, size(pack.size), _signed(pack.signed), pack.previous or "-", pack.place,
            pack.title,
        )
        for pack in packs
    ]  # fmt: skip
    if rows:
        screen.table(("NAME", "VERSION", "SIZE", "SIGNED", "PREVIOUS", "PLACE", "TITLE"), rows)
    elif not problems:
        screen.write(("No pack is installed: edge pack install FILE.kpack", FAINT))
    for problem in problems:
        screen.write((f"{problem.name}: {problem.error.message}", ALERT), lead="! ")
        screen.write(problem.error.hint, indent=2)


def _signed(signed: bool) -> Part:
    return "yes" if signed else ("UNSIGNED", CAREFUL)
