"""Arguments and options that the commands of ``edge publish`` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
