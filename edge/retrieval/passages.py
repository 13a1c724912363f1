"""From ranked chunks to readable passages: a chunk is shown with its neighbours under the same heading."""

from __future__ import annotations

from collections.abc import Mapping

from edge.packs.pack import Chunk, Pack
from edge.types import Passage

MAX_WORDS = 220
MAX_PAGES = 2
REACH = 4
"""Neighbours looked at on either side."""


def readable(pack: Pack, scores: Mapping[int, float], limit: int) -> list[Passage]:
    """Passages around the chunks of one pack, which come best first; a chunk already shown makes none of its own."""
    passages: list[Passage] = []
    shown: set[int] = set()
    for id, score in scores.items():
        if id in shown:
            continue
        found, run = _with_neighbours(pack, id, shown)
        shown |= {part.id for part in run}
        passages.append(_passage(pack, found, run, score))
        if len(passages) == limit:
            break
    return passages


def _with_neighbours(pack: Pack, id: int, shown: set[int]) -> tuple[Chunk, list[Chunk]]:
    """A chunk, and the run of it and what stands after and before it in its section, while that stays short."""
    nearby = {near.id: near for near in pack.neighbours(id, REACH, REACH)}
    found = nearby[id]
    run = [found]
    for step in (1, -1):
        while near := nearby.get(run[-1].id + 1 if step > 0 else run[0].id - 1):
            grown = [*run, near] if step > 0 else [near, *run]
            if near.section != found.section or near.id in shown or not _short(grown):
                break
            run = grown
    return found, run


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
