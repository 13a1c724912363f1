"""``edge sync``: what the publisher has released, from a mirror, a folder or a stick."""

from __future__ import annotations

from edge.cli.sync import run, trust
from edge.cli.sync.words import SyncGroup, group

app = group("sync", SyncGroup, run.run)
app.command("trust")(trust.run)
