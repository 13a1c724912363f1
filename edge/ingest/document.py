"""The result of every reader: a document as blocks in reading order, independent of the file format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge.packs.record import Page
from edge.types import Box

BlockKind = Literal["heading", "paragraph", "step", "item", "row", "record", "code", "warning"]


@dataclass(frozen=True, slots=True)
class Block:
    """One heading, paragraph, numbered step, list item, table row, record, piece of code or safety warning.

    A ``record`` is a row of a data file that names its own fields and stands alone as a chunk.

    ``page`` is where it starts, ``boxes`` one rectangle a line (they may run on to later pages). ``level`` is the
    depth of a heading (1 is the highest). ``header`` is the table's header row, for a ``row``. ``title`` is that of the
    table or group of rows that it stands in. ``place`` is where a citation leads in a file without pages: ``#reset`` or
    ``row 17``. ``is_doubtful`` means that a value in it was read from a picture, and not for sure.
    """

    kind: BlockKind
    text: str
    page: int = 1
    boxes: tuple[Box, ...] = ()
    level: int = 0
    header: str = ""
    title: str = ""
    place: str = ""
    is_doubtful: bool = False


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A document as read. ``title`` is empty when the file does not name itself.

    ``notes`` tell the publisher what was not read, or read in another place than it is printed: a sentence each.
    """

    title: str
    pages: tuple[Page, ...]
    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()
