"""Words of the question that the chosen unit does not meet, and the sentence of the manual that speaks of them. Pure.

"M10 stainless" is not answered by the row for steel; but where the section says "do not use this table for stainless
bolts", that is the answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from edge.reading.asked import find_marks, read_cues
from edge.reading.candidates import Candidate
from edge.reading.reader import Reading
from edge.text.words import Stems

NAMES = 0.12
"""Weight of the unmet words that a heading must name for its section to be the place for the question."""
SPEAKS_OF = 0.08
"""Weight of the unmet words that a sentence must hold to be quoted beside the chosen unit."""


def find_unmet(reading: Reading, chosen: Candidate) -> dict[str, float]:
    """Return the stems, numbers and codes of the question that neither the unit nor the headings above it hold.

    Words that no pack knows are left out: no sentence can speak of them.
    """
    asked, stems = reading.asked, Stems()
    held = frozenset(stems.split(" ".join(_name_context(chosen))))
    near = {stem: {stem, *asked.related.get(stem, {})} for stem in asked.weights if stem not in asked.unknown}
    unmet = {stem: asked.weights[stem] for stem, others in near.items() if not others & held}
    marks = frozenset[str]().union(*map(find_marks, _name_context(chosen)))
    share = 1 / (len(asked.weights) + len(asked.marks) or 1)
    return unmet | {mark: share for mark in asked.marks if mark not in marks}


def find_restriction(reading: Reading, chosen: Candidate) -> Candidate | None:
    """Return the sentence that speaks of what the chosen unit does not meet.

    In its own section any sentence counts, elsewhere one that forbids.
    """
    unmet = find_unmet(reading, chosen)
    if not unmet:
        return None
    forbids, stems = read_cues("says")["forbids"], Stems()
    best, weight = None, SPEAKS_OF
    for candidate in reading.candidates:
        if candidate.kind not in ("sentence", "item", "step") or candidate.text in chosen.text:
            continue
        if candidate.passage is not chosen.passage and not forbids.search(candidate.text.lower()):
            continue
        speaks = _weigh_held(unmet, candidate, stems)
        if speaks > weight:
            best, weight = candidate, speaks
    return best


def find_own_section(reading: Reading, chosen: Candidate) -> Candidate | None:
    """Return the likeliest unit of another section whose heading names what the chosen unit does not meet.

    Where the manual has a section on stainless bolts, the table for steel is not the place for one.
    """
    unmet, stems = find_unmet(reading, chosen), Stems()
    for i in reading.order:
        candidate = reading.candidates[i]
        if candidate.passage is chosen.passage or candidate.heading == chosen.heading:
            continue
        named = frozenset(stems.split(candidate.heading)) | find_marks(candidate.heading)
        if sum(weight for word, weight in unmet.items() if word in named) > NAMES:
            return candidate
    return None


def _weigh_held(unmet: Mapping[str, float], candidate: Candidate, stems: Stems) -> float:
    held = frozenset(stems.split(candidate.text)) | find_marks(candidate.text)
    return sum(weight for word, weight in unmet.items() if word in held)


def _name_context(chosen: Candidate) -> tuple[str, ...]:
    return chosen.text, chosen.header, chosen.passage.heading, chosen.passage.title
