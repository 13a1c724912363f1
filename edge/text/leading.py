"""The beginning of a text that is too long for its reader, cut where a sentence or a line ends."""

from __future__ import annotations

from collections.abc import Callable

from edge.text.sentences import split_sentences

Count = Callable[[str], int]
"""How long a text is, for instance in tokens; a longer beginning is never shorter."""


def take_leading(text: str, room: int, count: Count) -> str:
    """Take as many whole sentences or lines from the beginning as have room; of a first one that has none, its
    words."""
    if count(text) <= room:
        return text
    kept = ""
    for sentence in (s for line in text.split("\n") for s in split_sentences(line)):
        longer = f"{kept} {sentence}".lstrip()
        if count(longer) > room:
            return kept or _take_leading_words(sentence, room, count)
        kept = longer
    return kept


def _take_leading_words(sentence: str, room: int, count: Count) -> str:
    words = sentence.split()
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(" ".join(words[:middle])) <= room else (low, middle - 1)
    return " ".join(words[:low])
