"""Frames between a worker process and its parent: one JSON object a line, never anything that could run code.

To the worker: ``{"op", "id", …}`` asks for something, ``{"op": "cancel", "id"}`` gives it up, ``{"op": "ping"}`` wants
a sign of life, ``{"op": "stored", …}`` tells what the parent keeps, ``{"op": "answer", …}`` replies to an ask.

From it: ``{"ready": facts}`` or ``{"error", "hint"}`` first; then, for a request, ``{"id", "token", "logprobs"?}`` any
number of times and ``{"id", "done": {…}}`` or ``{"id", "error", "busy"?}`` once, after a cancellation too;
``{"ask": {…}}``, one at a time; ``{"pong": true}``. For each token ``logprobs`` has
``[[text, logprob], [[text, logprob], …]]``: itself, and alternatives.
"""

from __future__ import annotations

import json
from typing import Any

Frame = dict[str, Any]

MAX_FRAME_BYTES = 16 * 2**20
"""A line longer than this is a fault of the sender, not a frame."""


MAX_MESSAGE = 300
"""Characters of a message that comes from the other side."""


class FrameError(ValueError):
    """Something that is not a frame, or cannot be one."""


class RequestError(Exception):
    """The request cannot be answered; the worker goes on."""


def encode(frame: Frame) -> bytes:
    """Encode a frame as one line.

    Raises:
        FrameError: it would be too long for the other side.
    """
    line = json.dumps(frame, separators=(",", ":")).encode("ascii") + b"\n"
    if len(line) > MAX_FRAME_BYTES:
        raise FrameError(f"{len(line):,} bytes are too long")
    return line


def decode(line: bytes) -> Frame:
    """Decode the frame that a line holds.

    Raises:
        FrameError: it is not a JSON object.
    """
    try:
        frame = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"not JSON: {line[:80]!r}") from error
    if not isinstance(frame, dict):
        raise FrameError(f"not an object: {line[:80]!r}")
    return frame


def clean(text: object) -> str:
    """Turn a message from the other side into one short line that cannot steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in str(text)[: 2 * MAX_MESSAGE]).strip()[:MAX_MESSAGE]
