"""``edge model list``: the language models on this device."""

from __future__ import annotations

from edge.cli.options import Json
from edge.cli.screen import ALERT, FAINT, GOOD, Screen
from edge.text.sizes import size


def run(json: Json = False) -> None:
    """List the models and adapters, installed or come along with the program; one of them writes the answers."""
    from edge.config import load_settings
    from edge.models.store import ModelStore

    screen, models = Screen(), ModelStore(load_settings()).list()
    if json:
        rows = [
            {"name": m.name, "kind": m.kind, "bytes": m.bytes, "active": m.active, "place": m.place}
            | ({"purpose": m.purpose} if m.purpose else {})
            for m in models
        ]
        screen.json({"models": rows})
    elif models:
        table = []
        for model in models:
            what = "adapter" if model.kind == "adapter" else model.purpose
            standing = " ".join(filter(None, ["in use" if model.active else "", what]))
            style = ALERT if what == "damaged" else GOOD if model.active else ""
            table.append((model.name, size(model.bytes), model.place, (standing, style)))
        screen.table(("NAME", "SIZE", "PLACE", ""), table)
    else:
        screen.write(("No model is installed: answers quote the manuals. edge model add FILE.gguf", FAINT))
