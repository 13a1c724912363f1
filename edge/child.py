"""The one-file program in its other roles: a worker of ours, or a process that ``multiprocessing`` has started."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence

WORKER = "engine-worker"  # edge.engine.process.process.WORKER_ARGUMENT, without what that module imports


def divert(arguments: Sequence[str]) -> None:
    """Become what the command line asks for, and never return; return when it is for a person's command."""
    multiprocessing.freeze_support()
    if arguments[1:2] == [WORKER]:
        from edge.engine.worker.__main__ import main

        main(arguments[2:])
