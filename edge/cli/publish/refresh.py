"""``edge publish refresh``: a new timestamp, also by a timer."""

from __future__ import annotations

import typer

from edge.cli.publish.options import KeyFolders, Repo


def run(repository: Repo, keys: KeyFolders) -> None:
    """Sign a new timestamp, also by a timer.

    So devices see that nothing is held back from them. Needs only the timestamp's key, and nobody to watch: put its
    passphrase into EDGE_KEYS_PASSPHRASE. Once a week is good; after 90 days without, devices refuse to update. Exit
    code 1 if something else has expired.
    """
    from edge.cli.publish.opened import open_keys, open_repository
    from edge.cli.publish.report import outcome

    done = open_repository(repository).refresh(open_keys(keys, repository))
    outcome(done, repository)
    if done.stale:
        raise typer.Exit(1)
