"""``edge model list``: the language models on this device."""

from __future__ import annotations

from edge.cli.options import Json
from edge.cli.screen import FAINT, GOOD, Screen
from edge.text.sizes import size


def run(json: Json = False) -> None:
    """List the language models and adapters; one of the models writes the answers."""
    from edge.config import load_settings
    from edge.engine.models import ModelStore

    screen, models = Screen(), ModelStore(load_settings()).list()
    if json:
        rows = [{"name": m.name, "kind": m.kind, "bytes": m.bytes, "active": m.active} for m in models]
        screen.json({"models": rows})
    elif models:
        table = []
        for model in models:
            standing = " ".join(
                (["in use"] if model.active else []) + (["adapter"] if model.kind == "adapter" else [])
            )
            table.append((model.name, size(model.bytes), (standing, GOOD) if model.active else standing))
        screen.table(("NAME", "SIZE", ""), table)
    else:
        screen.write(("No model is installed: answers quote the manuals. edge model add FILE.gguf", FAINT))
