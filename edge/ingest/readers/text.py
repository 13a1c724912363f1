"""Plain text: paragraphs between blank lines, headings told by underline, capitals or number, and lists."""

from __future__ import annotations

import re
from collections.abc import Iterator

from edge.ingest.document import Block, SourceDocument
from edge.ingest.readers.characters import clean, squeeze
from edge.ingest.readers.decode import decode
from edge.ingest.readers.lists import find_marker, format_item
from edge.ingest.readers.warnings import join_warnings, split_signal
from edge.packs.record import Page

_UNDERLINE = re.compile(r"^\s*([=\-~^*#])\1{2,}\s*$")
_NUMBERED = re.compile(r"^(\d{1,2}(?:\.\d{1,3})*)\.?\s+[^\W\d_].{1,70}$")
_UNDERLINE_LEVEL = {"=": 1, "#": 1, "*": 1}


def read_text(name: str, data: bytes) -> SourceDocument:
    """Read plain text."""
    text, notes = decode(data)
    blocks = tuple(join_warnings(_read_blocks(clean(text))))
    title = next((b.text for b in blocks if b.kind == "heading"), "")
    first_is_title = bool(blocks) and blocks[0].kind == "heading"
    return SourceDocument(title if first_is_title else "", (Page(1),), blocks, notes)


def _read_blocks(text: str) -> Iterator[Block]:
    for paragraph in re.split(r"\n\s*\n", text):
        lines = [line.rstrip() for line in paragraph.split("\n") if line.strip()]
        if lines:
            yield from _read_paragraph(lines)


def _read_paragraph(lines: list[str]) -> Iterator[Block]:
    """Yield the blocks of a paragraph, which may open with a heading and may hold a list."""
    if len(lines) > 1 and (mark := _UNDERLINE.match(lines[1])) and len(lines[0].strip()) <= 100:
        yield Block("heading", squeeze(lines[0]), level=_UNDERLINE_LEVEL.get(mark[1], 2))
        lines = lines[2:]
    elif level := _find_heading_level(lines):
        yield Block("heading", squeeze(lines[0]), level=level)
        lines = lines[1:]
    if lines:
        yield from _read_body(lines)


def _find_heading_level(lines: list[str]) -> int:
    """Return the level of an unmarked heading in the first line; 0 if there is none."""
    first = lines[0].strip()
    if split_signal(first) or len(first) > 80 or first[-1] in ".,;:":
        return 0
    if (match := _NUMBERED.match(first)) and len(lines) == 1:
        return match[1].count(".") + 1
    letters = [c for c in first if c.isalpha()]
    return 2 if len(letters) >= 4 and first.isupper() and len(first.split()) <= 10 else 0


def _read_body(lines: list[str]) -> Iterator[Block]:
    if all(line.startswith(("    ", "\t")) for line in lines) and not find_marker(lines[0].strip()):
        yield Block("code", "\n".join(_strip_indent(lines)))
        return
    parts: list[list[str]] = []
    for line in lines:
        if not parts or find_marker(line.strip()):
            parts.append([line])
        else:
            parts[-1].append(line)
    for part in parts:
        text = squeeze(" ".join(part))
        found = find_marker(text)
        if found:
            yield Block(found.kind, format_item(found))
        elif text:
            yield Block("paragraph", text)


def _strip_indent(lines: list[str]) -> list[str]:
    expanded = [line.expandtabs(8) for line in lines]
    margin = min(len(line) - len(line.lstrip()) for line in expanded)
    return [line[margin:] for line in expanded]
