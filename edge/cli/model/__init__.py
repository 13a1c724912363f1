"""``edge model``: language models, which are optional."""

from __future__ import annotations

from edge.cli.group import group
from edge.cli.model import add, list, pull, remove, use

app = group("model", "Add and choose language models (edge works without one).")
app.command("list")(list.run)
app.command("add")(add.run)
app.command("pull")(pull.run)
app.command("use")(use.run)
app.command("remove")(remove.run)
