"""``edge bundle``: models and packs that travel inside the one-file program."""

from __future__ import annotations

from edge.cli.bundle import add, extract, list, remove, verify
from edge.cli.group import group

app = group("bundle", "Models and packs inside the one-file program.")
app.command("list")(list.run)
app.command("verify")(verify.run)
app.command("extract")(extract.run)
app.command("add")(add.run)
app.command("remove")(remove.run)
