"""Draws what a repository holds, what a change has released, and what still waits for signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.cli.ui.screen import ALERT, CAREFUL, FAINT, GOOD, STRONG, Part, Screen, format_count
from edge.files import format_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge.publish.change import Outcome
    from edge.publish.content import Addition
    from edge.publish.roles import MissingSignatures
    from edge.publish.status import RoleStatus, Status


def show_added(screen: Screen, added: Addition) -> None:
    """Write what a new file is, and how devices get it."""
    target = added.target
    name = f"{target.name} {target.version}".strip() or target.path
    if not added.changed:
        screen.write((name, STRONG), "  is in the repository already")
        return
    replaced = f", replaces {added.replaced}" if added.replaced else ""
    screen.write((name, STRONG), f"  {format_size(target.length)}{replaced}")
    if added.deltas:
        screen.write((f"updates travel as {', '.join(map(format_size, added.deltas))}", FAINT), indent=2)


def show_outcome(screen: Screen, done: Outcome, repository: Path) -> None:
    """Write what devices see from now on, and what is still to do."""
    for line in done.changes:
        screen.write(line)
    if done.released:
        versions = ", ".join(f"{one.role} {one.version}" for one in done.released)
        screen.write(("published", GOOD), f"  {versions}")
        first = min(done.released, key=lambda one: one.expires)
        screen.write((f"{first.role} is valid until {first.expires:%Y-%m-%d}", FAINT))
    elif not done.missing:
        screen.write("Nothing to do: everything is signed.")
    if done.missing:
        show_waiting(screen, done.waiting, done.missing, repository)
    for role in done.stale:
        screen.write((f"{role} has expired: devices refuse to update until it is signed anew.", CAREFUL))
    if done.stale:
        screen.write(f"With its key: edge publish sign {repository} --keys KEYS")


def show_waiting(
    screen: Screen, waiting: Sequence[str], missing: Sequence[MissingSignatures], repository: Path
) -> None:
    """Write what is not published yet, and whose signatures it waits for."""
    screen.write(("not published yet", CAREFUL))
    for line in waiting:
        screen.write(line, indent=2)
    screen.write("It waits for:")
    for lack in missing:
        names = ", ".join(f"{lack.role}-{keyid[:12]}" for keyid in lack.keyids)
        among = f" of {names}" if len(lack.keyids) > lack.count else f": {names}"
        screen.write(f"{format_count(lack.count, 'signature')}{among}", indent=2)
    screen.write(f"With these keys: edge publish sign {repository} --keys KEYS")


def show_status(screen: Screen, status: Status, repository: Path) -> None:
    """Write what is published, what expires when, and what waits for whom."""
    rows = [
        (
            role.name,
            str(role.version),
            f"{role.expires:%Y-%m-%d}",
            _format_days_left(role),
            _format_keys(role),
        )
        for role in status.roles
    ]
    screen.write_table(("ROLE", "VERSION", "EXPIRES", "LEFT", "KEYS"), rows)
    for role in status.roles:
        if role.paths:
            screen.write((f"{role.name} may publish {', '.join(role.paths)}", FAINT))
    screen.write_gap()
    packs = [
        (target.name, target.version, format_size(target.length), target.title) for target in status.packs
    ]
    if packs:
        screen.write_table(("PACK", "VERSION", "SIZE", "TITLE"), packs)
    else:
        screen.write(("No pack is published: edge publish add REPO FILE.kpack --keys KEYS", FAINT))
    for target in status.others:
        screen.write(f"{target.path}  {format_size(target.length)}")
    _show_problems(screen, status)
    if status.missing:
        screen.write_gap()
        show_waiting(screen, status.waiting, status.missing, repository)


def describe_status(status: Status) -> dict[str, object]:
    """Return the shape of ``edge publish status --json``."""
    return {
        "sound": status.sound,
        "roles": [
            {
                "name": role.name,
                "version": role.version,
                "expires": role.expires.isoformat(),
                "days_left": role.days_left,
                "due": role.due,
                "expired": role.expired,
                "threshold": role.threshold,
                "keys": role.keyids,
                "paths": role.paths,
            }
            for role in status.roles
        ],
        "targets": [
            {
                "path": target.path,
                "kind": target.kind,
                "version": target.version,
                "size": target.length,
                "sha256": target.sha256,
            }
            for target in (*status.packs, *status.others)
        ],
        "lost": status.lost,
        "interrupted": status.interrupted,
        "waiting": status.waiting,
        "missing": [
            {"role": lack.role, "signatures": lack.count, "keys": lack.keyids} for lack in status.missing
        ],
    }


def _show_problems(screen: Screen, status: Status) -> None:
    for path in status.lost:
        screen.write((f"The file of {path} is missing or damaged: add it again.", ALERT))
    if status.interrupted:
        screen.write(("A release was interrupted; the next change finishes it.", ALERT))


def _format_days_left(role: RoleStatus) -> Part:
    if role.expired:
        return ("EXPIRED", ALERT)
    return (f"{role.days_left} days", CAREFUL if role.due else "")


def _format_keys(role: RoleStatus) -> str:
    ids = " ".join(keyid[:12] for keyid in role.keyids)
    return f"{role.threshold} of {len(role.keyids)}: {ids}" if len(role.keyids) > 1 else ids
