"""The worker process: owns llama.cpp and answers frames on its stdin with frames on its stdout.

    python -m edge.engine.worker OPTIONS          a WorkerOptions as JSON

It says ``{"ready": facts}`` or ``{"error": message}`` once, then answers requests in their order, each reply carrying
the request's ``id``; ``{"op": "cancel", "id": n}`` acts at once. It ends when its stdin does, that is with its parent.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from edge.engine.process.frames import Frame
from edge.engine.process.options import WorkerOptions
from edge.engine.worker import sandbox
from edge.engine.worker.channel import Channel

if TYPE_CHECKING:
    from edge.engine.worker.binding import LoadedBackEnds, Model

SWITCH_S = 0.0001
"""Seconds that one thread may keep the interpreter from another: many wait for it, none for long."""

Serve = Callable[[Channel], None]
"""Answers what comes over a channel, for ever."""


def open_task(options: WorkerOptions) -> tuple[Frame, Serve]:
    """Load the model; return the facts on it, and what answers requests. Only what the task needs is imported."""
    from edge.engine.worker import binding

    started = binding.start(options.back_ends)
    if options.task == "generate":
        # Importing it takes 0.1 s, and loading needs the interpreter only for the lines that llama.cpp logs: hundreds.
        sys.setswitchinterval(SWITCH_S)
        threading.Thread(target=importlib.import_module, args=("edge.engine.worker.generation",)).start()
        from edge.engine.worker.opening import open_context

        model = binding.load(options)
        opened = open_context(model, options)
        from edge.engine.worker.generation import Generation

        generation = Generation(model, opened, options)
        return {**_describe(options, started, model), **generation.describe()}, generation.serve
    from edge.engine.worker import pooled

    if options.task == "devices":
        return started.describe(), partial(pooled.serve, handlers={})
    model = binding.load(options)
    make = {"embed": pooled.open_embedding, "rank": pooled.open_ranking}[options.task]
    facts, handlers = make(model, options.threads)
    return {**_describe(options, started, model), **facts}, partial(pooled.serve, handlers=handlers)


def _describe(options: WorkerOptions, started: LoadedBackEnds, model: Model) -> Frame:
    from edge.engine.worker.binding import L

    return {
        **started.describe(),
        "name": model.read_metadata("general.name") or options.model.stem,
        "threads": options.threads,
        "system": L.llama_print_system_info().decode(),
        "gpu": bool(L.llama_supports_gpu_offload()),
        **model.describe(),
    }


def _take_stdout() -> BinaryIO:
    """Take the real stdout for frames alone; whatever else prints there lands on stderr."""
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sink


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run until stdin ends. Exit code 1: the model could not be loaded; 2: a request failed badly."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes stdin
    (text,) = sys.argv[1:] if arguments is None else arguments
    options = WorkerOptions.from_json(text)
    sink = _take_stdout()
    level = sandbox.restrict_before_loading(options)
    channel = Channel(sys.stdin.buffer, sink)
    try:
        facts, serve = open_task(options)
    except Exception as error:
        channel.send({"error": str(error), "hint": getattr(error, "hint", "")})
        os._exit(1)
    try:
        level = sandbox.restrict_after_loading(level)
        channel.send({"ready": {**facts, "sandbox": level.to_frame()}})
        serve(channel)
    except Exception:
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(2)  # not by way of Python's clean-up, which aborts when it finds the reading thread at stdin


if __name__ == "__main__":
    main()
