"""The answer without a language model: the row, the sentence, the step or the whole procedure, word for word. Pure.

Citations of a quotation are data: nothing that stands in a manual becomes one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from edge.reading.asked import find_marks, read_cues
from edge.reading.candidates import STEP, Candidate, states_another_value
from edge.reading.reader import Reading
from edge.text.quantities import find_stated_quantities
from edge.text.words import find_content_words

FIRST = ("1", "a", "A", "Step 1")
MAX_WORDS = 60
"""Of what is quoted together, unless it is a procedure."""
SECOND_AT_LEAST = 0.4
"""Another unit is quoted beside the likeliest one when its chance is this share of that one's."""
OTHER_DOCUMENT_AT_LEAST = 0.2
"""The same for a unit of another document that states another value."""
MAX_UNITS = 3
BEFORE_AT_LEAST = 0.1
"""A sentence before the one found is quoted with it when its chance is this share of that one's."""
LINES = ("sentence", "item", "step")


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
        another = states_another_value(reading.asked, other)
        if other.kind not in ("procedure", "list") and not another and _fits_beside(chosen, other):
            chosen.append(other)
    return list(_write(reading, chosen))


def find_disagreeing(reading: Reading, best: Candidate) -> Candidate | None:
    """Return the unit of another document that answers with another value of what is asked for, in like words."""
    asked = reading.asked.quantities
    if not asked & _state(best):
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
        if stated and values and not stated & values and asked & _state(other) and _are_alike(best, other):
            return other
    return None


def _state(candidate: Candidate) -> frozenset[str]:
    """Return the kinds of quantity that a unit states."""
    return frozenset(find_stated_quantities(candidate.text)) | find_stated_quantities(candidate.header)


def _are_alike(one: Candidate, other: Candidate) -> bool:
    """Tell whether two units speak of the same thing: half of the words of the shorter one stand in both."""
    words, others = (
        {word for word in find_content_words(c.spoken) if not word[0].isdigit()} for c in (one, other)
    )
    return 2 * len(words & others) >= max(min(len(words), len(others)), 1)


def _name_document(candidate: Candidate) -> Quotation:
    """Quote a unit behind the name and version of what it stands in."""
    passage = candidate.passage
    return Quotation(
        f"{passage.document} ({passage.pack} {passage.version}): {candidate.spoken}", candidate.n
    )


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
    words = sum(map(_count_words, (*chosen, other)))
    return words <= MAX_WORDS and all(other.text not in c.text and c.text not in other.text for c in chosen)


def _write(reading: Reading, chosen: Sequence[Candidate]) -> Iterator[Quotation]:
    """Write the chosen units, the likeliest first; the first of them with its neighbours, as far as they are short."""
    written: set[tuple[int, str]] = set()
    room = MAX_WORDS - sum(_count_words(c) for c in chosen[1:])
    for candidate in chosen:
        if (candidate.n, candidate.text) in written:
            continue
        if candidate.kind == "row":
            yield Quotation(write_row(candidate), candidate.n)
        elif candidate.kind == "list":
            yield from (Quotation(line, candidate.n) for line in candidate.text.split("\n"))
        else:
            around = _surround(reading, candidate, room)
            room -= sum(map(_count_words, around))
            written |= {(c.n, c.text) for c in around}
            for _, of_line in groupby(around, key=lambda c: c.line):
                yield Quotation(" ".join(c.text for c in of_line), candidate.n)


def write_row(row: Candidate) -> str:
    """Write a row in words under its heading."""
    return f"{row.heading}: {row.spoken}".removeprefix(": ")


def _surround(reading: Reading, found: Candidate, room: int) -> list[Candidate]:
    """Return a sentence with those behind it while there is room, and those before it that may answer, too.

    A step or item stands alone. What refers back needs the sentence before it; what only announces or asks is nothing
    without what follows, whatever that is. Nothing is added that is about another value than the question.
    """
    says = read_cues("says")
    announces = bool(says["announces"].search(found.text.lower()))
    if found.kind != "sentence" and not announces:
        return [found]
    kinds = LINES if announces else ("sentence",)
    run = [
        (candidate, chance)
        for candidate, chance in zip(reading.candidates, reading.chances, strict=True)
        if candidate.n == found.n and candidate.kind in kinds
    ]
    at = next(i for i, (candidate, _) in enumerate(run) if candidate is found)
    around = [found]
    room -= _count_words(found)
    refers = bool(found.lead and says["refers"].match(found.text.lower()))
    for before, chance in reversed(run[:at]):
        room -= _count_words(before)
        if not refers and (room < 0 or chance < BEFORE_AT_LEAST * run[at][1]):
            room += _count_words(before)
            break
        around.insert(0, before)
        refers = False
    for after, _ in run[at + 1 :]:
        room -= _count_words(after)
        follows = announces or around[-1].after == after.text
        if room < 0 or not follows or states_another_value(reading.asked, after):
            break
        around.append(after)
    return around


def _count_words(candidate: Candidate) -> int:
    return len(candidate.spoken.split())
