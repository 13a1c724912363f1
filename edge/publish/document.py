"""What every reader returns: a document as blocks in reading order, independent of the file format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge.types import Box, ChunkKind

BlockKind = Literal["heading", "paragraph", "step", "item", "row", "record", "code", "warning"]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its 1-based position, the label printed on it (None where it equals the position), size in points."""

    number: int
    label: str | None = None
    width: float = 0.0
    height: float = 0.0


@dataclass(frozen=True, slots=True)
class Block:
    """One heading, paragraph, numbered step, list item, table row, record, piece of code or safety warning.

    A ``record`` is a row of a data file that names its own fields and stands alone as a chunk.

    ``page`` is where it starts, ``boxes`` one rectangle a line (they may run on to later pages). ``level`` is the
    depth of a heading (1 is the highest). ``header`` is the table's header row, for a ``row``.
    """

    kind: BlockKind
    text: str
    page: int = 1
    boxes: tuple[Box, ...] = ()
    level: int = 0
    header: str = ""


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A document as read. ``title`` is empty when the file does not name itself."""

    title: str
    pages: tuple[Page, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A chunk ready for the index.

    ``heading`` is the breadcrumb (``Chapter > Section``), ``section`` counts sections within the document: chunks
    with the same number stand under the same heading.
    """

    kind: ChunkKind
    heading: str
    text: str
    page_from: int
    page_to: int
    section: int
    boxes: tuple[Box, ...] = ()
