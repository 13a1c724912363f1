"""Safety warnings of the passages an answer cites, word for word: whatever the answer says, these are shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from edge.types import Citation, Warning

# Packs store a warning as one line that opens with its signal word (ANSI Z535, ISO 3864) in capitals.
_WORDS = """DANGER WARNING CAUTION GEFAHR WARNUNG VORSICHT ACHTUNG AVERTISSEMENT PELIGRO ADVERTENCIA PRECAUCIÓN PERICOLO
    AVVERTENZA ATTENZIONE""".split()
_WARNING = re.compile(rf"^[^\w\n]*(?:{'|'.join(_WORDS)})\b.*$", re.MULTILINE)


def collect(citations: Iterable[Citation]) -> tuple[Warning, ...]:
    """Return the warnings of the cited passages in order, each once, with the first citation it stands in."""
    found = {
        text: Warning(text, citation.n)
        for citation in reversed(tuple(citations))
        for text in find_lines(citation.passage.text)
    }
    return tuple(sorted(found.values(), key=lambda warning: warning.citation))


def find_lines(text: str) -> Iterator[str]:
    """Find the lines of a text that are warnings, in order."""
    return (match[0].strip() for match in _WARNING.finditer(text))
