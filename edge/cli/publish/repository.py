"""The repository and the keys that a command of ``edge publish`` names: their options, and how they are opened."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.ui.screen import Screen

if TYPE_CHECKING:
    from edge.publish.keys import Keys
    from edge.publish.repository import Repository

Repo = Annotated[Path, typer.Argument(metavar="REPO", help="The repository's folder.")]
KeyFolders = Annotated[
    list[Path],
    typer.Option("--keys", metavar="KEYS", help="The folder with the keys, never in REPO. May be repeated."),
]
Role = Annotated[
    str, typer.Argument(metavar="ROLE", help="root, targets, snapshot, timestamp or a delegate.")
]
PublicKeys = Annotated[
    list[Path] | None,
    typer.Option("--public-key", metavar="FILE.pem", help="A key made elsewhere, instead of a new one."),
]


def open_repository(folder: Path, yes: bool = False) -> Repository:
    """Open the repository in a folder.

    On a terminal it asks before it signs the changes that somebody else has left to be signed; ``yes`` answers that.
    """
    from edge.publish.repository import Repository

    return Repository(folder, approve=_make_approval(yes))


def open_keys(folders: Sequence[Path], repository: Path, *, create: bool = False) -> Keys:
    """Open the keys in these folders."""
    from edge.cli.ui.passphrase import PassphrasePrompt
    from edge.publish.keys import Keys

    return Keys(folders, PassphrasePrompt(), repository, create=create)


def _make_approval(yes: bool) -> Callable[[tuple[str, ...]], None]:
    def approve(waiting: tuple[str, ...]) -> None:
        screen = Screen(sys.stderr)
        screen.write("This has been waiting for signatures:")
        for line in waiting:
            screen.write(line, indent=2)
        if sys.stdin.isatty() and not yes:
            typer.confirm("Go on with it?", abort=True, err=True)

    return approve
