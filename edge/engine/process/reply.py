"""Frames of a request on their way from the thread that reads the worker to the one that waits for them."""

from __future__ import annotations

from queue import Empty, SimpleQueue

from edge.engine.process.frames import Frame
from edge.engine.process.process import WorkerDied

LAG_FRAMES = 4096
LAG_BYTES = 8 * 2**20
"""Whoever is so far behind with reading is not going to read: the request is given up, the others go on."""


class Reply:
    """The frames of one request, on their way to the thread that reads them; at the end maybe why there are no more."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.cancelled = False
        self._queue: SimpleQueue[tuple[Frame | WorkerDied, int]] = SimpleQueue()
        self._put_bytes = self._got_bytes = 0  # each is changed by one thread only

    def put(self, frame: Frame | WorkerDied, size: int = 0) -> bool:
        """Add a frame; False when the reader is too far behind for that."""
        if self._queue.qsize() >= LAG_FRAMES or self._put_bytes - self._got_bytes > LAG_BYTES:
            return False
        self._put_bytes += size
        self._queue.put((frame, size))
        return True

    def end(self, death: WorkerDied) -> None:
        """Add the reason why nothing more comes."""
        self._queue.put((death, 0))

    def get(self, limit_s: float | None) -> Frame | WorkerDied | None:
        """Return the next frame, or the reason; None when there is none yet."""
        try:
            frame, size = self._queue.get(timeout=limit_s)
        except Empty:
            return None
        self._got_bytes += size
        return frame
