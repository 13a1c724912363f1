"""``edge publish add``: files into the repository, signed and released."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.publish.options import KeyFolders, Repo
from edge.cli.screen import FAINT, STRONG, Screen
from edge.text.sizes import size

if TYPE_CHECKING:
    from edge.publish.content import Added


def run(
    repository: Repo,
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Packs (.kpack), models (.gguf) or fleet settings (.toml)."),
    ],
    keys: KeyFolders,
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="Publish as this delegate; else chosen by the keys.")
    ] = "",
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete the files of versions that are published no more.")
    ] = False,
) -> None:
    """Add packs, models or settings and release them.

    A new version of a pack replaces the older one; devices that have it fetch only what changed. What cannot be signed
    with these keys waits for 'edge publish sign'.
    """
    release(repository, sources, keys, role, prune)


def release(
    repository: Path, sources: Sequence[Path], keys: Sequence[Path], role: str = "", prune: bool = False
) -> None:
    """Add files, sign and release them with the keys in these folders, and say what came of it."""
    from edge.cli.progress import progress
    from edge.cli.publish.fleet import renew_torrents
    from edge.cli.publish.opened import open_keys, open_repository
    from edge.cli.publish.report import outcome
    from edge.publish.content import add
    from edge.publish.content import prune as delete_old

    screen, at_hand = Screen(), open_keys(keys, repository)
    with open_repository(repository).change(at_hand) as change:
        with progress() as report:
            added = [add(change, source, role, report) for source in sources]
        done = change.finish()
        freed = delete_old(change) if prune else 0
    for one in added:
        _show(screen, one)
    outcome(done, repository)
    renew_torrents(repository)
    if freed:
        screen.write(f"Old files deleted: {size(freed)}")


def _show(screen: Screen, added: Added) -> None:
    target = added.target
    what = f"{target.name} {target.version}".strip() or target.path
    if not added.changed:
        screen.write((what, STRONG), "  is in the repository already")
        return
    screen.write((what, STRONG), f"  {size(target.length)}{_replaces(added)}")
    if added.deltas:
        screen.write((f"updates travel as {', '.join(map(size, added.deltas))}", FAINT), indent=2)


def _replaces(added: Added) -> str:
    return f", replaces {added.replaced}" if added.replaced else ""
