"""``edge model list``: the language models on this device."""

from __future__ import annotations

from edge.cli.options import Json
from edge.cli.screen import FAINT, GOOD, Screen
from edge.text.sizes import size


def run(json: Json = False) -> None:
    """List the language models; one of them writes the answers."""
    from edge.config import load_settings
    from edge.engine.models import ModelStore

    screen, models = Screen(), ModelStore(load_settings()).list()
    if json:
        screen.json({"models": [{"name": m.name, "bytes": m.bytes, "active": m.active} for m in models]})
    elif models:
        rows = [(model.name, size(model.bytes), ("in use", GOOD) if model.active else "") for model in models]
        screen.table(("NAME", "SIZE", ""), rows)
    else:
        screen.write(("No model is installed: answers quote the manuals. edge model add FILE.gguf", FAINT))
