"""Citations in an answer: ``[1]``, ``[1, 3]``, ``[1][3]`` name passages by their number in the prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edge.text.measures import read_unit
from edge.types import Citation, Passage

_CITATION = re.compile(r"\s*[\[【]\s*(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\s*[\]】]")
_TAKES_VALUE = re.compile(r"\b(?:to|of|at|is|are|by|takes|than|least|most|exceed)$", re.IGNORECASE)


def find_cited_numbers(text: str) -> tuple[int, ...]:
    """Return the numbers that a text cites, each once, in order."""
    return tuple(dict.fromkeys(n for match in _CITATION.finditer(text) for n in _parse_numbers(match[1])))


def strip_citations(text: str) -> str:
    """Return the text alone."""
    return _CITATION.sub("", text)


def resolve(text: str, passages: Sequence[Passage]) -> tuple[Citation, ...]:
    """Return the passages that a text cites, by number; what does not exist is left out."""
    existing = sorted(n for n in find_cited_numbers(text) if 1 <= n <= len(passages))
    return tuple(Citation(n, passages[n - 1]) for n in existing)


def tidy(text: str, passages: Sequence[Passage]) -> str:
    """Return the text with citations as ``[1][3]`` and without those of passages that do not exist.

    A bracket that is part of a passage, such as the key in "press [9]", stays. A number that is a quantity, as in
    "tighten to [95] Nm", loses its brackets and is checked as one.
    """

    def rewrite(match: re.Match[str]) -> str:
        if _is_quantity(match, len(passages)):
            return re.sub(r"[\[\]【】]", "", match[0])
        numbers = [n for n in _parse_numbers(match[1]) if 1 <= n <= len(passages)]
        if not numbers and any(match[0].strip() in passage.text for passage in passages):
            return match[0]
        space = match[0][: len(match[0]) - len(match[0].lstrip())]
        return space + "".join(f"[{n}]" for n in numbers) if numbers else ""

    while (tidied := _CITATION.sub(rewrite, text)) != text:  # what is left of "[0[0]]" is a citation again
        text = tidied
    return text


def _is_quantity(match: re.Match[str], passages: int) -> bool:
    behind = match.end() + match.string.startswith(" ", match.end())
    if read_unit(match.string, behind):
        return True
    beyond = not any(1 <= n <= passages for n in _parse_numbers(match[1]))
    return beyond and bool(_TAKES_VALUE.search(match.string[: match.start()]))


def _parse_numbers(inside: str) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", inside)]
