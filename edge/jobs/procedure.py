"""The procedures of a document: numbered steps under one heading, with what they need and what they warn of.

A procedure is known by the id of the chunk that its first step stands in, and its number there: ``17.1``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from edge.errors import NotFoundError
from edge.guard.warnings import find_lines
from edge.jobs.limits import Limit, find_limits
from edge.jobs.things import Things, find_listed, find_things
from edge.packs.pack import Chunk, Document, Pack
from edge.text.units import CELL, HEADER
from edge.types import Box

LEAST_STEPS = 2
BREADCRUMB = " > "

_STEP = re.compile(r"\s*(?:step\s+(\d{1,2})[.:)]?|(\d{1,3})[.)]|([a-z])[.)])\s+(?=\S)", re.IGNORECASE)
_ITEM = re.compile(r"\s*[-•*·–]\s+\S")
_SAFETY = re.compile(r"\b(?:safety|warnings?|danger|sicherheit\w*|warnhinweise?|gefahren)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Caution:
    """A warning, word for word, and its page. ``before_step`` is the step it stands in front of; None: of them all."""

    text: str
    page: int
    before_step: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A step as the manual has it.

    Attributes:
        number: its position, from 1.
        label: what the manual numbers it with.
        text: without the number.
        details: lines between it and the next step: items, remarks, code, rows.
        page, page_to: 1-based positions in the file; the same once it has been located.
        boxes: where its lines stand; empty where that is not known for certain.
        limits: what its text sets.
    """

    number: int
    label: str
    text: str
    page: int
    page_to: int
    details: tuple[str, ...] = ()
    page_label: str | None = None
    place: str = ""
    boxes: tuple[Box, ...] = ()
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure with all that a job needs, so that it can be finished without its pack.

    ``lead`` is the line that announces it. ``digest`` is the pack's, ``sha256`` that of the document.
    """

    id: str
    pack: str
    version: str
    digest: str
    signed: bool
    document: str
    sha256: str
    title: str
    heading: str
    lead: str
    steps: tuple[Step, ...]
    cautions: tuple[Caution, ...] = ()
    tools: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The last heading above it; the line that announces it where there is none."""
        return self.heading.rsplit(BREADCRUMB, 1)[-1] or self.lead.rstrip(":") or self.title


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    chunk: Chunk

    @property
    def page(self) -> int:
        return self.chunk.page_from


@dataclass(slots=True)
class _Draft:
    """A procedure that is being read: its steps, each with the lines that follow it."""

    lead: str
    steps: list[tuple[_Line, list[_Line]]] = field(default_factory=list)
    cautions: list[tuple[_Line, int]] = field(default_factory=list)
    """Warnings between its steps, each with the number of the step that follows."""
    numbered: int = 0


def list_procedures(pack: Pack, document: str | None = None) -> list[Procedure]:
    """List the procedures of a pack, or of one document, in reading order.

    Raises:
        NotFoundError: the pack has no such document.
    """
    documents = pack.list_documents() if document is None else [pack.get_document(document)]
    return [procedure for each in documents for procedure in _read_document(pack, each)]


def get_procedure(pack: Pack, id: str) -> Procedure:
    """Return the procedure of an id.

    Raises:
        NotFoundError: the pack has none of this id.
    """
    chunk = id.partition(".")[0]
    if chunk.isdecimal() and len(chunk) < 12 and 1 <= int(chunk) <= pack.chunk_count:
        document = pack.get_document_of(int(chunk))
        for procedure in _read_document(pack, document):
            if procedure.id == id:
                return procedure
    raise NotFoundError(
        f"The pack '{pack.manifest.name}' has no procedure '{id}'.",
        f"`edge jobs start {pack.manifest.name}` lists those it has.",
    )


def find_procedure(pack: Pack, document: str, heading: str, text: str) -> Procedure:
    """Find the procedure that a passage shows.

    Args:
        document: its file name.
        heading: the passage's breadcrumb.
        text: the passage.

    Raises:
        NotFoundError: there is none in it.
    """
    lines = {" ".join(line.split()) for line in text.split("\n")}
    procedures = list_procedures(pack, document)

    def count_shown(procedure: Procedure) -> int:
        written = (f"{step.label} {step.text}".strip() for step in procedure.steps)
        return sum(" ".join(line.split()) in lines for line in written)

    best = max(procedures, key=lambda p: (count_shown(p), p.heading == heading), default=None)
    if best is None or not (count_shown(best) or best.heading == heading):
        raise NotFoundError("This passage holds no procedure.", "Only numbered steps can be done as a job.")
    return best


def _read_document(pack: Pack, document: Document) -> Iterator[Procedure]:
    chunks = pack.get_chunks(range(document.first_chunk, document.last_chunk + 1))
    sections = [list(of) for _, of in groupby(chunks, key=lambda chunk: chunk.section)]
    general = _GeneralCautions(sections)
    lists = [(section[0].heading, find_listed(section)) for section in sections]
    for section in sections:
        numbers: dict[int, int] = {}
        lines = _read_lines(section)
        before = [line for line in lines if any(find_lines(line.text))]
        for draft in _find_drafts(lines):
            chunk = draft.steps[0][0].chunk.id
            numbers[chunk] = numbers.get(chunk, 0) + 1
            id = f"{chunk}.{numbers[chunk]}"
            cautions = tuple(_collect_cautions(general.find(section), before, draft))
            listed = [things for heading, things in lists if _is_beside(heading, section[0].heading)]
            yield _make(pack, document, id, section[0].heading, draft, cautions, listed)


def _read_lines(section: Sequence[Chunk]) -> list[_Line]:
    """Read the lines of a section; a lead-in that a later chunk repeats is read once."""
    lines: list[_Line] = []
    for chunk in section:
        texts = chunk.text.split("\n")
        if lines and len(texts) > 1 and texts[0] in {line.text for line in lines}:
            texts = texts[1:]
        lines += [_Line(text, chunk) for text in texts]
    return lines


def _find_drafts(lines: Iterable[_Line]) -> Iterator[_Draft]:
    """Find runs of numbered lines that count up; what stands between two steps belongs to the first of them."""
    draft: _Draft | None = None
    between: list[_Line] = []
    waiting: list[_Line] = []
    for line in lines:
        match = _STEP.match(line.text)
        if any(find_lines(line.text)):
            waiting.append(line)
            continue
        if match is None or (match[3] and draft and not _is_lettered(draft)):
            between.append(line)
            continue
        number = int(match[1] or match[2]) if not match[3] else ord(match[3].lower()) - ord("a") + 1
        if draft is None or number <= draft.numbered:
            if draft:
                _end(draft, between)
                yield from [draft] * (len(draft.steps) >= LEAST_STEPS)
            lead = between[-1].text if between and between[-1].text.endswith(":") else ""
            draft = _Draft(lead)
        else:
            draft.steps[-1][1].extend(between)
            draft.cautions += [(warning, len(draft.steps) + 1) for warning in waiting]
        draft.steps.append((line, []))
        draft.numbered, between, waiting = number, [], []
    if draft:
        _end(draft, between)
        yield from [draft] * (len(draft.steps) >= LEAST_STEPS)


def _end(draft: _Draft, between: Sequence[_Line]) -> None:
    """Give the last step the list that it announces; other text after it is not of the procedure."""
    last, details = draft.steps[-1]
    if last.text.endswith(":"):
        for line in between:
            if not (_ITEM.match(line.text) or _STEP.match(line.text)):
                break
            details.append(line)


def _is_lettered(draft: _Draft) -> bool:
    match = _STEP.match(draft.steps[0][0].text)
    return bool(match and match[3])


class _GeneralCautions:
    """The warnings that hold for more than one section: those right under a heading above, and under "Safety"."""

    def __init__(self, sections: Sequence[Sequence[Chunk]]) -> None:
        found = (
            (chunk, line) for section in sections for chunk in section for line in find_lines(chunk.text)
        )
        self._found = list(found)

    def find(self, section: Sequence[Chunk]) -> list[tuple[str, int]]:
        heading = section[0].heading
        return [
            (line, chunk.page_from)
            for chunk, line in self._found
            if chunk.section != section[0].section and _holds_for(chunk.heading, heading)
        ]


def _holds_for(above: str, heading: str) -> bool:
    parent, _, last = above.rpartition(BREADCRUMB)
    if heading.startswith(above + BREADCRUMB):
        return True
    return bool(_SAFETY.search(last)) and (not parent or heading.startswith(parent + BREADCRUMB))


def _is_beside(heading: str, other: str) -> bool:
    """Tell whether two sections stand under the same heading, or one under the other."""
    parent = heading.rpartition(BREADCRUMB)[0]
    return (
        heading == other
        or heading.startswith(other + BREADCRUMB)
        or parent == other.rpartition(BREADCRUMB)[0] != ""
    )


def _collect_cautions(
    general: Iterable[tuple[str, int]], own: Iterable[_Line], draft: _Draft
) -> Iterator[Caution]:
    """Collect the warnings that apply: the general ones, then those of the section, each once."""
    seen: set[str] = set()
    before = {warning.text: step for warning, step in draft.cautions}
    for text, page, step in [
        *((text, page, None) for text, page in general),
        *((line.text.strip(), line.page, before.get(line.text)) for line in own),
    ]:
        if text not in seen:
            seen.add(text)
            yield Caution(text, page, step)


def _make(
    pack: Pack,
    document: Document,
    id: str,
    heading: str,
    draft: _Draft,
    cautions: tuple[Caution, ...],
    listed: Sequence[Things],
) -> Procedure:
    steps = tuple(_make_step(pack, document, n, *step) for n, step in enumerate(draft.steps, 1))
    named = find_things([" ".join([step.text, *step.details]) for step in steps])
    return Procedure(
        id=id,
        pack=pack.manifest.name,
        version=pack.manifest.version,
        digest=pack.digest,
        signed=pack.signed,
        document=document.name,
        sha256=document.sha256,
        title=document.title,
        heading=heading,
        lead=draft.lead,
        steps=steps,
        cautions=cautions,
        tools=_unite(things.tools for things in (*listed, named)),
        parts=_unite(things.parts for things in (*listed, named)),
    )


def _unite(groups: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return all names, each once, whatever its case."""
    found: dict[str, str] = {}
    for group in groups:
        for name in group:
            found.setdefault(name.lower(), name)
    return tuple(found.values())


def _make_step(pack: Pack, document: Document, number: int, line: _Line, following: Sequence[_Line]) -> Step:
    match = _STEP.match(line.text)
    assert match is not None, "only such lines are steps"
    details = tuple(each.text.removeprefix(HEADER) for each in following)
    text = line.text[match.end() :].strip()
    return Step(
        number=number,
        label=match[0].strip(),
        text=text,
        page=line.page,
        page_to=line.chunk.page_to,
        details=details,
        page_label=pack.get_page_label(document.id, line.page),
        place=pack.find_places(line.chunk.id, line.chunk.id).get(line.chunk.id, ""),
        limits=find_limits(gather_text(text, details)),
    )


def gather_text(text: str, details: Iterable[str]) -> str:
    """Return the text of a step in which limits are looked for: a row of a table is no instruction."""
    return "\n".join([text, *(line for line in details if CELL not in line)])
