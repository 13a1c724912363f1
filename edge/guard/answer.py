"""Checks what an engine wrote before anybody reads it as an answer.

Every sentence gets its sources here, whatever the engine cited. One that no passage supports is struck, with what
cannot be understood without it: a sentence that begins with "It", the rest of a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from edge.guard.citations import find_cited_numbers, strip_citations, tidy
from edge.guard.support import Sources, Support, read_lines
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


_ITEM = re.compile(r"\s*(?:[-*•]|(?:step\s+)?\(?(?:\d{1,2}|[a-z])[.):])\s", re.IGNORECASE)
_GOES_ON = re.compile(
    r"\W*(?:it|its|this|that|these|those|they|them|their|he|she|otherwise|instead|therefore|however|both|such)\b",
    re.IGNORECASE,
)
_END = re.compile(r"[.!?]*$")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be shown of an engine's text.

    Attributes:
        text: the sentences that passages support, with their sources.
        citations: the passages that support it.
        unverified: values and codes that no passage gives for what their sentence names.
        refused: the engine says that the passages do not answer.
        ungrounded: nothing is left that a passage supports; the text must not be shown.
    """

    text: str
    citations: tuple[Citation, ...]
    unverified: tuple[str, ...]
    refused: bool
    ungrounded: bool


@dataclass(frozen=True, slots=True)
class _Piece:
    """A sentence of a line: as it is written, without its citations, and what supports it. A lead-in claims nothing."""

    line: int
    text: str
    body: str
    support: Support
    claims: bool = True

    @property
    def holds(self) -> bool:
        return bool(self.support.passages) or (not self.claims and not self.support.unverified)


def check(text: str, passages: Sequence[Passage]) -> Verdict:
    """Judge an answer against the passages it was given, and give each of its sentences its sources."""
    text = tidy(text.strip(), passages)
    if _refuses(text):
        return Verdict(text, (), (), refused=True, ungrounded=False)
    lines = text.split("\n")
    pieces = _read_pieces(lines, Sources(passages))
    missing = dict.fromkeys(value for piece in pieces for value in piece.support.unverified)
    kept = _cite(_drop_loose_ends(lines, pieces))
    shown = "\n".join(_write_lines(lines, kept)).strip()
    cited = sorted({n for piece in kept if piece.claims for n in piece.support.passages})
    citations = tuple(Citation(n, passages[n - 1]) for n in cited)
    return Verdict(shown, citations, tuple(missing), refused=False, ungrounded=not citations)


def _read_pieces(lines: Sequence[str], sources: Sources) -> list[_Piece]:
    pieces: list[_Piece] = []
    before = ""
    for number, (line, read) in enumerate(zip(lines, read_lines(lines), strict=True)):
        marker = len(line) - len(read) if line.endswith(read) else 0
        for position, piece in enumerate(_split_pieces(line)):
            body = _find_body(piece, sources)
            claim = body[marker:].strip() if position == 0 and marker else body
            goes_on = before if _GOES_ON.match(claim) else ""
            claims = not _ORDINAL_ONLY.match(claim) and not claim.endswith(":") and claim != "…"
            pieces.append(_Piece(number, piece, body, sources.find_support(claim, goes_on), claims))
            before = claim
    return pieces


def _find_body(piece: str, sources: Sources) -> str:
    """Take the citations out of a sentence; a bracket inside what a passage says word for word is none."""
    body = piece
    while match := re.search(r"\s*\[\d{1,3}\](?=[.!?]?$)", body):
        body = body[: match.start()] + body[match.end() :]
        if sources.find_quoted(body):
            return body
    return strip_citations(piece)


def _drop_loose_ends(lines: Sequence[str], pieces: Sequence[_Piece]) -> list[_Piece]:
    """Keep what holds and makes sense alone: no half list, no lead-in without what it leads to, no "It" without it."""
    broken = _find_broken_lists(lines, {piece.line for piece in pieces if not piece.holds})
    kept: list[_Piece] = []
    follows_struck = False
    for piece in pieces:
        if piece.holds and piece.line not in broken and not (follows_struck and _GOES_ON.match(piece.body)):
            kept.append(piece)
            follows_struck = False
        else:
            follows_struck = True
    return [
        piece
        for piece, following in zip_longest(kept, kept[1:])
        if piece and (piece.claims or _ORDINAL_ONLY.match(piece.body) or following or piece is pieces[-1])
    ]


def _find_broken_lists(lines: Sequence[str], struck: set[int]) -> set[int]:
    """Find the lines of lists of which an item is struck, with the line that leads to them."""
    broken: set[int] = set()
    run: list[int] = []
    for number, line in enumerate([*lines, "end"]):
        if _ITEM.match(line):
            run.append(number)
        elif line.strip():
            if struck & set(run):
                broken |= {*run, *_find_lead(lines, run[0])}
            run = []
    return broken


def _find_lead(lines: Sequence[str], first: int) -> set[int]:
    above = next((n for n in range(first - 1, -1, -1) if lines[n].strip()), None)
    return {above} if above is not None and strip_citations(lines[above]).rstrip().endswith(":") else set()


def _cite(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Give each sentence its sources; one that the next citation covers, or that cites rightly, stays as it is."""
    cited: list[_Piece] = []
    covering: set[int] = set()
    for piece in reversed(pieces):
        if not piece.claims:
            cited.append(piece)
            continue
        fitting = set(piece.support.passages)
        own = set(find_cited_numbers(piece.text.replace(piece.body, "")) or find_cited_numbers(piece.text))
        marked = piece.text != piece.body
        if marked and own and (own == fitting if piece.support.together else own <= fitting):
            chosen, text = sorted(own), piece.text
        elif not marked and covering and covering <= fitting and not piece.support.together:
            chosen, text = sorted(covering), piece.text
        else:
            chosen = list(piece.support.passages if piece.support.together else piece.support.passages[:1])
            end = _END.search(piece.body)
            marks = "".join(f"[{n}]" for n in chosen)
            position = end.start() if end else len(piece.body)
            text = f"{piece.body[:position].rstrip()} {marks}{piece.body[position:]}"
        covering = set(chosen)
        cited.append(replace(piece, text=text, support=replace(piece.support, passages=tuple(chosen))))
    return cited[::-1]


def _write_lines(lines: Sequence[str], pieces: Sequence[_Piece]) -> Iterator[str]:
    """Put the sentences back into their lines; a line that lost none and gained nothing keeps its form."""
    for number, line in enumerate(lines):
        texts = [piece.text for piece in pieces if piece.line == number]
        written = " ".join(texts)
        if " ".join(line.split()) == " ".join(written.split()):
            yield line
        elif texts and not all(map(_ORDINAL_ONLY.match, texts)):
            yield line[: len(line) - len(line.lstrip())] + written


def _split_pieces(line: str) -> Iterator[str]:
    """Sentences with the citations that stand behind their full stop."""
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


def _refuses(text: str) -> bool:
    """Tell whether every sentence only says that there is no answer. "This manual does not cover it [1]" is one."""
    spoken = [piece for line in text.split("\n") for piece in _split_pieces(strip_citations(line))]
    if find_cited_numbers(text) and not any(map(_ABOUT_PASSAGES.match, spoken)):
        return False
    return bool(spoken) and all(map(_REFUSAL.search, spoken))
