"""HTML: headings, paragraphs, lists, tables, code and admonitions, each with the anchor that a citation leads to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from html import unescape

from selectolax.lexbor import LexborHTMLParser, LexborNode

from edge.errors import DocumentError
from edge.ingest.document import Block, BlockKind, SourceDocument
from edge.ingest.readers.characters import squeeze
from edge.ingest.readers.decode import decode
from edge.ingest.readers.html_text import (
    ELEMENTS,
    INLINE,
    MAX_DEPTH,
    get_classes,
    holds_blocks,
    is_element,
    is_permalink,
    read_code,
    read_inline,
    read_picture,
    read_text,
)
from edge.ingest.readers.page_frame import strip_page
from edge.ingest.readers.warnings import find_label, is_label, join_warnings, make_admonition, split_signal
from edge.ingest.table import Cell, Row, Table, write_rows
from edge.packs.record import Page

MAX_ADMONITION = 400
"""Words of an admonition; what is longer is a part of the page that happens to have such a class."""
MAX_INNER_TABLE = 40
"""Words of a table that is written into the cell it stands in."""

_CHARSET = re.compile(
    rb"<(?:meta[^>]{0,200}?charset|\?xml[^>]{0,200}?encoding)\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE
)
_XHTML = re.compile(r"\s*<\?xml|<html[^>]{0,300}www\.w3\.org/1999/xhtml", re.IGNORECASE)
_VOID = "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
_SELF_CLOSED = re.compile(rf"<(?!(?:{_VOID})\b)([A-Za-z][\w:-]*)((?:\s[^<>]*)?)/>", re.IGNORECASE)
_SHADOW = re.compile(
    r"<template\b([^>]*\bshadowroot(?:mode)?=[^>]*)>(.*?)</template>", re.IGNORECASE | re.DOTALL
)
_INNER_PAGE = re.compile(
    r"<iframe\b[^>]*?\bsrcdoc\s*=\s*(?:\"([^\"]*)\"|'([^']*)')[^>]*>(?:\s*</iframe\s*>)?", re.IGNORECASE
)
_HEADING = re.compile(r"h[1-6]")
_ADMONITION_TAGS = frozenset(
    "div section blockquote p table details aside dl figure fieldset article".split()
)
_DECORATED = re.compile(r"^(?:text|bg|border|btn|badge|label|table|list|fa|icon|col|row)-")
_TITLE_CLASS = re.compile(r"title|heading|header|label|summary", re.IGNORECASE)
_CALLOUT = re.compile(r"\s*\[!([\w-]+)\][+-]?[ \t]*([^\n]*)(?:\n|\Z)(.*)", re.DOTALL)
_CONTAINERS = re.compile(
    r"admonition|alert|callout|custom-(?:block|container)|hint|message|information-macro|infobox"
)
_PLAIN_LABELS = frozenset("DANGER WARNING CAUTION NOTICE ATTENTION Note Tip Hint Important Seealso".split())
"""Labels that make an admonition of any element with such a class; the others need a class of a container."""


def read_html(name: str, data: bytes) -> SourceDocument:
    """Read a page of HTML.

    Raises:
        DocumentError: it only shows other pages in frames.
    """
    declared = _CHARSET.search(data[:4096])
    text, doubts = decode(data, declared[1].decode("ascii", "replace") if declared else None)
    document = parse_page(name, text)
    return replace(document, notes=(*doubts, *document.notes))


def parse_page(name: str, text: str) -> SourceDocument:
    """Read a page whose text has been decoded.

    Raises:
        DocumentError: it only shows other pages in frames.
    """
    if _XHTML.search(text[:2000]):
        text = _SELF_CLOSED.sub(r"<\1\2></\1>", text)
    text = _INNER_PAGE.sub(lambda frame: f"<div>{unescape(frame[1] or frame[2] or '')}</div>", text)
    tree = LexborHTMLParser(_SHADOW.sub(r"<div\1>\2</div>", text))
    title = squeeze(node.text()) if (node := tree.css_first("title")) else ""
    notes = _describe_others(name, tree)
    notes += strip_page(tree)
    body = tree.body
    blocks = tuple(_spread_places(join_warnings(_read_container(body, 0)))) if body else ()
    heading = next((b.text for b in blocks if b.kind == "heading"), "")
    return SourceDocument(title or heading, (Page(1),), blocks, tuple(notes))


def _describe_others(name: str, tree: LexborHTMLParser) -> list[str]:
    """Return a sentence for pages in frames and for pictures, whose text is not read."""
    frames = [frame.attributes.get("src") or "" for frame in tree.css("frame, iframe")]
    files = ", ".join(dict.fromkeys(squeeze(file) for file in frames if file))
    if tree.body is None and files:
        raise DocumentError(
            f"{name} has no text of its own: it shows {files}.",
            "Put these pages beside it: each is read by itself.",
        )
    pictures = [node for node in tree.css("img[src], object, embed, canvas, video") if not read_picture(node)]
    notes = [f"Not read, because it is a page of its own: {files}."] if files else []
    if pictures:
        count = len(pictures)
        notes.append(
            f"{count} picture{'s' * (count > 1)} left out: text inside {'them' if count > 1 else 'it'} is not read."
        )
    return notes


def _spread_places(blocks: Iterable[Block]) -> Iterator[Block]:
    """Give every block without an anchor that of the heading above it."""
    trail: list[tuple[int, str]] = []
    for block in blocks:
        if block.kind == "heading":
            while trail and trail[-1][0] >= block.level:
                trail.pop()
            place = block.place or (trail[-1][1] if trail else "")
            trail.append((block.level, place))
        yield replace(block, place=block.place or (trail[-1][1] if trail else ""))


# -- blocks


def _read_container(node: LexborNode, depth: int) -> Iterator[Block]:
    """Yield the blocks of a container: block children in turn, runs of inline content as paragraphs."""
    inline: list[str] = []
    for child in node.iter(include_text=True):
        tag = child.tag or ""
        if tag == "-text" or (tag in INLINE and not holds_blocks(child)):
            inline.append(read_inline(child))
        elif tag == "br":
            inline.append("\n")
        elif is_element(child):
            yield from _make_paragraph(inline)
            inline = []
            yield from _read_block(child, tag, depth)
    yield from _make_paragraph(inline)


def _make_paragraph(parts: Sequence[str]) -> Iterator[Block]:
    text = squeeze("".join(parts))
    if text:
        yield Block("paragraph", text)


def _read_block(node: LexborNode, tag: str, depth: int) -> Iterator[Block]:
    if depth > MAX_DEPTH:
        yield from _make_paragraph([node.text(separator=" ")])
    elif level := _find_level(node, tag):
        if text := read_text(node):
            yield Block("heading", text, level=level, place=_find_anchor(node))
    elif blocks := _read_admonition(node, tag, depth):
        yield from blocks
    elif tag == "pre" or (tag == "div" and "fragment" in get_classes(node)):
        if code := read_code(node):
            yield Block("code", code)
    elif tag in ("ul", "ol", "menu"):
        yield from _read_list(node, tag, depth)
    elif tag == "dl":
        yield from _read_definitions(node, depth)
    elif tag == "table":
        yield from _read_table(node, depth)
    else:
        yield from _read_container(node, depth + 1)


def _find_level(node: LexborNode, tag: str) -> int:
    """Return the level of a heading; 0 for anything else."""
    if _HEADING.fullmatch(tag):
        return int(tag[1])
    level = node.attributes.get("aria-level") or "2"
    return int(level) if node.attributes.get("role") == "heading" and level in "123456" else 0


def _find_anchor(heading: LexborNode) -> str:
    """Return the anchor of a heading: its own, one inside or just before it, or that of the section it opens."""
    if own := _get_anchor(heading):
        return own
    for link in heading.css('a[href^="#"]'):
        if is_permalink(link) or link.text().strip() == heading.text().strip():
            return squeeze(link.attributes.get("href") or "")
    for inner in heading.css("[id], a[name]"):
        if found := _get_anchor(inner):
            return found
    node: LexborNode | None = heading
    for _ in range(4):
        before = _get_previous(node) if node is not None else None
        if before is not None:
            is_empty = before.tag in ("a", "span") and not before.text().strip()
            return _get_anchor(before) if is_empty else ""
        node = node.parent if node is not None else None
        if node is None or node.tag in ("body", "main"):
            return ""
        if found := _get_anchor(node):
            return found
    return ""


def _get_previous(node: LexborNode) -> LexborNode | None:
    before = node.prev
    while before is not None and before.tag == "-text" and not (before.text_content or "").strip():
        before = before.prev
    return before


def _get_anchor(node: LexborNode) -> str:
    name = node.attributes.get("id") or (node.attributes.get("name") if node.tag == "a" else None)
    return f"#{squeeze(name)}" if name and squeeze(name) else ""


# -- structures


def _read_list(node: LexborNode, tag: str, depth: int) -> Iterator[Block]:
    start = (node.attributes.get("start") or "1") if tag == "ol" else "1"
    number = int(start) if start.isascii() and start.isdigit() and len(start) < 6 else 1
    for item in node.iter(include_text=True):
        if item.tag == "-text":
            yield from _make_paragraph([item.text_content or ""])
            continue
        if item.tag in ("ul", "ol"):
            yield from _read_list(item, item.tag, depth + 1)
            continue
        if not is_element(item):
            continue
        given = item.attributes.get("value") or ""
        number = int(given) if given.isascii() and given.isdigit() and len(given) < 6 else number
        inner = (
            list(_read_container(item, depth + 1))
            if depth < MAX_DEPTH
            else list(_make_paragraph([item.text()]))
        )
        if not inner:
            continue
        first, rest = inner[0], inner[1:]
        if first.kind == "paragraph":
            sign = f"{number}. " if tag == "ol" else "- "
            kind: BlockKind = "step" if tag == "ol" else "item"
            yield replace(first, kind=kind, text=sign + first.text, place=first.place or _get_anchor(item))
        else:
            yield first
        yield from rest
        number += 1


def _read_definitions(node: LexborNode, depth: int) -> Iterator[Block]:
    """Yield each term together with its definition."""
    terms: list[str] = []
    place = ""
    for child in node.iter(include_text=True):
        if child.tag == "dt":
            terms.append(read_text(child))
            place = _get_anchor(child) or place
        elif child.tag == "dd":
            inner = list(_read_container(child, depth + 1))
            term = ", ".join(filter(None, terms))
            terms = []
            if inner and inner[0].kind == "paragraph" and term:
                yield Block("paragraph", f"{term} – {inner[0].text}", place=place)
                inner = inner[1:]
            elif term:
                yield Block("paragraph", term, place=place)
            yield from inner
            place = ""
        elif child.tag == "-text":
            yield from _make_paragraph([child.text_content or ""])
        elif child.tag == "div":
            yield from (
                _read_definitions(child, depth + 1) if depth < MAX_DEPTH else _make_paragraph([child.text()])
            )
        elif is_element(child):
            yield from _read_block(child, child.tag or "", depth + 1)
    if term := ", ".join(filter(None, terms)):
        yield Block("paragraph", term, place=place)


# -- tables


def _read_table(node: LexborNode, depth: int) -> Iterator[Block]:
    """Yield rows with their header. A table that only lays out a page is read like any container."""
    rows = [row for row in node.css("tr") if _find_table(row) == node]
    cells = [[cell for cell in row.iter() if cell.tag in ("td", "th")] for row in rows]
    if _is_layout(node, cells):
        yield from _read_cells(node, depth)
        return
    caption = node.css_first("caption")
    title = read_text(caption) if caption is not None and _find_table(caption) == node else ""
    made: list[Row] = []
    later: list[Block] = []
    for row, columns in zip(rows, cells, strict=True):
        filled = [_read_cell(cell, depth) for cell in columns]
        own = tuple(cell for cell, _ in filled)
        above = " > ".join(filter(None, (title, own[0].text if own else "")))
        for block in (block for _, blocks in filled for block in blocks):
            later.append(replace(block, title=" > ".join(filter(None, (above, block.title)))))
        made.append(Row(own, _is_in_head(row), _get_anchor(row)))
    yield from write_rows(Table(tuple(made), title))
    yield from later


def _read_cells(node: LexborNode, depth: int) -> Iterator[Block]:
    """Yield what the cells of a table hold, one after another."""
    for cell in node.css("td, th, caption"):
        if _find_table(cell) == node:
            yield from _read_container(cell, depth + 1)


def _find_table(node: LexborNode) -> LexborNode | None:
    parent = node.parent
    while parent is not None and parent.tag != "table":
        parent = parent.parent
    return parent


def _is_in_head(row: LexborNode) -> bool:
    return row.parent is not None and row.parent.tag == "thead"


def _is_layout(node: LexborNode, cells: Sequence[Sequence[LexborNode]]) -> bool:
    """Return whether a table only places parts of a page side by side."""
    if node.attributes.get("role") in ("presentation", "none") or max(map(len, cells), default=0) < 2:
        return True
    if node.css_first("th, caption") is not None:
        return False
    if node.css_first("h1, h2, h3, h4") is not None:
        return True
    if node.css_first("td.code pre, td.rouge-code, div.highlight pre") is not None:
        return True
    return any(
        cell.css_first("table") is not None and (len(row) < 2 or len(row[0].text().split()) > 12)
        for row in cells
        for cell in row
    )


def _read_cell(node: LexborNode, depth: int) -> tuple[Cell, list[Block]]:
    """Return a cell, its lists and small tables on one line, and the rows of a large table inside it."""
    parts: list[str] = []
    later: list[Block] = []
    before = ""
    blocks = (
        list(_read_container(node, depth + 1)) if depth < MAX_DEPTH else list(_make_paragraph([node.text()]))
    )
    inner = sum(len(block.text.split()) for block in blocks if block.kind == "row")
    for block in blocks:
        if block.kind == "row" and inner > MAX_INNER_TABLE:
            later.append(block)
            continue
        text = squeeze(_describe_row(block) if block.kind == "row" else block.text.removeprefix("- "))
        listed = block.kind in ("item", "step", "row") and before in ("item", "step", "row")
        parts += ["; " if listed else " ", text]
        before = block.kind
    text = squeeze("".join(parts))
    bold = sum(len(squeeze(mark.text())) for mark in node.css("b, strong"))
    return (
        Cell(
            text,
            rows=_read_span(node, "rowspan"),
            columns=_read_span(node, "colspan"),
            is_header=node.tag == "th",
            is_bold=bool(text) and bold >= len(text),
        ),
        later,
    )


def _describe_row(block: Block) -> str:
    """Return a row of a small table inside a cell: ``Inlet: 50 C``, or its cells after one another."""
    cells = block.text.split(" | ")
    heads = block.header.split(" | ") if block.header else []
    if len(heads) == len(cells):
        return ", ".join(
            f"{head}: {cell}".removeprefix(": ") for head, cell in zip(heads, cells, strict=True)
        )
    return (": " if len(cells) == 2 else ", ").join(cells)


def _read_span(node: LexborNode, name: str) -> int:
    given = (node.attributes.get(name) or "1").strip()
    span = int(given) if given.isascii() and given.isdigit() and len(given) < 6 else 1
    return span or 65_534 if name == "rowspan" else max(span, 1)


# -- admonitions


def _read_admonition(node: LexborNode, tag: str, depth: int) -> list[Block]:
    """Return an admonition as one block and the tables and code inside it as others.

    It is told by its class or, in a quotation, by its first word.
    """
    component = _find_component_label(node, tag)
    if (tag not in _ADMONITION_TAGS and not component) or len(
        node.text(separator=" ").split()
    ) > MAX_ADMONITION:
        return []
    if tag == "blockquote" and (callout := _read_callout(node)):
        return callout
    label = component or _find_class_label(node)
    if not label or node.css_first("h1, h2") is not None:
        return []
    head = _find_title(node, label)
    title = (
        read_text(head)
        if head is not None
        else squeeze(node.attributes.get("title") or "")
        if component
        else ""
    )
    blocks = list(_read_cells(node, depth) if tag == "table" else _read_container(node, depth + 1))
    if blocks and blocks[0].text == title:
        blocks = blocks[1:]
    rest = [block for block in blocks if block.kind in ("row", "code", "warning")]
    text = " ".join(block.text for block in blocks if block not in rest)
    if not text:  # the box itself is a table
        text, rest = read_text(node).removeprefix(title).strip(), []
    made = make_admonition(label, title, text.removeprefix(f"{title} –").strip() if title else text)
    return [made, *rest] if made else []


def _read_callout(node: LexborNode) -> list[Block]:
    """Read a quotation that opens with a signal word, or with ``[!WARNING] Title`` as in dialects of Markdown."""
    text = read_text(node)
    if (match := _CALLOUT.match(node.text())) and (label := find_label(match[1])):
        made = make_admonition(
            label, squeeze(match[2]), squeeze(text.replace(squeeze(match[0][: match.start(3)]), "", 1))
        )
    else:
        signal = split_signal(text)
        made = make_admonition(signal[0], "", signal[1]) if signal and signal[1] else None
    return [made] if made else []


def _find_component_label(node: LexborNode, tag: str) -> str:
    """Return the label of a component: ``<Warning>``, ``<Callout type="warning">``."""
    if tag in ELEMENTS and tag != "aside":
        return ""
    if tag in ("aside", "callout", "admonition", "alert", "hint"):
        return find_label(node.attributes.get("type") or node.attributes.get("intent") or "")
    return find_label(tag)


def _find_class_label(node: LexborNode) -> str:
    """Return the label that a class names: ``warning``, ``alert-warning``, ``admonition-note``, ``alert--info``."""
    names = [name for name in get_classes(node) if not _DECORATED.match(name)]
    boxed = any(_CONTAINERS.search(name) for name in names)
    ends = [re.split(r"[-_]+", name)[-1] for name in names]
    labels = [find_label(end) for end in ends if end not in ("alert", "admonition")]
    labels = [label for label in labels if label and (boxed or label in _PLAIN_LABELS)]
    return next((label for label in labels if label.isupper()), labels[0] if labels else "")


def _find_title(node: LexborNode, label: str) -> LexborNode | None:
    """Return the title of an admonition: its first element, if a class, a tag or its text says so."""
    first = next((child for child in node.iter() if is_element(child)), None)
    if first is None:
        return None
    text = read_text(first).rstrip(" :")
    is_title = (
        (first.tag in ("summary", "dt", "header") or _HEADING.fullmatch(first.tag or ""))
        or any(_TITLE_CLASS.search(name) for name in get_classes(first))
        or is_label(text)
        or text.lower() == label.lower()
    )
    return first if is_title else None
