"""``edge publish sign``: signatures for what waits, and new dates for what expires before long."""

from __future__ import annotations

from typing import Annotated

import typer

from edge.cli.options import Yes
from edge.cli.publish.options import KeyFolders, Repo
from edge.cli.screen import Screen


def run(
    repository: Repo,
    keys: KeyFolders,
    discard: Annotated[
        bool, typer.Option("--discard", help="Drop what waits for signatures instead.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Sign what waits, and release it once enough have signed.

    Each holder of a key runs this in turn. What has less than a third of its time left is signed anew.
    """
    from edge.cli.publish.fleet import renew_torrents
    from edge.cli.publish.opened import open_keys, open_repository
    from edge.cli.publish.report import outcome

    at_hand, opened = open_keys(keys, repository), open_repository(repository, yes)
    if not discard:
        outcome(opened.sign(at_hand), repository)
        renew_torrents(repository)
        return
    dropped = opened.discard()
    for line in dropped:
        Screen().write(f"dropped  {line}")
    if not dropped:
        Screen().write("Nothing was waiting.")
