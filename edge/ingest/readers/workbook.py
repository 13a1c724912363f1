"""Workbooks of Excel: every sheet is a table of records. Values come from calamine, how they are shown from the file.

Hidden sheets, pictures, charts and comments are left out and named.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from edge.errors import DocumentError
from edge.ingest.document import Block, SourceDocument
from edge.ingest.readers.archive import OLD_FORMAT, check_archive
from edge.ingest.readers.characters import squeeze
from edge.ingest.readers.number_formats import BUILT_IN, format_value
from edge.ingest.records import NumberedRow, write_records
from edge.packs.record import Page

MAX_MERGED = 10_000
"""Cells that one merged range may cover; a larger one is only the look of an empty sheet."""

_STYLED = re.compile(rb'<(?:\w+:)?c\b(?=[^>]*?\br="([A-Z]{1,3})(\d{1,7})")(?=[^>]*?\bs="(\d{1,6})")[^>]*>')
_LEFT_OUT = (
    (r"xl/media/", "picture"),
    (r"xl/charts/chart", "chart"),
    (r"xl/embeddings/", "embedded object"),
)

Formats = Mapping[tuple[int, int], str]


@dataclass(frozen=True, slots=True)
class _Merged:
    """Cells that a merged range covers, with the first cell of the range; rows in which a range covers columns."""

    first: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    wide: frozenset[int] = frozenset()


def read_workbook(name: str, data: bytes) -> SourceDocument:
    """Read a workbook of Excel, also a binary or an old one.

    Raises:
        DocumentError: it is broken, locked, or unpacks to too much.
    """
    is_old = data.startswith(OLD_FORMAT)
    if not is_old:
        check_archive(name, data, ".xlsx", "workbook")
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        formats = {} if is_old or name.lower().endswith(".xlsb") else _read_formats(data)
        shown = [sheet for sheet in workbook.sheets_metadata if _is_shown(sheet.typ, sheet.visible)]
        blocks: list[Block] = []
        for sheet in shown:
            several = len(shown) > 1
            rows = _read_rows(workbook.get_sheet_by_name(sheet.name), formats.get(sheet.name, {}))
            found = list(write_records(rows, f"sheet {squeeze(sheet.name)}" if several else "", 1 + several))
            blocks += [Block("heading", squeeze(sheet.name), level=1)] if several and found else []
            blocks += found
        hidden = [sheet.name for sheet in workbook.sheets_metadata if not _is_shown(sheet.typ, sheet.visible)]
        notes = [f"Left out: hidden sheet or chart {squeeze(sheet)}." for sheet in hidden]
        notes += _describe_left_out(data) if not is_old else []
    except (CalamineError, zipfile.BadZipFile, ET.ParseError, KeyError, ValueError, OverflowError) as error:
        raise DocumentError(
            f"{name} is not a readable workbook, or it is locked with a password.",
            "Open it in a spreadsheet program and save it again as .xlsx without a password.",
        ) from error
    if is_old or name.lower().endswith(".xlsb"):
        notes.append("Numbers are read as they are stored: formats of cells are read from .xlsx only.")
    return SourceDocument("", (Page(1),), tuple(blocks), tuple(notes))


def _is_shown(kind: SheetTypeEnum, visible: SheetVisibleEnum) -> bool:
    return kind == SheetTypeEnum.WorkSheet and visible == SheetVisibleEnum.Visible


def _read_rows(sheet: CalamineSheet, formats: Formats) -> Iterator[NumberedRow]:
    """Yield the rows of a sheet as shown; a merged cell stands in every cell that it covers."""
    if sheet.start is None:
        return
    top, left = sheet.start
    merged = _find_merged(sheet)
    above: dict[tuple[int, int], str] = {}
    for number, values in enumerate(sheet.iter_rows(), top):
        cells = [
            squeeze(format_value(value, formats.get((number, column), "")))
            for column, value in enumerate(values, left)
        ]
        for index, text in enumerate(cells):
            first = merged.first.get((number, index + left))
            if first == (number, index + left):
                above[first] = text
            elif first:
                cells[index] = above.get(first, "")
        yield NumberedRow(number + 1, _drop_title_repeats(cells), number in merged.wide)


def _drop_title_repeats(cells: Sequence[str]) -> Sequence[str]:
    """Return a row that a single merged cell fills as this cell alone: it is a title."""
    filled = [cell for cell in cells if cell]
    return [filled[0], *[""] * (len(cells) - 1)] if len(filled) > 1 and len(set(filled)) == 1 else cells


def _find_merged(sheet: CalamineSheet) -> _Merged:
    first: dict[tuple[int, int], tuple[int, int]] = {}
    wide: set[int] = set()
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or []:
        if (bottom - top + 1) * (right - left + 1) > MAX_MERGED:
            continue
        first.update(
            {
                (row, column): (top, left)
                for row in range(top, bottom + 1)
                for column in range(left, right + 1)
            }
        )
        if right > left and right - left + 1 < sheet.width:
            wide.update(range(top, bottom + 1))
    return _Merged(first, frozenset(wide))


# -- how cells are shown


def _read_formats(data: bytes) -> dict[str, Formats]:
    """Return for every sheet the number formats of its cells, by row and column from 0; plain cells are left out."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if "xl/styles.xml" not in archive.namelist():
            return {}
        styles = _read_styles(archive.read("xl/styles.xml"))
        if not styles:
            return {}
        return {
            name: _find_formats(archive.read(path), styles)
            for name, path in _list_sheets(archive).items()
            if path in archive.namelist()
        }


def _read_styles(part: bytes) -> dict[int, str]:
    """Return the number format of every cell style that has one."""
    root = ET.fromstring(part)
    own = {_get(e, "numFmtId"): _get(e, "formatCode") for e in root.iter() if _tag(e) == "numFmt"}
    known = {str(number): code for number, code in BUILT_IN.items()} | own
    lists = [e for e in root if _tag(e) == "cellXfs"]
    return {
        number: code
        for number, style in enumerate(lists[0] if lists else ())
        if (code := known.get(_get(style, "numFmtId"), "")) and code not in ("General", "@")
    }


def _list_sheets(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the part of every sheet by the sheet's name."""
    relations = ET.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    targets = {
        _get(e, "Id"): posixpath.normpath(posixpath.join("/xl", _get(e, "Target")))[1:] for e in relations
    }
    sheets = [e for e in ET.fromstring(archive.read("xl/workbook.xml")).iter() if _tag(e) == "sheet"]
    return {_get(e, "name"): targets.get(_get(e, "id"), "") for e in sheets}


def _find_formats(part: bytes, styles: Mapping[int, str]) -> Formats:
    return {
        (int(row) - 1, _count_column(column)): code
        for column, row, style in _STYLED.findall(part)
        if (code := styles.get(int(style)))
    }


def _count_column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number - 1


def _describe_left_out(data: bytes) -> Iterator[str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        for pattern, what in _LEFT_OUT:
            if count := sum(bool(re.match(pattern, name)) for name in names):
                yield f"{count} {what}{'s' * (count > 1)} left out: text inside is not read."
        comments = [name for name in names if re.match(r"xl/comments[^.]*\.xml", name)]
        if count := sum(len(re.findall(rb"<(?:\w+:)?comment\b", archive.read(name))) for name in comments):
            yield f"{count} comment{'s' * (count > 1)} left out."
        drawings = [name for name in names if re.match(r"xl/drawings/drawing\d+\.xml", name)]
        texts = [text for name in drawings for text in re.findall(rb"<a:t>([^<]+)</a:t>", archive.read(name))]
        if texts:
            yield f"Text in drawings left out: {squeeze(b' '.join(texts).decode('utf-8', 'replace'))[:200]}."


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _get(element: ET.Element, name: str) -> str:
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")
