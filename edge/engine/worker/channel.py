"""Frames in and out of a worker process. A thread reads, so that a cancellation is seen while llama.cpp computes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import BinaryIO

from edge.engine.process import frames
from edge.engine.process.frames import Frame


def _ignore(_request: int) -> None:
    pass


class Channel:
    """The parent, seen from its worker. Every thread may send and ask."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self._requests: SimpleQueue[Frame] = SimpleQueue()
        self._answers: SimpleQueue[Frame] = SimpleQueue()
        self._posted: SimpleQueue[tuple[Frame, ...]] = SimpleQueue()
        self._sending, self._asking, self._books = threading.Lock(), threading.Lock(), threading.Lock()
        self._open: set[int] = set()
        self._cancelled: set[int] = set()
        self.on_cancel: Callable[[int], None] = _ignore
        """Called by the reading thread as soon as a request is cancelled."""
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        threading.Thread(target=self._post, name="writer", daemon=True).start()

    def post(self, *replies: Frame) -> None:
        """Write frames out soon, in another thread: the caller has better things to do."""
        self._posted.put(replies)

    def send(self, *replies: Frame) -> None:
        """Write frames out at once."""
        data = b"".join(map(frames.encode, replies))
        with self._sending:
            self._sink.write(data)
            self._sink.flush()
        ended = {frame.get("id", 0) for frame in replies if "done" in frame or "error" in frame}
        if ended:
            with self._books:
                self._open -= ended
                self._cancelled -= ended

    def ask(self, question: Frame) -> Frame:
        """Ask the parent for something and wait for its answer."""
        with self._asking:
            self.send({"ask": question})
            return self._answers.get()

    def receive_requests(self) -> Iterator[Frame]:
        """Yield requests as they come, for ever."""
        while True:
            yield self._requests.get()

    def is_cancelled(self, request: int) -> bool:
        """Return whether the parent gave this request up."""
        return request in self._cancelled

    def _post(self) -> None:
        while True:
            self.send(*self._posted.get())

    def _read(self) -> None:
        with suppress(Exception):
            while line := self._source.readline(frames.MAX_FRAME_BYTES):
                self._take(frames.decode(line))
        os._exit(0)  # the parent is gone, or sends no frames: there is nobody to compute for

    def _take(self, frame: Frame) -> None:
        match frame["op"]:
            case "cancel":
                with self._books:
                    known = frame["id"] in self._open
                    if known:
                        self._cancelled.add(frame["id"])
                if known:
                    self.on_cancel(frame["id"])
            case "ping":
                self.send({"pong": True})
            case "answer":
                self._answers.put(frame)
            case _:
                if "id" in frame:
                    with self._books:
                        self._open.add(frame["id"])
                self._requests.put(frame)
