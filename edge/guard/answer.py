"""Checks what an engine wrote before anybody reads it as an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge.guard.citations import find_cited_numbers, resolve, strip_citations, tidy
from edge.guard.numbers import find_unverified
from edge.text.sentences import split_sentences
from edge.types import Citation, Passage

NOT_SAID = "The passages do not say."
"""What the prompt tells a model to answer when the passages do not."""

_SOURCE = r"(?:passages?|manuals?|documents?|documentation|texts?|sources?|contexts?|excerpts?|information)"
_SAY = r"(?:say|state|mention|contain|specify|provide|include|give|describe|answer|cover|discuss|address|explain|tell)"
_SAID = r"(?:said|stated|mentioned|specified|provided|included|given|described|covered|found)"
_REFUSAL = re.compile(
    rf"\b{_SOURCE}\b[^.]{{0,40}}\b(?:do(?:es)? not|don't|doesn't|did not|cannot|can't)\s+(?:\w+ly\s+)?{_SAY}"
    rf"|\b(?:is|are|was|were) not (?:\w+ly )?{_SAID}\b[^.]{{0,30}}\b{_SOURCE}\b"
    rf"|\bno (?:\w+ )?(?:information|mention|details?)\b[^.]{{0,60}}\b{_SOURCE}\b"
    r"|\bI (?:do not|don't) know\b|\bI (?:cannot|can't|am unable to|am not able to) (?:answer|find|determine|say)\b",
    re.IGNORECASE,
)
_ABOUT_PASSAGES = re.compile(r"(?:the |these )?(?:given |provided )?passages?\b", re.IGNORECASE)
_ORDINAL_ONLY = re.compile(r"\W*(?:\d{1,2}|[a-z])?\W*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be shown of an engine's text.

    Attributes:
        text: the text without the sentences that state an unverified value.
        citations: the passages it cites.
        unverified: values and codes that no cited passage contains.
        refused: the engine says that the passages do not answer.
        ungrounded: nothing is left that cites a passage; the text must not be shown.
    """

    text: str
    citations: tuple[Citation, ...]
    unverified: tuple[str, ...]
    refused: bool
    ungrounded: bool


def check(text: str, passages: Sequence[Passage]) -> Verdict:
    """Judge an answer against the passages it was given. A value counts if a passage cited anywhere in it has it."""
    text = tidy(text.strip(), passages)
    citations = resolve(text, passages)
    if _refuses(text, cites=bool(citations)):
        return Verdict(text, citations, (), refused=True, ungrounded=False)
    cited = [citation.passage for citation in citations]
    lines, missing = [], []
    for line in text.split("\n"):
        kept, values = _screen(line, cited)
        missing += values
        if kept is not None:
            lines.append(kept)
    shown = "\n".join(lines).strip()
    citations = resolve(shown, passages)
    return Verdict(shown, citations, tuple(dict.fromkeys(missing)), refused=False, ungrounded=not citations)


def _screen(line: str, cited: Sequence[Passage]) -> tuple[str | None, list[str]]:
    """Return what may stay of a line, None if nothing does, and the values that may not."""
    pieces = list(_split_pieces(line))
    missing = [find_unverified(piece, cited) for piece in pieces]
    if not any(missing):
        return line, []
    kept = [piece for piece, values in zip(pieces, missing, strict=True) if not values]
    rest = None if all(map(_ORDINAL_ONLY.match, kept)) else " ".join(kept)
    return rest, [value for values in missing for value in values]


def _split_pieces(line: str) -> Iterator[str]:
    """Return sentences with the citations that stand behind their full stop."""
    waiting = ""
    for sentence in split_sentences(line):
        while opening := _find_opening_citation(sentence):
            waiting, sentence = f"{waiting} {opening}".strip(), sentence[len(opening) :].lstrip()
        if sentence:
            if waiting:
                yield waiting
            waiting = sentence
    if waiting:
        yield waiting


def _find_opening_citation(sentence: str) -> str:
    """``[1]`` at the beginning of what the splitter took for a sentence."""
    end = sentence.find("]") + 1
    return sentence[:end] if sentence.startswith("[") and find_cited_numbers(sentence[:end]) else ""


def _refuses(text: str, cites: bool) -> bool:
    """Tell whether every sentence only says that there is no answer ("This manual does not cover repairs [1]")."""
    spoken = [piece for line in text.split("\n") for piece in _split_pieces(strip_citations(line))]
    if cites and not any(map(_ABOUT_PASSAGES.match, spoken)):
        return False
    return bool(spoken) and all(map(_REFUSAL.search, spoken))
