"""OpenDocument spreadsheets: the file holds the text that every cell shows, so it is taken from there."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from edge.errors import DocumentError
from edge.ingest.document import Block, SourceDocument
from edge.ingest.readers.archive import check_archive
from edge.ingest.readers.characters import squeeze
from edge.ingest.records import NumberedRow, write_records
from edge.packs.record import Page

MAX_REPEATED = 1000
"""Times that a row or cell with text is repeated; programs repeat empty ones to the end of the sheet."""


def read_opendocument(name: str, data: bytes) -> SourceDocument:
    """Read a spreadsheet of LibreOffice and its kin.

    Raises:
        DocumentError: it is broken, locked, or unpacks to too much.
    """
    check_archive(name, data, ".ods", "spreadsheet")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            content = archive.read("content.xml")
            pictures = sum(part.startswith("Pictures/") for part in archive.namelist())
        root = ET.fromstring(content)
    except (zipfile.BadZipFile, KeyError, ET.ParseError, RuntimeError) as error:
        raise DocumentError(
            f"{name} is not a readable spreadsheet, or it is locked with a password.",
            "Open it in a spreadsheet program and save it again without a password.",
        ) from error
    hidden = {_get(e, "name") for e in root.iter() if _tag(e) == "style" and _is_hidden_style(e)}
    tables = [e for e in root.iter() if _tag(e) == "table"]
    shown = [table for table in tables if _get(table, "style-name") not in hidden]
    blocks: list[Block] = []
    for table in shown:
        sheet = squeeze(_get(table, "name"))
        several = len(shown) > 1
        found = list(write_records(_read_rows(table), f"sheet {sheet}" if several else "", 1 + several))
        blocks += [Block("heading", sheet, level=1)] if several and found else []
        blocks += found
    notes = [
        f"Left out: hidden sheet {squeeze(_get(table, 'name'))}." for table in tables if table not in shown
    ]
    comments = sum(_tag(e) == "annotation" for e in root.iter())
    notes += [f"{comments} comment{'s' * (comments > 1)} left out."] if comments else []
    notes += (
        [f"{pictures} picture{'s' * (pictures > 1)} left out: text inside is not read."] if pictures else []
    )
    return SourceDocument("", (Page(1),), tuple(blocks), tuple(notes))


def _is_hidden_style(style: ET.Element) -> bool:
    return _get(style, "family") == "table" and any(_get(e, "display") == "false" for e in style)


def _read_rows(table: ET.Element) -> Iterator[NumberedRow]:
    """Yield the rows of a sheet; a merged cell stands in every cell that it covers."""
    number = 0
    hanging: dict[int, tuple[int, str]] = {}
    for row in _list_rows(table):
        cells, is_wide, hanging = _read_cells(row, hanging)
        times = int(_get(row, "number-rows-repeated") or 1)
        filled = any(cells)
        for _ in range(min(times, MAX_REPEATED) if filled else 1):
            yield NumberedRow(number + 1, cells, is_wide)
            number += 1
        number += times - (min(times, MAX_REPEATED) if filled else 1)


def _list_rows(element: ET.Element) -> Iterator[ET.Element]:
    for child in element:
        if _tag(child) == "table-row":
            yield child
        elif _tag(child) in ("table-header-rows", "table-rows", "table-row-group"):
            yield from _list_rows(child)


def _read_cells(
    row: ET.Element, hanging: dict[int, tuple[int, str]]
) -> tuple[Sequence[str], bool, dict[int, tuple[int, str]]]:
    """Return the texts of a row, whether a cell covers several columns, and what hangs into the rows below."""
    cells: list[str] = []
    below = {column: (left - 1, text) for column, (left, text) in hanging.items() if left > 1}
    is_wide = False
    across: tuple[int, str] = (0, "")
    for cell in row:
        if _tag(cell) not in ("table-cell", "covered-table-cell"):
            continue
        times = int(_get(cell, "number-columns-repeated") or 1)
        text = _read_text(cell)
        columns, rows = (int(_get(cell, f"number-{way}-spanned") or 1) for way in ("columns", "rows"))
        for _ in range(min(times, MAX_REPEATED) if text or _tag(cell) != "table-cell" else times):
            column = len(cells)
            if _tag(cell) == "covered-table-cell":
                left, shared = across
                shown = hanging[column][1] if column in hanging else shared if left > 0 else text
                across = (left - 1, shared)
                cells.append(shown)
            elif not text and times > MAX_REPEATED:
                break
            else:
                across = (columns - 1, text)
                cells.append(text)
            if rows > 1:
                below |= {column + offset: (rows - 1, text) for offset in range(min(columns, MAX_REPEATED))}
        is_wide = is_wide or columns > 1
    while cells and not cells[-1]:
        cells.pop()
    filled = [cell for cell in cells if cell]
    if len(filled) > 1 and len(set(filled)) == 1 and is_wide:  # a title over the whole width
        return [filled[0], *[""] * (len(cells) - 1)], False, below
    return cells, is_wide, below


def _read_text(cell: ET.Element) -> str:
    return squeeze(" ".join(_join_text(child) for child in cell if _tag(child) in ("p", "h")))


def _join_text(element: ET.Element) -> str:
    parts = [element.text or ""]
    for child in element:
        tag = _tag(child)
        if tag in ("s", "tab", "line-break"):
            parts.append(" ")
        elif tag != "annotation":
            parts.append(_join_text(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _get(element: ET.Element, name: str) -> str:
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")
