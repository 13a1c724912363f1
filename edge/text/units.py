"""What can be quoted from a chunk: its sentences, its steps, its table rows.

Packs hold a vector for each, and answers quote them, so both sides must divide a text alike: change nothing here
without raising ``packs.format.FORMAT``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from edge.text.sentences import split_sentences
from edge.types import ChunkKind

CELL = " | "
HEADER = "| "
"""What a table's header row begins with, so that no row is ever taken for it: a wrong head makes a wrong value."""

EMPTY = "–"
"""An empty cell: left out, the cells behind it would stand under the wrong heads."""

_SOMETHING = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence (or line of code), or a table row with the header of its table. ``line`` counts from 0."""

    line: int
    kind: Literal["sentence", "row"]
    text: str
    header: str = ""

    @property
    def spoken(self) -> str:
        """The unit as it is quoted: a row as ``header: cell`` pairs."""
        if self.kind == "sentence":
            return self.text
        cells = self.text.split(CELL)
        heads = self.header.split(CELL)
        if len(heads) != len(cells):
            return self.text
        pairs = [(head.strip(), cell.strip()) for head, cell in zip(heads, cells, strict=True)]
        return "; ".join(
            f"{head}: {cell}".removeprefix(": ") for head, cell in pairs if cell not in ("", EMPTY)
        )


def join_row(cells: Iterable[str]) -> str:
    """Return a table row as packs hold it; empty when all its cells are."""
    row = [cell.strip() for cell in cells]
    return CELL.join(cell or EMPTY for cell in row) if any(row) else ""


def split_units(text: str, kind: ChunkKind) -> list[Unit]:
    """Return the units of a chunk or passage in order."""
    found: list[Unit] = []
    header = ""
    for number, line in enumerate(text.split("\n")):
        if line.startswith(HEADER):
            header = line.removeprefix(HEADER)
            continue
        if CELL in line:
            found.append(Unit(number, "row", line, header))
            continue
        header = ""
        pieces = [line.strip()] if kind == "code" else split_sentences(line)
        found += [Unit(number, "sentence", piece) for piece in pieces]
    return [unit for unit in found if _SOMETHING.search(unit.text)]


def put_in_context(heading: str, unit: Unit) -> str:
    """Return what is embedded for a unit: it says little without the last heading above it."""
    last = heading.rsplit(" > ", 1)[-1]
    return f"{last}. {unit.spoken}" if last else unit.spoken
