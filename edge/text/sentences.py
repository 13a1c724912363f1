"""Sentences of technical prose, where a full stop also ends "e.g.", "approx." and "No." and stands in 2.5 mm."""

from __future__ import annotations

import re

_ABBREVIATIONS = """e.g i.e etc approx ca max min no nos fig figs sec ch vol ed vs resp incl excl dia temp temps ref nom
    dept inc ltd co mr mrs dr st p pp cf al est art eq ver rev""".split()

_END = re.compile(r"(?<=[.!?])[)\"'”’\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9Ω°±•-])")
_ABBREVIATED = re.compile(rf"(?:^|[\s(])(?:{'|'.join(map(re.escape, _ABBREVIATIONS))})\.$", re.IGNORECASE)
_ORDINAL = re.compile(r"^\s*\(?[0-9a-zA-Z]{1,2}[.)]$")


def split_sentences(text: str) -> list[str]:
    """Split a text into sentences in order, trimmed. Joined by blanks they are the text with its blanks evened out."""
    found: list[str] = []
    begin = 0
    for match in _END.finditer(text):
        piece = text[begin : match.end()].strip()
        if _ABBREVIATED.search(piece) or _ORDINAL.match(piece):
            continue
        found.append(piece)
        begin = match.end()
    found.append(text[begin:].strip())
    return [" ".join(piece.split()) for piece in found if piece]
