"""Refuse, ask back or quote: what a reading comes to. Pure.

The bounds were chosen on questions to manuals that the network was not fitted on; ``python -m tests.reader.fit`` prints
what other bounds would give.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from edge.guard.warnings import collect
from edge.prompt.template import format_place
from edge.reading.asked import read_cues
from edge.reading.candidates import Candidate, is_for_another_value
from edge.reading.clarify import ASKS, list_choices
from edge.reading.quote import Quotation, quote, write_row
from edge.reading.reader import Reading
from edge.reading.restrict import find_own_section, find_restriction, find_unmet
from edge.text.identifiers import normalise
from edge.types import EXTRACTIVE, Answer, Choice, Citation, Evidence

REFUSE_ABOVE = 0.5
"""A question is refused when the chance that no unit answers it is higher."""
DOUBT_ABOVE = 0.3
UNMET_ABOVE = 0.3
"""A value is not shown when that chance is above the first of these and the weight of the question's words that its
place does not meet above the second: near and wrong is worse than a refusal."""
NEAREST = 3
MAX_RECORDS = 3
"""Rows of one code that are quoted: several machines may use it."""

_BARE_CODE = re.compile(r"[A-Z]{1,4} \d{1,5}[A-Za-z]?|[$#]?(?=\S*\d)[\w$#]+(?:[-_./:][\w]+)*")


def decide(reading: Reading, evidence: Evidence) -> Answer:
    """Return the answer that needs no language model: a quotation, a question back, or an honest no.

    Args:
        evidence: all passages that were read.
    """
    if code := find_bare_code(reading.asked.text):
        return _look_up(code, reading, evidence)
    if found := find_records(reading):
        return _quote_records(found, evidence)
    confidence = 1 - reading.unanswered
    if not reading.candidates or reading.unanswered > REFUSE_ABOVE:
        return refuse(evidence, EXTRACTIVE, confidence)
    chosen = reading.candidates[reading.order[0]]
    lines = quote(reading)
    if _states_number(lines) and (own := find_own_section(reading, chosen)):
        chosen, lines = own, [Quotation(own.spoken, own.n)]
    if _states_number(lines) and is_for_another_value(reading.asked, chosen):
        return refuse(evidence, EXTRACTIVE, confidence)
    if reading.unanswered > DOUBT_ABOVE and _states_number(lines):
        unknown = sum(
            weight for stem, weight in reading.asked.weights.items() if stem in reading.asked.unknown
        )
        if sum(find_unmet(reading, chosen).values()) + unknown > UNMET_ABOVE:
            return refuse(evidence, EXTRACTIVE, confidence)
    if choices := list_choices(reading):
        return _ask_back(choices, evidence, confidence)
    restriction = find_restriction(reading, chosen)
    if restriction and not any(restriction.text in line.text for line in lines):
        lines = [Quotation(restriction.spoken, restriction.n), *lines]
    citations = tuple(Citation(n, evidence.passages[n - 1]) for n in sorted({line.n for line in lines}))
    return Answer(
        text=join_lines(lines),
        mode="extractive",
        engine=EXTRACTIVE,
        citations=citations,
        warnings=collect(citations),
        confidence=confidence,
    )


def find_bare_code(text: str) -> str:
    """Return the code that a question consists of (``4711/23-A``, ``000020``, ``E 207``); empty for any other."""
    match = _BARE_CODE.fullmatch(text.strip().rstrip("?.!"))
    return normalise(match[0]) if match else ""


def _look_up(code: str, reading: Reading, evidence: Evidence) -> Answer:
    """Quote the units that hold a code as it was typed; never another record."""
    holding = [i for i in reading.order if code in _list_codes(reading.candidates[i].text)]
    named = [i for i in holding if code in _list_codes(reading.candidates[i].name)]
    if not holding:
        missing = evidence.missing or (reading.asked.text.strip(),)
        return refuse(replace(evidence, missing=missing), EXTRACTIVE)
    return _quote_records([reading.candidates[(named or holding)[0]]], evidence)


def find_records(reading: Reading) -> list[Candidate]:
    """Return the rows named by the code that a question is all about: "what does error code 20 mean"."""
    words = (word.strip("?!.,;\"'") for word in reading.asked.text.split())
    about = read_cues("asks")["about_code"]
    code = find_bare_code(" ".join(word for word in words if not about.fullmatch(word.lower())))
    if not code:
        return []
    named = [reading.candidates[i] for i in reading.order]
    named = [c for c in named if c.name and code in (normalise(c.name), *_list_codes(c.name))]
    return list({c.spoken: c for c in named}.values())[:MAX_RECORDS]


def _quote_records(records: Sequence[Candidate], evidence: Evidence) -> Answer:
    lines = [Quotation(write_row(c) if c.kind == "row" else c.spoken, c.n) for c in records]
    citations = tuple(Citation(n, evidence.passages[n - 1]) for n in sorted({c.n for c in records}))
    return Answer(
        text=join_lines(lines),
        mode="extractive",
        engine=EXTRACTIVE,
        citations=citations,
        warnings=collect(citations),
        confidence=1.0,
    )


def _list_codes(text: str) -> set[str]:
    """Return every word of a text as a code, and every two neighbours as one (``E 207``)."""
    words = [word.strip("|,;:()[]\"'") for word in text.split()]
    pairs = [a + b for a, b in pairwise(words) if a.isalpha() and a.isupper()]
    return {normalise(word) for word in (*words, *pairs) if word}


def _ask_back(choices: Sequence[Candidate], evidence: Evidence, confidence: float) -> Answer:
    """Ask which of several is meant; what each of them says stands beside it."""
    lines = [f"{n}. {c.name} ({c.heading}): {c.spoken} [{c.n}]" for n, c in enumerate(choices, 1)]
    citations = tuple(Citation(n, evidence.passages[n - 1]) for n in sorted({c.n for c in choices}))
    return Answer(
        text="\n".join([ASKS, *lines]),
        mode="clarify",
        engine=EXTRACTIVE,
        citations=citations,
        warnings=collect(citations),
        choices=tuple(Choice(c.name, c.n) for c in choices),
        confidence=confidence,
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


def join_lines(lines: Sequence[Quotation]) -> str:
    """Write the lines; those from one passage on end have its number once, behind the last of them."""
    written = []
    for line, following in zip(lines, [*lines[1:], None], strict=True):
        ends = following is None or following.n != line.n
        written.append(f"{line.text} [{line.n}]" if ends else line.text)
    return "\n".join(written)


def _states_number(lines: Sequence[Quotation]) -> bool:
    return any(character.isdigit() for line in lines for character in line.text)
