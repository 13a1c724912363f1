"""The ``edge`` command, also as ``python -m edge``. Little is imported before Ctrl-C is seen to."""

from __future__ import annotations

import sys

from edge.cli.interrupt import leave_at_once


def main() -> None:
    """Run the command line and leave with its exit code.

    The one-file program starts itself for its workers, too: they load neither the command line nor what it needs.
    """
    if getattr(sys, "frozen", False):
        from edge.child import divert

        divert(sys.argv)
    leave_at_once()
    from edge.cli import main

    main.main()


if __name__ == "__main__":
    main()
