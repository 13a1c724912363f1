"""From ranked chunks to readable passages: a chunk is shown with its neighbours under the same heading."""

from __future__ import annotations

from collections.abc import Iterable

from edge.packs.pack import Chunk, Pack
from edge.types import Passage

MAX_WORDS = 220
MAX_PAGES = 2
REACH = 4
"""Neighbours looked at on either side."""


def readable(ranked: Iterable[tuple[Pack, Chunk, float]], limit: int) -> tuple[Passage, ...]:
    """The first ``limit`` passages; a chunk that an earlier passage already shows makes none of its own."""
    passages: list[Passage] = []
    shown: set[tuple[Pack, int]] = set()
    for pack, chunk, score in ranked:
        if (pack, chunk.id) in shown:
            continue
        run = _with_neighbours(pack, chunk, shown)
        shown |= {(pack, part.id) for part in run}
        passages.append(_passage(pack, chunk, run, score))
        if len(passages) == limit:
            break
    return tuple(passages)


def _with_neighbours(pack: Pack, chunk: Chunk, shown: set[tuple[Pack, int]]) -> list[Chunk]:
    """The chunk and what stands after and before it in its section, while the passage stays short."""
    nearby = {near.id: near for near in pack.neighbours(chunk.id, REACH, REACH)}
    run = [chunk]
    for step in (1, -1):
        while near := nearby.get(run[-1].id + 1 if step > 0 else run[0].id - 1):
            grown = [*run, near] if step > 0 else [near, *run]
            if near.section != chunk.section or (pack, near.id) in shown or not _short(grown):
                break
            run = grown
    return run


def _short(run: list[Chunk]) -> bool:
    words = sum(len(part.text.split()) for part in run)
    return words <= MAX_WORDS and run[-1].page_to - run[0].page_from < MAX_PAGES


def _passage(pack: Pack, found: Chunk, run: list[Chunk], score: float) -> Passage:
    document = pack.document_of(found.id)
    page_from, page_to = run[0].page_from, run[-1].page_to
    return Passage(
        pack=pack.manifest.name,
        version=pack.manifest.version,
        document=document.name,
        title=document.title,
        page_from=page_from,
        page_to=page_to,
        page_label=pack.page_label(document.id, page_from),
        heading=found.heading,
        text=_joined(run),
        score=round(score, 4),
        kind=found.kind,
        signed=pack.signed,
        boxes=tuple(box for part in run for box in part.boxes),
        chunks=tuple(part.id for part in run),
    )


def _joined(run: list[Chunk]) -> str:
    """The texts one after another; a lead-in or table header that a later chunk repeats is shown once."""
    lines: list[str] = []
    for part in run:
        own = part.text.split("\n")
        if lines and len(own) > 1 and own[0] in lines:
            own = own[1:]
        lines += own
    return "\n".join(lines)
