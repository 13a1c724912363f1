"""``edge publish init``, ``add``, ``sign``, ``refresh``, ``export`` and ``status``: what is in the repository, and what
devices get of it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from edge.cli.options import Json, Yes
from edge.cli.publish import report
from edge.cli.publish.fleet import renew_torrents
from edge.cli.publish.repository import KeyFolders, Repo, open_keys, open_repository
from edge.cli.ui.screen import CAREFUL, FAINT, STRONG, Screen, format_count
from edge.files import format_size


def init_repository(
    repository: Repo,
    keys: Annotated[
        Path, typer.Option("--keys", metavar="KEYS", help="Where the new keys go; never in REPO.")
    ],
    root_keys: Annotated[
        int, typer.Option("--root-keys", min=1, metavar="N", help="How many root keys to make.")
    ] = 3,
    threshold: Annotated[
        int, typer.Option("--threshold", min=1, metavar="M", help="How many of them must sign together.")
    ] = 2,
) -> None:
    """Make a repository and its keys.

    Passphrases are asked for, or taken from EDGE_KEYS_PASSPHRASE. Use a computer that you trust. Afterwards
    move each root key to a stick of its own, and lock it away.
    """
    from edge.publish.keys import SHORT_ID
    from edge.publish.roles import ROOT, TOP_LEVEL

    state = open_repository(repository).init(open_keys([keys], repository, create=True), root_keys, threshold)
    screen = Screen()
    screen.write((str(repository), STRONG), "  a repository, empty and signed")
    root = state.root.signed
    for role in TOP_LEVEL:
        for keyid in root.roles[role].keyids:
            screen.write(str(keys / f"{role}-{keyid[:SHORT_ID]}.pem"), indent=2)
    screen.write_gap()
    screen.write(f"Root changes with {threshold} of these {root_keys} keys. Devices show their fingerprints:")
    for keyid in sorted(root.roles[ROOT].keyids):
        screen.write((" ".join(textwrap.wrap(keyid, 8)), FAINT), indent=2)
    if threshold == root_keys:
        screen.write(("Every root key is needed: lose one, and no key can ever be replaced.", CAREFUL))
    screen.write("Now move the root keys apart, and publish: edge publish add REPO FILE.kpack --keys KEYS")


def add_files(
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
        bool, typer.Option("--prune", help="Delete the files of versions that are no longer published.")
    ] = False,
) -> None:
    """Add packs, models or settings and release them.

    A new version of a pack replaces the older one; devices that have it fetch only what changed. Changes that these
    keys cannot sign wait for 'edge publish sign'.
    """
    release(repository, sources, keys, role, prune)


def release(
    repository: Path, sources: Sequence[Path], keys: Sequence[Path], role: str = "", prune: bool = False
) -> None:
    """Add files, sign and release them with the keys in these folders, and write the outcome."""
    from edge.cli.ui.progress import show_progress
    from edge.publish.content import add
    from edge.publish.content import prune as delete_old

    screen, at_hand = Screen(), open_keys(keys, repository)
    with open_repository(repository).change(at_hand) as change:
        with show_progress() as progress:
            added = [add(change, source, role, progress) for source in sources]
        done = change.finish()
        freed = delete_old(change) if prune else 0
    for one in added:
        report.show_added(screen, one)
    report.show_outcome(screen, done, repository)
    renew_torrents(repository)
    if freed:
        screen.write(f"Old files deleted: {format_size(freed)}")


def sign_changes(
    repository: Repo,
    keys: KeyFolders,
    discard: Annotated[
        bool, typer.Option("--discard", help="Drop what waits for signatures instead.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Sign what waits, and release it once enough have signed.

    Each holder of a key runs this in turn. Roles with less than a third of their time left are signed again.
    """
    screen, at_hand, opened = Screen(), open_keys(keys, repository), open_repository(repository, yes)
    if not discard:
        report.show_outcome(screen, opened.sign(at_hand), repository)
        renew_torrents(repository)
        return
    dropped = opened.discard()
    for line in dropped:
        screen.write(f"dropped  {line}")
    if not dropped:
        screen.write("Nothing was waiting.")


def refresh_timestamp(repository: Repo, keys: KeyFolders) -> None:
    """Sign a new timestamp; a timer can do it.

    It shows devices that no update is held back from them. It needs only the timestamp's key, whose passphrase a timer
    gets from EDGE_KEYS_PASSPHRASE. Once a week is good; after 90 days without one, devices refuse to update. Exit code
    1 if something else has expired.
    """
    done = open_repository(repository).refresh(open_keys(keys, repository))
    report.show_outcome(Screen(), done, repository)
    if done.stale:
        raise typer.Exit(1)


def export_repository(
    repository: Repo,
    folder: Annotated[
        Path, typer.Argument(metavar="USB_DIR", help="A folder on the stick, made if missing.")
    ],
    packs: Annotated[
        list[str] | None,
        typer.Option("--packs", metavar="NAME", help="Only these packs ('acme-*' too). May be repeated."),
    ] = None,
) -> None:
    """Copy the repository to a stick, or bring a stick up to date.

    Every file is checked against its signature. Needs no key: what is on the stick is signed already.
    """
    from edge.cli.ui.progress import show_progress
    from edge.publish.export import export

    opened = open_repository(repository)
    with show_progress() as progress:
        done = export(opened, folder, packs or (), progress)
    screen = Screen()
    copied = f"{format_count(len(done.targets), 'file')}, {format_size(done.copied)} copied"
    removed = f", {format_size(done.removed)} of older versions deleted" if done.removed else ""
    screen.write((str(folder), STRONG), f"  {copied}{removed}")
    screen.write(f"On the device: edge sync {folder}")
    if waiting := opened.view().waiting:
        screen.write((f"Not on it: {format_count(len(waiting), 'change')} waiting for signatures.", CAREFUL))


def show_status(repository: Repo, json: Json = False) -> None:
    """Show what expires when, and what waits for whom.

    Needs no key. Exit code 1 if devices cannot update from it.
    """
    from edge.publish.status import read_status

    found = read_status(open_repository(repository))
    if json:
        Screen().write_json(report.describe_status(found))
    else:
        report.show_status(Screen(), found, repository)
    if not found.sound:
        raise typer.Exit(1)
