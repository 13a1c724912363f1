"""Server-sent events out of bytes, however they are cut. Pure.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_EVENT_BYTES = 1 << 20
"""A token with twenty alternatives takes 4 KB."""

_END = re.compile(rb"\r\n|\n|\r(?!$)")  # a return that comes last may be half of a line end
_BOM = b"\xef\xbb\xbf"


class EventTooLong(ValueError):
    """An event, or a line of one, that is longer than any answer needs."""


class EventParser:
    """Takes bytes as they come, gives the data of each event; comments and other fields are passed over."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # of a line that has not ended
        self._data: list[bytes] = []
        self._size = 0
        self._begun = False

    def feed(self, block: bytes) -> Iterator[str]:
        """Yield the events that end in these bytes.

        Raises:
            EventTooLong: one is longer than ``MAX_EVENT_BYTES``.
        """
        self._size += len(block)
        self._rest.append(block)
        if any(end in part for part in self._rest[-2:] for end in (b"\n", b"\r")):
            *lines, rest = _END.split(b"".join(self._rest))
            self._rest = [rest]
            for line in lines:
                yield from self._take_line(line)
        if self._size > MAX_EVENT_BYTES:
            raise EventTooLong

    def end(self) -> Iterator[str]:
        """Yield the event that the end cut off, as far as it goes."""
        yield from self._take_line(b"".join(self._rest).rstrip(b"\r"))
        yield from self._take_line(b"")

    def _take_line(self, line: bytes) -> Iterator[str]:
        if not self._begun:
            line, self._begun = line.removeprefix(_BOM), True
        if not line:
            if self._data:
                yield b"\n".join(self._data).decode("utf-8", "replace")
            self._data, self._size = [], sum(map(len, self._rest))
            return
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
