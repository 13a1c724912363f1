"""The text of an answer as it leaves: whole characters only, and nothing of a stop text, not even its beginning."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class TextStream:
    """Bytes of tokens in, text out.

    Args:
        stops: texts that end the answer; the first to be complete counts.
    """

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.stopped = False
        """True when a stop text came; nothing follows it."""

    def feed(self, piece: bytes) -> str:
        """Return the text that can be shown after this piece, maybe nothing yet."""
        text = self._decoder.decode(piece)
        return self._release(text) if text and not self.stopped else ""

    def end(self) -> str:
        """Release what was held back because it might have become a stop text. Half characters are dropped."""
        held, self._held = self._held, ""
        return "" if self.stopped else held

    def _release(self, text: str) -> str:
        if not self._stops:
            return text
        text = self._held + text
        found = [(position, -len(stop)) for stop in self._stops if (position := text.find(stop)) >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)[0]]
        keep = max(_count_overlap(text, stop) for stop in self._stops)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]


def _count_overlap(text: str, stop: str) -> int:
    """Count how many of the last characters of a text are how the stop text begins."""
    for count in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:count]):
            return count
    return 0
