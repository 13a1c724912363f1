"""Words broken at the end of a line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import reduce

from edge.ingest.readers.pdf.lines import Line

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_BROKEN = re.compile(r"([^\W\d_]+)-$")
_TAIL = re.compile(r"[^\W\d_]+")
_WITHIN = re.compile(r"(\w+-) (\w+)")


class Hyphens:
    """Joins words broken at a line end; the words of the document decide whether the hyphen stays."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._words: set[str] = set()
        broken = False
        for line in lines:
            words = _WORD.findall(line.text.casefold())
            first, broken = int(broken), line.text.endswith("-")
            self._words.update(words[first : -1 if broken else None])  # halves of broken words are no words

    def join_all(self, lines: Iterable[str]) -> str:
        """Join the lines of a paragraph."""
        return reduce(self.join, lines)

    def mend(self, text: str) -> str:
        """Join the broken words of lines that were joined with spaces."""
        return _WITHIN.sub(lambda match: self.join(match[1], match[2]), text)

    def join(self, before: str, after: str) -> str:
        """Join two lines of a paragraph."""
        match = _BROKEN.search(before)
        tail = _TAIL.match(after)
        if not match or not tail:
            glue = "" if len(before) > 1 and before.endswith("-") and before[-2].isalnum() else " "
            return before + glue + after
        whole, hyphenated = (match[1] + tail[0]).casefold(), f"{match[1]}-{tail[0]}".casefold()
        if whole in self._words:
            return before[:-1] + after
        compound = not tail[0].islower() or hyphenated in self._words or self._are_words(match[1], tail[0])
        return before + after if compound else before[:-1] + after

    def _are_words(self, *parts: str) -> bool:
        """Return whether all parts are words of their own in this document, and not syllables."""
        return all(len(part) >= 4 and part.casefold() in self._words for part in parts)
