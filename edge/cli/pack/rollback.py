"""``edge pack rollback``: back to the version before."""

from __future__ import annotations

from edge.cli.options import PackName


def run(name: PackName) -> None:
    """Put the previous version of a pack back in use.

    The version in use now becomes the previous one, so that a second rollback undoes the first.
    """
    from edge.cli.pack.report import installed
    from edge.config import load_settings
    from edge.packs.store import PackStore

    installed(PackStore(load_settings()).rollback(name))
