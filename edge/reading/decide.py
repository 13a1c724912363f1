"""Refuse, ask back or quote: what a reading comes to. Pure."""

from __future__ import annotations

from edge.guard.warnings import collect
from edge.prompt.template import format_place
from edge.reading.quote import Quotation, quote
from edge.reading.reader import Reading
from edge.types import EXTRACTIVE, Answer, Citation, Evidence

REFUSE_ABOVE = 0.5
"""A question is refused when the chance that no unit answers it is higher."""
NEAREST = 3


def decide(reading: Reading, evidence: Evidence) -> Answer:
    """Return the answer that needs no language model: a quotation, a question back, or an honest no."""
    if not reading.candidates or reading.unanswered > REFUSE_ABOVE:
        return refuse(evidence, EXTRACTIVE, 1 - reading.unanswered)
    lines = quote(reading)
    numbers = sorted({line.n for line in lines})
    citations = tuple(Citation(n, evidence.passages[n - 1]) for n in numbers)
    return Answer(
        text=_join(lines),
        mode="extractive",
        engine=EXTRACTIVE,
        citations=citations,
        warnings=collect(citations),
        confidence=1 - reading.unanswered,
    )


def refuse(evidence: Evidence, engine: str, confidence: float = 0.0) -> Answer:
    """Say an honest no, with the pages that came nearest."""
    nearest = tuple(Citation(n, passage) for n, passage in enumerate(evidence.passages[:NEAREST], 1))
    text = "Not in the installed packs"
    text += f": none mentions {' or '.join(evidence.missing)}." if evidence.missing else "."
    if nearest:
        places = "; ".join(f"{format_place(citation.passage)} [{citation.n}]" for citation in nearest)
        text += f" Nearest: {places}."
    return Answer(text=text, mode="refused", citations=nearest, engine=engine, confidence=confidence)


def _join(lines: list[Quotation]) -> str:
    """Write the lines, each run from one passage with its number once, behind the last of them."""
    written = []
    for line, following in zip(lines, [*lines[1:], None], strict=True):
        ends = following is None or following.n != line.n
        written.append(f"{line.text} [{line.n}]" if ends else line.text)
    return "\n".join(written)
