"""From ranked chunks to readable passages: a chunk is shown with its neighbours under the same heading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edge.packs.pack import Chunk, Pack
from edge.retrieval.vector import Closeness
from edge.text.units import split_units
from edge.types import Passage

MAX_WORDS = 220
MAX_WORDS_OF_STEPS = 400
"""A procedure is shown whole where it can be: half of one is worse than none."""
MAX_PAGES = 2
REACH = 4
"""Neighbours looked at on either side."""
SPARE = 20
"""Chunks looked at beyond the wanted number of passages, for those that merge."""


def make_passages(pack: Pack, scores: Mapping[int, float], limit: int) -> list[Passage]:
    """Passages around the chunks of one pack, which come best first; a chunk already shown makes none of its own.

    They lack what only a reader needs; ``completed`` adds it.
    """
    ids = list(scores)[: limit + SPARE]
    around = {near for id in ids for near in range(id - REACH, id + REACH + 1)}
    chunks = {chunk.id: chunk for chunk in pack.get_chunks(sorted(around))}
    passages: list[Passage] = []
    shown: set[int] = set()
    for id in ids:
        if id in shown:
            continue
        run = _add_neighbours(chunks, chunks.get(id) or pack.get_chunk(id), shown)
        shown |= {part.id for part in run}
        passages.append(_make_passage(pack, chunks[id], run, scores[id]))
        if len(passages) == limit:
            break
    return passages


def complete(pack: Pack, passage: Passage, found: Mapping[int, Closeness]) -> Passage:
    """Return a passage with page label, place, boxes and doubts, and how close its sentences come to the question.

    Args:
        found: of its chunks; empty without vectors.
    """
    chunks = pack.get_chunks(passage.chunks)
    closeness = {
        unit.text: cosine
        for chunk in chunks
        if chunk.id in found
        for unit, cosine in zip(split_units(chunk.text, chunk.kind), found[chunk.id].units, strict=False)
    }
    return replace(
        passage,
        page_label=pack.get_page_label(pack.get_document(passage.document).id, passage.page_from),
        boxes=tuple(box for chunk in chunks for box in chunk.boxes),
        closeness=closeness,
        place=pack.find_places(passage.chunks[0], passage.chunks[0]).get(passage.chunks[0], ""),
        is_doubtful=not pack.find_doubts(min(passage.chunks), max(passage.chunks)).isdisjoint(passage.chunks),
    )


def _add_neighbours(chunks: Mapping[int, Chunk], found: Chunk, shown: set[int]) -> list[Chunk]:
    """Return a chunk with what stands after and before it in its section, while that stays short."""
    run = [found]
    for step in (1, -1):
        while near := chunks.get(run[-1].id + 1 if step > 0 else run[0].id - 1):
            grown = [*run, near] if step > 0 else [near, *run]
            apart = (near.document, near.section) != (found.document, found.section)
            if apart or near.id in shown or not _is_short(grown):
                break
            run = grown
    return run


def _is_short(run: list[Chunk]) -> bool:
    words = sum(len(part.text.split()) for part in run)
    most = MAX_WORDS_OF_STEPS if all(part.kind == "steps" for part in run) else MAX_WORDS
    return words <= most and run[-1].page_to - run[0].page_from < MAX_PAGES


def _make_passage(pack: Pack, found: Chunk, run: list[Chunk], score: float) -> Passage:
    document = pack.get_document_by_id(found.document)
    page_from, page_to = run[0].page_from, run[-1].page_to
    return Passage(
        pack=pack.manifest.name,
        version=pack.manifest.version,
        document=document.name,
        title=document.title,
        page_from=page_from,
        page_to=page_to,
        page_label=None,
        heading=found.heading,
        text=_join(run),
        score=round(score, 4),
        kind=found.kind,
        signed=pack.signed,
        chunks=tuple(part.id for part in run),
    )


def _join(run: list[Chunk]) -> str:
    """Return the texts one after another; a lead-in or table header that a later chunk repeats is shown once."""
    lines: list[str] = []
    for part in run:
        own = part.text.split("\n")
        if lines and len(own) > 1 and own[0] in lines:
            own = own[1:]
        lines += own
    return "\n".join(lines)
