"""``edge publish revoke``: a delegate, or a key that somebody lost."""

from __future__ import annotations

from typing import Annotated

import typer

from edge.cli.publish.options import KeyFolders, PublicKeys, Repo, Role


def run(
    repository: Repo,
    role: Role,
    keys: KeyFolders,
    key: Annotated[
        str, typer.Option("--key", metavar="ID", help="Only this key, which is replaced by a new one.")
    ] = "",
    public_keys: PublicKeys = None,
) -> None:
    """Revoke a delegate, or a key that was lost or stolen.

    A delegate may no longer publish; a key is replaced by a new one. The key itself is not needed. 'edge publish
    status' lists the ids. What devices have installed stays.
    """
    from edge.cli.publish.opened import open_keys, open_repository
    from edge.cli.publish.report import outcome
    from edge.publish.delegation import revoke
    from edge.publish.keys import read_public_key

    made = [read_public_key(path) for path in public_keys or ()]
    with open_repository(repository).change(open_keys(keys, repository)) as change:
        revoke(change, role, key, made)
        done = change.finish()
    outcome(done, repository)
