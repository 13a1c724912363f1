"""Runs the one-file program as a worker process: of an engine, or of ``multiprocessing``."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence

WORKER = "engine-worker"  # edge.engine.process.process.WORKER_ARGUMENT, without the imports of that module


def become_worker(arguments: Sequence[str]) -> None:
    """Run the worker that the command line names, and exit; return when it names none."""
    multiprocessing.freeze_support()
    if arguments[1:2] == [WORKER]:
        from edge.engine.worker.__main__ import main

        main(arguments[2:])
