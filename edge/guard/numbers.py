"""Which values of an answer no cited passage contains."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from edge.guard.citations import strip_citations
from edge.text.measures import read_unit
from edge.text.units import CELL, HEADER
from edge.text.values import find_values, normalise_characters, normalise_number
from edge.types import Passage

_BARE_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*")
_BRACKETED = re.compile(r"[(\[]\s*([^()\[\]]+?)\s*[)\]]|,\s*([^,]+)$")


def find_unverified(answer: str, passages: Iterable[Passage]) -> tuple[str, ...]:
    """Return the values of an answer that none of these passages contains, each once, as the answer spells them.

    A number must stand beside its unit; what only the question says proves nothing.
    """
    proven = frozenset[str]().union(*map(collect_proofs, passages))
    missing = (value.text for value in find_values(strip_citations(answer)) if value.form not in proven)
    return tuple(dict.fromkeys(missing))


def collect_proofs(passage: Passage) -> frozenset[str]:
    """Return the forms of all values that a passage contains, with its heading, its document and its pages."""
    found: set[str] = {f"page {n}" for n in range(passage.page_from, passage.page_to + 1)}
    found.add(f"page {passage.page_label}")
    for text in (passage.text, passage.heading, passage.title, passage.document):
        for value in find_values(text, ordinals=True):
            found |= value.proves
    return frozenset(found | _collect_table_proofs(passage.text))


def _collect_table_proofs(text: str) -> set[str]:
    """Return numbers whose unit stands in the head of their column (``Torque (Nm)``) or in the cell beside them."""
    found: set[str] = set()
    header: list[str] = []
    for line in normalise_characters(text).splitlines():
        cells = [cell.strip() for cell in line.removeprefix(HEADER).split(CELL)] if CELL in line else []
        if line.startswith(HEADER) or not cells:
            header = cells
            continue
        heads = header if len(header) == len(cells) else [""] * len(cells)
        found |= {
            f"{normalise_number(cell)} {unit}"
            for cell, unit in zip(cells, _find_column_units(heads, cells), strict=True)
            if unit and _BARE_NUMBER.fullmatch(cell)
        }
    return found


def _find_column_units(header: Sequence[str], cells: Sequence[str]) -> list[str]:
    """Return the unit of each cell: the cell on its right if that is a unit, else what its column's head says."""
    beside = [_read_whole_unit(cell) for cell in [*cells[1:], ""]]
    return [right or _read_head_unit(head) for right, head in zip(beside, header, strict=True)]


def _read_head_unit(head: str) -> str:
    match = _BRACKETED.search(head)
    return _read_whole_unit((match[1] or match[2]).strip()) if match else ""


def _read_whole_unit(text: str) -> str:
    unit = read_unit(text, 0)
    return unit[0] if unit and unit[1] == len(text) else ""
