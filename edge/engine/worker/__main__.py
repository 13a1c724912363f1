"""The worker process: owns llama.cpp and answers frames on its stdin with frames on its stdout.

    python -m edge.engine.worker OPTIONS          a WorkerOptions as JSON

It says ``{"ready": facts}`` or ``{"error": message}`` once, then answers requests in their order, each reply carrying
the request's ``id``; ``{"op": "cancel", "id": n}`` acts at once. It ends when its stdin does, that is with its parent.
"""

from __future__ import annotations

import base64
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from edge.engine import frames
from edge.engine.frames import Frame, RequestError
from edge.engine.options import WorkerOptions

if TYPE_CHECKING:
    from edge.engine.worker.binding import Model

Handler = Callable[[Frame, Callable[[], bool]], Iterator[Frame]]
"""Replies to a request; the second argument tells whether it was cancelled meanwhile."""


class Channel:
    """Frames in and out. A thread reads, so that a cancellation is seen while llama.cpp computes."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self._requests: SimpleQueue[Frame] = SimpleQueue()
        self._cancelled: set[int] = set()
        threading.Thread(target=self._read, name="reader", daemon=True).start()

    def send(self, frame: Frame) -> None:
        """Write a frame out at once."""
        self._sink.write(frames.encode(frame))
        self._sink.flush()

    def requests(self) -> Iterator[Frame]:
        """Requests as they come, for ever."""
        while True:
            yield self._requests.get()

    def cancelled(self, request: int) -> bool:
        """Whether the parent gave this request up."""
        return request in self._cancelled

    def _read(self) -> None:
        with suppress(Exception):
            while line := self._source.readline(frames.MAX_FRAME_BYTES):
                frame = frames.decode(line)
                if frame.get("op") == "cancel":
                    self._cancelled.add(frame["id"])
                else:
                    self._requests.put(frame)
        os._exit(0)  # the parent is gone, or talks nonsense: nobody to compute for


def serve(channel: Channel, facts: Frame, handlers: dict[str, Handler]) -> None:
    """Answer requests for ever."""
    channel.send({"ready": facts})
    for request in channel.requests():
        number = request["id"]
        try:
            for reply in handlers[request["op"]](request, partial(channel.cancelled, number)):
                channel.send({"id": number, **reply})
        except RequestError as error:
            channel.send({"id": number, "error": str(error)})


def open_task(options: WorkerOptions) -> tuple[Frame, dict[str, Handler]]:
    """Load the model; what there is to say about it, and what it can do."""
    from edge.engine.worker import binding

    binding.start()
    model = binding.Model(options.model)
    facts: Frame = {
        "name": model.metadata("general.name") or options.model.stem,
        "threads": options.threads,
        "system": binding.L.llama_print_system_info().decode(),
        "gpu": bool(binding.L.llama_supports_gpu_offload()),
    }
    if options.task == "embed":
        return _embedding(model, options.threads, facts)
    return _generation(model, options.threads, options.input_tokens + options.output_tokens, facts)


def _embedding(model: Model, threads: int, facts: Frame) -> tuple[Frame, dict[str, Handler]]:
    from edge.engine.worker.embedding import Embedding

    embedding = Embedding(model, threads)

    def embed(request: Frame, _cancelled: Callable[[], bool]) -> Iterator[Frame]:
        vectors = embedding.embed(request["texts"])
        yield {"done": {"vectors": base64.b64encode(vectors).decode("ascii")}}

    def count(request: Frame, _cancelled: Callable[[], bool]) -> Iterator[Frame]:
        yield {"done": {"counts": embedding.count(request["texts"])}}

    return {**facts, "dimensions": embedding.dimensions}, {"embed": embed, "count": count}


def _generation(model: Model, threads: int, context: int, facts: Frame) -> tuple[Frame, dict[str, Handler]]:
    from edge.engine.worker.generation import Generation, Usage

    generation = Generation(model, threads, context)

    def generate(request: Frame, cancelled: Callable[[], bool]) -> Iterator[Frame]:
        usage = Usage()
        for text in generation.generate(request["messages"], request["max_tokens"], cancelled, usage):
            yield {"token": text}
        yield {"done": asdict(usage)}

    def count(request: Frame, _cancelled: Callable[[], bool]) -> Iterator[Frame]:
        yield {"done": {"tokens": generation.count(request["messages"])}}

    own_template = model.chat_template() is not None
    return {**facts, "context": generation.context, "template": own_template}, {
        "generate": generate,
        "count": count,
    }


def _take_stdout() -> BinaryIO:
    """The real stdout for frames alone; whatever else prints there lands on stderr."""
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sink


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run until stdin ends. Exit code 1: the model could not be loaded; 2: a request failed badly."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes stdin
    (text,) = sys.argv[1:] if arguments is None else arguments
    options = WorkerOptions.from_json(text)
    channel = Channel(sys.stdin.buffer, _take_stdout())
    try:
        facts, handlers = open_task(options)
    except Exception as error:
        channel.send({"error": str(error)})
        os._exit(1)
    try:
        serve(channel, facts, handlers)
    except Exception:
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(2)  # not by way of Python's clean-up, which aborts when it finds the reading thread at stdin


if __name__ == "__main__":
    main()
