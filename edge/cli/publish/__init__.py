"""``edge publish``: keeps a signed repository of packs, and the keys that sign it."""

from __future__ import annotations

from edge.cli.group import make_group
from edge.cli.publish import fleet, release, roles

app = make_group("publish", "Sign packs and release them to devices.")
app.command("init")(release.init_repository)
app.command("add")(release.add_files)
app.command("sign")(release.sign_changes)
app.command("refresh")(release.refresh_timestamp)
app.command("rotate")(roles.rotate_keys)
app.command("delegate")(roles.delegate_role)
app.command("revoke")(roles.revoke_role)
app.command("export")(release.export_repository)
app.command("fleet")(fleet.found_fleet)
app.command("admit")(fleet.admit_device)
app.command("status")(release.show_status)
