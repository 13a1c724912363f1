"""``edge publish``: a signed repository of packs, and the keys that sign it."""

from __future__ import annotations

from edge.cli.group import group
from edge.cli.publish import add, admit, delegate, export, fleet, init, refresh, revoke, rotate, sign, status

app = group("publish", "Sign packs and release them to devices.")
app.command("init")(init.run)
app.command("add")(add.run)
app.command("sign")(sign.run)
app.command("refresh")(refresh.run)
app.command("rotate")(rotate.run)
app.command("delegate")(delegate.run)
app.command("revoke")(revoke.run)
app.command("export")(export.run)
app.command("fleet")(fleet.run)
app.command("admit")(admit.run)
app.command("status")(status.run)
