"""A document's pages in a pack, and the records that are searched."""

from __future__ import annotations

from dataclasses import dataclass

from edge.types import Box, ChunkKind


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its 1-based position, the label printed on it where that differs, size in points.

    The size is 0 where there is no paper.
    """

    number: int
    label: str | None = None
    width: float = 0.0
    height: float = 0.0


@dataclass(frozen=True, slots=True)
class Record:
    """A chunk ready for the index.

    ``heading`` is the breadcrumb (``Chapter > Section``), ``section`` counts sections within the document: chunks
    with the same number stand under the same heading. ``place`` is where it stands in a file without pages: ``#reset``
    (an anchor) or ``row 17``. ``is_doubtful`` means that a value in it was read from a scan, and not for sure.
    """

    kind: ChunkKind
    heading: str
    text: str
    page_from: int
    page_to: int
    section: int
    boxes: tuple[Box, ...] = ()
    place: str = ""
    is_doubtful: bool = False
