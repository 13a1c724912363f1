"""What is said of a model that has just come in."""

from __future__ import annotations

from edge.models.store import InstalledModel
from edge.text.sizes import size


def shown(model: InstalledModel) -> str:
    """One line: what it is, and what to do with it."""
    if model.kind == "adapter":
        use = f"is an adapter; to use it: edge model use MODEL --lora {model.name}"
    elif model.active:
        use = "is in use"
    else:
        use = f"is installed; to use it: edge model use {model.name}"
    return f"{model.name} ({size(model.bytes)}) {use}"
