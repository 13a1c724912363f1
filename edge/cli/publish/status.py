"""``edge publish status``: what is published, what expires when, and what waits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edge.cli.options import Json
from edge.cli.publish.options import Repo
from edge.cli.screen import ALERT, CAREFUL, FAINT, Part, Screen
from edge.text.sizes import size

if TYPE_CHECKING:
    from edge.publish.status import RoleStatus, Status


def run(repository: Repo, json: Json = False) -> None:
    """Show what expires when, and what waits for whom.

    Needs no key. Exit code 1 if devices cannot update from it.
    """
    from edge.cli.publish.opened import open_repository
    from edge.publish.status import status

    found = status(open_repository(repository))
    if json:
        Screen().json(_as_dict(found))
    else:
        _show(Screen(), found, repository)
    if not found.sound:
        raise typer.Exit(1)


def _show(screen: Screen, status: Status, repository: Path) -> None:
    from edge.cli.publish.report import waits

    rows = [
        (role.name, str(role.version), f"{role.expires:%Y-%m-%d}", _left(role), _keys(role))
        for role in status.roles
    ]
    screen.table(("ROLE", "VERSION", "EXPIRES", "LEFT", "KEYS"), rows)
    for role in status.roles:
        if role.paths:
            screen.write((f"{role.name} may publish {', '.join(role.paths)}", FAINT))
    screen.gap()
    packs = [(target.name, target.version, size(target.length), target.title) for target in status.packs]
    if packs:
        screen.table(("PACK", "VERSION", "SIZE", "TITLE"), packs)
    else:
        screen.write(("No pack is published: edge publish add REPO FILE.kpack --keys KEYS", FAINT))
    for target in status.others:
        screen.write(f"{target.path}  {size(target.length)}")
    _problems(screen, status)
    if status.missing:
        screen.gap()
        waits(screen, status.waiting, status.missing, repository)


def _problems(screen: Screen, status: Status) -> None:
    for path in status.lost:
        screen.write((f"The file of {path} is missing or damaged: add it again.", ALERT))
    if status.interrupted:
        screen.write(("A release was interrupted; the next change finishes it.", ALERT))


def _left(role: RoleStatus) -> Part:
    if role.expired:
        return ("EXPIRED", ALERT)
    return (f"{role.days_left} days", CAREFUL if role.due else "")


def _keys(role: RoleStatus) -> str:
    ids = " ".join(keyid[:12] for keyid in role.keyids)
    return f"{role.threshold} of {len(role.keyids)}: {ids}" if len(role.keyids) > 1 else ids


def _as_dict(status: Status) -> dict[str, object]:
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
