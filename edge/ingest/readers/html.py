"""HTML: headings, paragraphs, lists, tables, code and admonition boxes; navigation and page furniture are dropped."""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from edge.ingest.document import Block, SourceDocument
from edge.ingest.readers.characters import SUPERSCRIPTS, clean, squeeze
from edge.ingest.readers.decode import decode
from edge.ingest.readers.warnings import format_warning, join_warnings
from edge.packs.record import Page
from edge.text.units import join_row

MAX_DEPTH = 200
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_DROPPED = (
    "script, style, noscript, template, nav, aside, head > *:not(title), iframe, svg, canvas, button, select, form, "
    "[role=navigation], [role=search], [role=banner], [role=contentinfo], [hidden], body > header, body > footer, "
    ".toc, #toc, .contents, .breadcrumb, .breadcrumbs, .navheader, .navfooter, .nav-panel, .navigation, .sidebar, "
    ".sphinxsidebar, .headerlink, .toctree-wrapper, .menu, .footer, #footer, .nav, .skip-link"
)
_INLINE = frozenset(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img input ins kbd label mark meter q s samp small "
    "span strong strike sub sup time tt u var wbr".split()
)
_SIGNAL_CLASSES = ("danger", "warning", "caution", "notice", "attention")
_NOTE_CLASSES = ("note", "tip", "hint", "important", "seealso")


def read_html(name: str, data: bytes) -> SourceDocument:
    """Read a page of HTML."""
    declared = _CHARSET.search(data[:4096])
    tree = LexborHTMLParser(decode(data, declared[1].decode("ascii", "replace") if declared else None))
    title = squeeze(node.text()) if (node := tree.css_first("title")) else ""
    for dropped in tree.css(_DROPPED):
        if dropped.tag != "title":
            dropped.decompose()
    root = (
        tree.css_first("main, [role=main], article")
        if len(tree.css("main, [role=main], article")) == 1
        else None
    )
    body = root or tree.body
    blocks = tuple(join_warnings(_read_container(body, 0))) if body else ()
    heading = next((b.text for b in blocks if b.kind == "heading"), "")
    return SourceDocument(title or heading, (Page(1),), blocks)


def _read_container(node: LexborNode, depth: int) -> Iterator[Block]:
    """Yield the blocks of a container: block children in turn, runs of inline content as paragraphs."""
    inline: list[str] = []
    for child in node.iter(include_text=True):
        tag = child.tag or ""
        if tag == "-text" or tag in _INLINE:
            inline.append(_read_inline(child))
        elif tag == "br":
            inline.append("\n")
        elif not tag.startswith(("-", "_", "!")):
            yield from _make_paragraph(inline)
            inline = []
            yield from _read_block(child, tag, depth)
    yield from _make_paragraph(inline)


def _make_paragraph(parts: list[str]) -> Iterator[Block]:
    text = squeeze("".join(parts))
    if text:
        yield Block("paragraph", text)


def _read_block(node: LexborNode, tag: str, depth: int) -> Iterator[Block]:
    if depth > MAX_DEPTH:
        yield from _make_paragraph([node.text(separator=" ")])
    elif len(tag) == 2 and tag[0] == "h" and tag[1] in "123456":
        if text := _read_text(node):
            yield Block("heading", text, level=int(tag[1]))
    elif signal := _find_admonition(node):
        yield from _read_admonition(signal, node)
    elif tag in ("table", "ul", "ol") and _is_navigation(node):
        return
    elif tag == "pre":
        if code := clean(node.text()).strip("\n"):
            yield Block("code", code)
    elif tag in ("ul", "ol", "menu"):
        yield from _read_list(node, tag, depth)
    elif tag == "dl":
        yield from _read_definitions(node, depth)
    elif tag == "table":
        yield from _read_table(node, depth)
    else:
        yield from _read_container(node, depth + 1)


def _is_navigation(node: LexborNode) -> bool:
    """Return whether a list or table holds only links: a table of contents, or a row of buttons."""
    links = node.css("a[href]")
    if len(links) < 3:
        return False
    linked = sum(len(squeeze(link.text())) for link in links)
    if linked < 0.8 * len(re.sub(r"[\s\[\]|<>.]", "", node.text())):
        return False
    within = all((link.attributes.get("href") or "").startswith("#") for link in links)
    return within or (node.tag == "table" and linked <= 12 * len(links))


# -- text


def _read_inline(node: LexborNode) -> str:
    if node.tag == "-text":
        return node.text_content or ""
    if node.tag == "br":
        return " "
    if node.tag == "img":
        return ""
    if node.tag == "sup":
        text = node.text()
        return text.translate(SUPERSCRIPTS) if re.fullmatch(r"[0-9+−-]{1,3}", text.strip()) else text
    return "".join(_read_inline(child) for child in node.iter(include_text=True) if _is_content(child))


def _is_content(node: LexborNode) -> bool:
    return node.tag == "-text" or not (node.tag or "-").startswith(("-", "_", "!"))


def _read_text(node: LexborNode) -> str:
    """Return all text below a node on one line, with spaces between neighbouring blocks."""
    return squeeze("".join(_read_spaced(node, 0)))


def _read_spaced(node: LexborNode, depth: int) -> Iterator[str]:
    for child in node.iter(include_text=True):
        if child.tag == "-text" or child.tag == "sup":
            yield _read_inline(child)
        elif _is_content(child) and depth < MAX_DEPTH:
            block = child.tag not in _INLINE
            yield " " if block else ""
            yield from _read_spaced(child, depth + 1)
            yield " " if block else ""


# -- structures


def _read_list(node: LexborNode, tag: str, depth: int) -> Iterator[Block]:
    start = (node.attributes.get("start") or "1") if tag == "ol" else "1"
    number = int(start) if start.isascii() and start.isdigit() and len(start) < 6 else 1
    for item in node.iter():
        if item.tag in ("ul", "ol"):
            yield from _read_list(item, item.tag, depth + 1)
            continue
        inner = list(_read_container(item, depth + 1))
        if not inner:
            continue
        first, rest = inner[0], inner[1:]
        if first.kind == "paragraph":
            sign = f"{number}. " if tag == "ol" else "- "
            yield Block("step" if tag == "ol" else "item", sign + first.text)
        else:
            yield first
        yield from rest
        number += 1


def _read_definitions(node: LexborNode, depth: int) -> Iterator[Block]:
    """Yield each term together with its definition."""
    terms: list[str] = []
    for child in node.iter():
        if child.tag == "dt":
            terms.append(_read_text(child))
        elif child.tag == "dd":
            inner = list(_read_container(child, depth + 1))
            term = ", ".join(filter(None, terms))
            terms = []
            if inner and inner[0].kind == "paragraph" and term:
                yield Block("paragraph", f"{term} – {inner[0].text}")
                inner = inner[1:]
            elif term:
                yield Block("paragraph", term)
            yield from inner
        else:
            yield from _read_container(child, depth + 1)
    if term := ", ".join(filter(None, terms)):
        yield Block("paragraph", term)


def _read_table(node: LexborNode, depth: int) -> Iterator[Block]:
    """Yield rows with their header. A table that only lays out a page is read like any container."""
    rows = [row for row in node.css("tr") if _find_table(row) == node]
    cells = [[c for c in row.iter() if c.tag in ("td", "th")] for row in rows]
    if node.css_first("table table, pre, ul, ol, dl, h1, h2, h3, h4") or max(map(len, cells), default=0) < 2:
        for row in cells:
            for cell in row:
                yield from _read_container(cell, depth + 1)
        return
    header = ""
    if cells and (all(c.tag == "th" for c in cells[0]) or _is_in_head(rows[0])) and len(cells) > 1:
        header = join_row(map(_read_text, cells[0]))
        cells = cells[1:]
    for row in cells:
        if text := join_row(map(_read_text, row)):
            yield Block("row", text, header=header)


def _find_table(row: LexborNode) -> LexborNode | None:
    parent = row.parent
    while parent is not None and parent.tag != "table":
        parent = parent.parent
    return parent


def _is_in_head(row: LexborNode) -> bool:
    return row.parent is not None and row.parent.tag == "thead"


# -- admonitions


def _find_admonition(node: LexborNode) -> str:
    """Return the label of an admonition box in capitals, from its classes (docutils, AsciiDoc, DocBook, Bootstrap)."""
    if node.tag not in ("div", "section", "blockquote", "p", "table", "details"):
        return ""
    classes = (
        (node.attributes.get("class") or "").lower().replace("alert-", "").replace("admonition-", "").split()
    )
    for label in (*_SIGNAL_CLASSES, *_NOTE_CLASSES):
        if label in classes:
            return label.upper()
    return ""


def _read_admonition(label: str, node: LexborNode) -> Iterator[Block]:
    text = _read_text(node)
    word = re.match(rf"{label}\b\s*[:!.–-]*\s*", text, re.IGNORECASE)
    rest = text[word.end() :] if word else text
    if not rest:
        return
    if label.lower() in _SIGNAL_CLASSES:
        yield Block("warning", format_warning(label, rest))
    else:
        yield Block("paragraph", f"{label.capitalize()}: {rest}")
