"""DOCX: paragraphs and tables in document order, through python-docx."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from edge.errors import DocumentError
from edge.ingest.document import Block, SourceDocument
from edge.ingest.readers.characters import squeeze
from edge.ingest.readers.lists import find_marker, format_item
from edge.ingest.readers.warnings import join_warnings
from edge.packs.record import Page
from edge.text.units import join_row

MAX_UNPACKED = 512 * 1024 * 1024
BROKEN_HINT = "Open it in a word processor and save it again as .docx, or save it as PDF."
NO_TITLE = "Word Document"
"""What python-docx calls a document without properties."""

_HEADING = re.compile(r"^heading (\d)", re.IGNORECASE)
_MONO = re.compile(r"code|preformatted|source|listing|macro", re.IGNORECASE)


def read_docx(name: str, data: bytes) -> SourceDocument:
    """Read a Word document.

    Raises:
        DocumentError: it is broken, protected, or unpacks to more than ``MAX_UNPACKED`` bytes.
    """
    _check_archive(name, data)
    import docx

    try:
        document = docx.Document(io.BytesIO(data))
        blocks = tuple(join_warnings(_read_blocks(document)))
        title = squeeze(document.core_properties.title or "")
    except Exception as error:  # python-docx and lxml raise what the damaged part happens to break
        raise DocumentError(f"{name} is not a readable Word document.", BROKEN_HINT) from error
    heading = next((b.text for b in blocks if b.kind == "heading"), "")
    return SourceDocument(heading if title in ("", NO_TITLE) else title, (Page(1),), blocks)


def _check_archive(name: str, data: bytes) -> None:
    """Refuse what is not DOCX before anything is unpacked."""
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise DocumentError(
            f"{name} is protected with a password or an old .doc file.",
            "Save it as .docx without a password.",
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except Exception as error:  # zipfile raises several kinds on damaged archives
        raise DocumentError(f"{name} is not a readable Word document.", BROKEN_HINT) from error
    if unpacked > MAX_UNPACKED:
        raise DocumentError(
            f"{name} unpacks to more than {MAX_UNPACKED >> 20} MiB.", "Split it into smaller documents."
        )


def _read_blocks(document: Any) -> Iterator[Block]:
    from docx.table import Table

    numbers: dict[tuple[str, int], int] = {}
    for item in document.iter_inner_content():
        if isinstance(item, Table):
            numbers.clear()
            yield from _read_rows(item)
        else:
            yield from _read_paragraph(item, numbers)


def _read_paragraph(paragraph: Any, numbers: dict[tuple[str, int], int]) -> Iterator[Block]:
    style = str(paragraph.style.name or "") if paragraph.style is not None else ""
    text = squeeze(paragraph.text)
    if _MONO.search(style) and paragraph.text.strip():
        yield Block("code", paragraph.text.rstrip())
        return
    if not text:
        return
    if match := _HEADING.match(style):
        numbers.clear()
        yield Block("heading", text, level=max(int(match[1]), 1))
    elif style.lower() == "title":
        yield Block("heading", text, level=1)
    elif key := _find_list_key(paragraph, style):
        yield _make_list_item(text, key, numbers)
    elif found := find_marker(text):
        yield Block(found.kind, format_item(found))
    else:
        yield Block("paragraph", text)


def _find_list_key(paragraph: Any, style: str) -> tuple[str, int] | None:
    """Return the numbering a list paragraph counts in, and its depth; None if it is not in a list."""
    properties = paragraph._p.pPr
    numbering = properties.numPr if properties is not None else None
    if numbering is not None and numbering.numId is not None and numbering.numId.val:
        depth = numbering.ilvl.val if numbering.ilvl is not None else 0
        kind = _find_number_format(paragraph, numbering.numId.val, depth)
        return f"{kind}:{numbering.numId.val}", depth
    lowered = style.lower()
    if lowered.startswith("list number"):
        return "decimal:style", int(lowered[-1]) if lowered[-1].isdigit() else 1
    return ("bullet:style", 0) if lowered.startswith("list bullet") else None


def _find_number_format(paragraph: Any, number: int, depth: int) -> str:
    """Return ``bullet`` or the number format of a numbering definition."""
    try:
        root = paragraph.part.numbering_part.element
        space = {"w": root.nsmap["w"]}
        (abstract,) = root.xpath(f"./w:num[@w:numId='{int(number)}']/w:abstractNumId/@w:val")
        formats = root.xpath(
            f"./w:abstractNum[@w:abstractNumId='{int(abstract)}']/w:lvl[@w:ilvl='{int(depth)}']/w:numFmt/@w:val"
        )
        return str(formats[0]) if formats and space else "bullet"
    except (KeyError, ValueError, AttributeError, NotImplementedError):
        return "bullet"


def _make_list_item(text: str, key: tuple[str, int], numbers: dict[tuple[str, int], int]) -> Block:
    if key[0].startswith("bullet"):
        return Block("item", f"- {text}")
    for deeper in [k for k in numbers if k[0] == key[0] and k[1] > key[1]]:
        del numbers[deeper]
    numbers[key] = numbers.get(key, 0) + 1
    return Block("step", f"{numbers[key]}. {text}")


def _read_rows(table: Any) -> Iterator[Block]:
    rows = [_read_cells(row) for row in table.rows]
    rows = [row for row in rows if any(row)]
    if not rows:
        return
    if max(map(len, rows)) < 2:
        yield from (Block("paragraph", row[0]) for row in rows)
        return
    header = join_row(rows[0]) if len(rows) > 1 else ""
    for row in rows[1:] or rows:
        yield Block("row", join_row(row), header=header)


def _read_cells(row: Any) -> list[str]:
    """Return the cell texts; a merged cell counts once."""
    texts: list[str] = []
    last = None
    for cell in row.cells:
        if cell._tc is not last:
            texts.append(squeeze(cell.text))
        last = cell._tc
    return texts
