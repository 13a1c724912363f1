"""Manuals in XML, DITA topics and S1000D data modules: rewritten as HTML, whose reader does the rest.

An element that is not known is read for its text, so that nothing is lost to a schema of another version.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from html.entities import name2codepoint
from xml.etree import ElementTree as ET

from edge.errors import DocumentError
from edge.ingest.document import SourceDocument
from edge.ingest.readers.characters import squeeze
from edge.ingest.readers.html import parse_page

MAX_DEPTH = 150
"""Of elements; what lies deeper is read as text without structure."""
_NESTED_ENTITY = re.compile(rb"<!ENTITY\s+\S+\s+(?:\"[^\"]*&[^#][^\"]*\"|'[^']*&[^#][^']*')")


@dataclass(slots=True)
class Writer:
    """Writes the elements of one schema as HTML.

    ``handlers`` write an element with all that is in it; ``tags`` are renamed; what is in ``skipped`` is left out, and
    counted in ``left_out`` if it has a name there. ``inline`` elements stand within a line.
    """

    handlers: Mapping[str, Callable[[Writer, ET.Element, int], str]]
    tags: Mapping[str, str]
    skipped: Mapping[str, str]
    inline: frozenset[str]
    left_out: dict[str, int] = field(default_factory=dict)
    level: int = 0

    def write(self, element: ET.Element, depth: int = 0) -> str:
        """Write an element, without the text behind it."""
        tag = get_tag(element)
        if tag in self.skipped:
            if name := self.skipped[tag]:
                self.left_out[name] = self.left_out.get(name, 0) + 1
            return ""
        if depth > MAX_DEPTH:
            return f"<p>{escape(read_text(element))}</p>"
        if handler := self.handlers.get(tag):
            return handler(self, element, depth)
        return wrap(self.choose_tag(tag), self.write_content(element, depth), element)

    def choose_tag(self, tag: str) -> str:
        """Return the element of HTML for an element; a container for an unknown one."""
        return self.tags.get(tag) or ("span" if tag in self.inline else "div")

    def write_content(
        self, element: ET.Element, depth: int, without: tuple[ET.Element | None, ...] = ()
    ) -> str:
        """Write what an element holds."""
        parts = [escape(element.text or "")]
        for child in element:
            if child not in without and isinstance(child.tag, str):
                parts.append(self.write(child, depth + 1))
            parts.append(escape(child.tail or ""))
        return "".join(parts)

    def describe_left_out(self) -> tuple[str, ...]:
        """Return a sentence for every kind of what was left out."""
        return tuple(f"{count} {name}{'s' * (count > 1)} left out." for name, count in self.left_out.items())


def read_manual_xml(name: str, data: bytes) -> SourceDocument:
    """Read a DITA topic or an S1000D data module.

    Raises:
        DocumentError: it is broken, or XML of another kind; a map only lists other documents.
    """
    from edge.ingest.readers import dita, s1000d

    root = parse_xml(name, data)
    tag = get_tag(root)
    if tag == "dmodule":
        writer, page = s1000d.write_module(root)
    elif tag in dita.TOPICS:
        writer, page = dita.write_topic(root)
    elif tag in dita.MAPS:
        listed = ", ".join(dict.fromkeys(filter(None, (e.get("href") for e in root.iter()))))
        raise DocumentError(
            f"{name} has no text of its own: it lists {listed or 'nothing'}.",
            "Put these documents beside it: each is read by itself.",
        )
    else:
        raise DocumentError(
            f"{name} is XML of a kind that is not read (<{tag}>).",
            "DITA topics and S1000D data modules are read; save others as HTML or PDF.",
        )
    document = parse_page(name, page)
    return SourceDocument(
        document.title, document.pages, document.blocks, (*writer.describe_left_out(), *document.notes)
    )


def parse_xml(name: str, data: bytes) -> ET.Element:
    """Parse XML. What a document type names outside the file is never fetched; names of characters are those of HTML.

    Raises:
        DocumentError: it is broken, or its entities hold one another, which makes a small file a huge text.
    """
    if _NESTED_ENTITY.search(data):
        raise DocumentError(f"{name} defines entities by others.", "Save it with its entities written out.")
    parser = ET.XMLParser()
    parser.entity.update({known: chr(code) for known, code in name2codepoint.items()})
    try:
        return ET.fromstring(data, parser)
    except (ET.ParseError, ValueError, LookupError) as error:
        raise DocumentError(f"{name} is not readable XML: {error}.", "Check it in an XML editor.") from error


# -- shared by both schemas


def get_tag(element: ET.Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def read_text(element: ET.Element | None) -> str:
    """Return all text below an element on one line."""
    return squeeze(" ".join(element.itertext())) if element is not None else ""


def find(element: ET.Element, *names: str) -> ET.Element | None:
    """Return the first child, child of that child and so on, of these names."""
    found: ET.Element | None = element
    for name in names:
        found = (
            next((child for child in found if get_tag(child) == name), None) if found is not None else None
        )
    return found


def wrap(tag: str, content: str, element: ET.Element | None = None, attributes: str = "") -> str:
    """Write an element of HTML, with the anchor of the one it stands for."""
    anchor = element.get("id") if element is not None else None
    place = f' id="{escape(anchor)}"' if anchor else ""
    return f"<{tag}{place}{attributes}>{content}</{tag}>"


def put_first(html: str, note: str, after: str = "") -> str:
    """Put a note in front of the first paragraph of an element, or of the first one inside the element ``after``."""
    begin = max(html.find(f"<{after}"), 0) if after else 0
    start = html.find(">", max(html.find("<p", begin), begin)) + 1
    return f"{html[:start]}<span>{escape(note)} </span>{html[start:]}"


def write_box(writer: Writer, element: ET.Element, depth: int, label: str) -> str:
    """Write a warning, a caution or a note."""
    return wrap("div", writer.write_content(element, depth), element, f' class="admonition {label}"')


def write_table(writer: Writer, element: ET.Element, depth: int) -> str:
    """Write a table of the exchange model (CALS), which both schemas use."""
    title = find(element, "title")
    caption = wrap("caption", escape(read_text(title))) if title is not None else ""
    parts = [child for child in element if get_tag(child) not in ("title", "desc")]
    tables = []
    for group in parts:
        if get_tag(group) != "tgroup":
            tables.append(writer.write(group, depth + 1))
            continue
        columns = [
            e.get("colname") or str(i) for i, e in enumerate((e for e in group if get_tag(e) == "colspec"), 1)
        ]
        body = "".join(
            wrap(
                "thead" if get_tag(part) == "thead" else "tbody",
                _write_rows(writer, part, columns, depth + 2),
            )
            for part in group
            if get_tag(part) in ("thead", "tbody", "tfoot")
        )
        tables.append(wrap("table", caption + body, element))
    return "".join(tables)


def _write_rows(writer: Writer, part: ET.Element, columns: list[str], depth: int) -> str:
    tag = "th" if get_tag(part) == "thead" else "td"
    rows = []
    for row in part:
        cells = []
        for entry in row:
            first, last = entry.get("namest"), entry.get("nameend")
            wide = (
                columns.index(last) - columns.index(first) + 1 if first in columns and last in columns else 1
            )
            more = entry.get("morerows") or "0"
            high = int(more) + 1 if more.isascii() and more.isdigit() and len(more) < 5 else 1
            cells.append(
                wrap(
                    tag,
                    writer.write_content(entry, depth),
                    None,
                    f' colspan="{max(wide, 1)}" rowspan="{high}"',
                )
            )
        rows.append(wrap("tr", "".join(cells)))
    return "".join(rows)
