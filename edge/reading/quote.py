"""The answer without a language model: the row, the sentence, the step or the whole procedure, word for word. Pure.

Citations of a quotation are data: nothing that stands in a manual becomes one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge.reading.asked import find_marks, read_cues
from edge.reading.candidates import STEP, Candidate
from edge.reading.reader import Reading

FIRST = ("1", "a", "A", "Step 1")
MAX_WORDS = 60
"""Of what is quoted together, unless it is a procedure."""
SECOND_AT_LEAST = 0.4
"""Another unit is quoted beside the likeliest one when its chance is this share of that one's."""
OTHER_DOCUMENT_AT_LEAST = 0.2
"""The same for a unit of another document that states another value."""
MAX_UNITS = 3


@dataclass(frozen=True, slots=True)
class Quotation:
    """A line of the manual, and the number of the passage it stands in."""

    text: str
    n: int


def quote(reading: Reading) -> list[Quotation]:
    """Quote the likeliest unit with what makes it understood: a procedure whole, a row under its heading."""
    if not reading.candidates:
        return []
    order = reading.order
    best = reading.candidates[order[0]]
    if best.kind == "procedure":
        return _quote_procedure(best)
    if other := find_disagreeing(reading, best):
        return [_name_document(best), _name_document(other)]
    chosen = [best]
    for i in order[1:]:
        other = reading.candidates[i]
        if len(chosen) == MAX_UNITS or reading.chances[i] < SECOND_AT_LEAST * reading.chances[order[0]]:
            break
        if other.kind not in ("procedure", "list") and _fits_beside(chosen, other):
            chosen.append(other)
    return list(_write(reading.candidates, chosen))


def find_disagreeing(reading: Reading, best: Candidate) -> Candidate | None:
    """Return the unit of another document that answers a question for a value with another value."""
    if "value" not in reading.asked.cues:
        return None
    least = OTHER_DOCUMENT_AT_LEAST * reading.chances[reading.order[0]]
    stated = find_marks(best.text) - reading.asked.marks
    for i in reading.order[1:]:
        other = reading.candidates[i]
        if reading.chances[i] < least:
            return None
        if other.document == best.document or other.kind in ("procedure", "list"):
            continue
        values = find_marks(other.text) - reading.asked.marks
        if stated and values and not stated & values:
            return other
    return None


def _name_document(candidate: Candidate) -> Quotation:
    """Quote a unit behind the name and version of what it stands in."""
    passage = candidate.passage
    return Quotation(f"{passage.document} ({passage.pack} {passage.version}): {candidate.spoken}", candidate.n)


def _quote_procedure(best: Candidate) -> list[Quotation]:
    """Quote all steps under the name of what they do: whoever follows the wrong procedure must see that it is.

    Dots stand for steps that another passage begins with.
    """
    lines = best.text.split("\n")
    first = next(line for line in lines if STEP.match(line))
    number = STEP.match(first)
    if number and number[1].rstrip(".):") not in FIRST:
        lines.insert(lines.index(first), "…")
    return [Quotation(line, best.n) for line in ([f"{best.heading}:"] if best.heading else []) + lines]


def _fits_beside(chosen: Sequence[Candidate], other: Candidate) -> bool:
    words = sum(len(c.spoken.split()) for c in (*chosen, other))
    return words <= MAX_WORDS and all(other.text not in c.text and c.text not in other.text for c in chosen)


def _write(candidates: Sequence[Candidate], chosen: Sequence[Candidate]) -> Iterator[Quotation]:
    """Write the chosen units, the likeliest first; a sentence with its neighbours as far as they are short."""
    written: set[tuple[int, str]] = set()
    room = MAX_WORDS - sum(len(c.spoken.split()) for c in chosen)
    for candidate in chosen:
        if (candidate.n, candidate.text) in written:
            continue
        if candidate.kind == "row":
            yield Quotation(f"{candidate.heading}: {candidate.spoken}".removeprefix(": "), candidate.n)
            continue
        if candidate.kind == "list":
            yield from (Quotation(line, candidate.n) for line in candidate.text.split("\n"))
            continue
        around = [candidate]
        if candidate.kind == "sentence":
            around = _surround(candidates, candidate, room)
            room -= sum(len(c.text.split()) for c in around) - len(candidate.text.split())
        written |= {(c.n, c.text) for c in around}
        yield Quotation(" ".join(c.text for c in around), candidate.n)


def _surround(candidates: Sequence[Candidate], found: Candidate, room: int) -> list[Candidate]:
    """Return a sentence with the one before it where it refers back, and with those behind it while there is room."""
    prose = [c for c in candidates if c.n == found.n and c.kind == "sentence"]
    at = prose.index(found)
    around = [found]
    if at and found.lead and read_cues("says")["refers"].match(found.text.lower()):
        around.insert(0, prose[at - 1])
        room -= len(prose[at - 1].text.split())
    for after in prose[at + 1 :]:
        room -= len(after.text.split())
        if room < 0 or around[-1].after != after.text:
            break
        around.append(after)
    return around
