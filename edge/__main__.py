"""Starts the ``edge`` command, also as ``python -m edge``. Ctrl-C is handled before anything else is imported."""

from __future__ import annotations

import sys

from edge.cli.ui.interrupt import leave_at_once


def main() -> None:
    """Run the command line and leave with its exit code.

    The one-file program also starts itself as its own worker process, which never loads the command line.
    """
    if getattr(sys, "frozen", False):
        from edge.child import become_worker

        become_worker(sys.argv)
    leave_at_once()
    from edge.cli import main

    main.main()


if __name__ == "__main__":
    main()
