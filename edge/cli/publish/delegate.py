"""``edge publish delegate``: somebody else may publish, under certain paths."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.publish.options import KeyFolders, Repo


def run(
    repository: Repo,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="A name for the delegate.")],
    keys: KeyFolders,
    paths: Annotated[
        list[str] | None,
        typer.Option("--paths", metavar="PATTERN", help="What it may publish: 'acme-*'. May be repeated."),
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option("--public-key", metavar="FILE.pem", help="The delegate's own key, else one is made."),
    ] = None,
) -> None:
    """Let somebody else publish certain packs.

    Devices take nothing else from this delegate. For one that exists, its paths or its key are changed. PATTERN is a
    name of packs, such as 'acme-*', or a path such as 'models/acme-*.gguf'. A key that is made here goes into KEYS, to
    be handed to the delegate.
    """
    from edge.cli.publish.opened import open_keys, open_repository
    from edge.cli.publish.report import outcome
    from edge.publish.delegation import delegate
    from edge.publish.keys import read_public_key

    theirs = read_public_key(public_key) if public_key else None
    with open_repository(repository).change(open_keys(keys, repository)) as change:
        delegate(change, role, paths or [], theirs)
        done = change.finish()
    outcome(done, repository)
