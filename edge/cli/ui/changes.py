"""Writes what changed between two versions of a pack."""

from __future__ import annotations

from edge.cli.ui.screen import CAREFUL, FAINT, STRONG, Screen, format_count
from edge.packs.changes import Change, PackChanges

HEADINGS = {"value": "Values", "removed": "Removed", "added": "Added", "wording": "Wording"}
_DOCUMENTS = {"added": "new", "removed": "removed", "changed": "changed", "renamed": "renamed"}


def show_pack_changes(screen: Screen, found: PackChanges) -> None:
    """Write documents, then changes of each kind, values first; a change of a value with the text it stands in."""
    screen.write((f"{found.name} {found.old_version} -> {found.new_version}", STRONG))
    for document in found.documents:
        was = f", was {document.was}" if document.was else ""
        screen.write(document.name, (f"  {_DOCUMENTS[document.kind]}{was}", FAINT), indent=2)
    if not found.documents:
        screen.write(("No document changed.", FAINT))
    for kind, heading in HEADINGS.items():
        changes = [change for change in found.changes if change.kind == kind]
        if changes:
            screen.write_heading(f"{heading}: {format_count(len(changes), 'change')}")
        for change in changes:
            _show_change(screen, change)


def _show_change(screen: Screen, change: Change) -> None:
    if change.kind != "value":
        screen.write(change.said, lead="- ")
        return
    screen.write((change.said, CAREFUL), lead="! ")
    if not change.row:
        screen.write((change.new, FAINT), indent=2)
