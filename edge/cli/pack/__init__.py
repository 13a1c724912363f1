"""``edge pack``: knowledge packs, built and installed."""

from __future__ import annotations

from edge.cli.group import group
from edge.cli.pack import build, inspect, install, list, remove, rollback, verify

app = group("pack", "Build, install and look at knowledge packs.")
app.command("build")(build.run)
app.command("install")(install.run)
app.command("list")(list.run)
app.command("inspect")(inspect.run)
app.command("verify")(verify.run)
app.command("remove")(remove.run)
app.command("rollback")(rollback.run)
