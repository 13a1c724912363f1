"""DITA: topics, tasks, references and troubleshooting as HTML."""

from __future__ import annotations

from html import escape
from xml.etree import ElementTree as ET

from edge.ingest.readers.manual_xml import (
    Writer,
    find,
    get_tag,
    put_first,
    read_text,
    wrap,
    write_box,
    write_table,
)

TOPICS = frozenset(
    ("topic", "task", "concept", "reference", "troubleshooting", "glossentry", "dita", "machineryTask")
)
MAPS = frozenset(("map", "bookmap", "subjectScheme"))

_TAGS = {
    "p": "p", "shortdesc": "p", "abstract": "div", "cmd": "p", "pre": "pre", "codeblock": "pre", "msgblock": "pre",
    "screen": "pre", "ul": "ul", "ol": "ol", "sl": "ul", "li": "li", "sli": "li", "choices": "ul", "choice": "li",
    "steps": "ol", "substeps": "ol", "step": "li", "substep": "li", "steps-unordered": "ul", "dl": "dl", "dt": "dt",
    "dd": "dd", "parml": "dl", "pt": "dt", "pd": "dd", "glossterm": "h1", "glossdef": "p", "lq": "blockquote",
    "b": "b", "i": "i", "sub": "sub", "sup": "sup", "q": "q", "typeofhazard": "p", "consequence": "p",
    "howtoavoid": "p", "stepsection": "p", "fig": "div", "simpletable": "table", "properties": "table",
    "choicetable": "table", "strow": "tr", "property": "tr", "chrow": "tr", "sthead": "tr", "prophead": "tr",
    "chhead": "tr", "chdesc": "td", "choption": "td", "stentry": "td", "proptype": "td", "propvalue": "td",
    "propdesc": "td",
}  # fmt: skip
_HEADS = frozenset(("sthead", "prophead", "chhead"))
_INLINE = frozenset(
    "ph keyword term xref link uicontrol wintitle menucascade cite codeph filepath userinput systemoutput varname "
    "parmname option apiname cmdname msgnum msgph tm b i u sub sup q tt shortcut data-about text line-through".split()
)
_SKIPPED = {"prolog": "", "image": "picture", "object": "picture", "titlealts": "", "indexterm": "", "data": "",
            "related-links": "list of related link", "draft-comment": "comment",
            "required-cleanup": "comment"}  # fmt: skip
_PARTS = {"prereq": "Before you begin", "result": "Result", "postreq": "What to do next", "cause": "Cause",
          "remedy": "Remedy", "condition": "Condition", "tasktroubleshooting": "Troubleshooting",
          "steptroubleshooting": "Troubleshooting"}  # fmt: skip
_WARNINGS = frozenset(("danger", "warning", "caution", "notice", "attention", "trouble"))
_REMARKS = frozenset(("tip", "important"))
_FILTERS = ("product", "platform", "audience", "otherprops")


def write_topic(root: ET.Element) -> tuple[Writer, str]:
    """Return the writer that was used, and a topic with the topics inside it as HTML."""
    handlers = {
        "title": _write_title, "note": _write_note, "hazardstatement": _write_note, "table": write_table,
        "menucascade": _write_menu, **dict.fromkeys(TOPICS, _write_topic), **dict.fromkeys(_HEADS, _write_head),
        **dict.fromkeys(_PARTS, _write_part), "dlentry": _write_entry, "plentry": _write_entry,
        "step": _write_filtered, "li": _write_filtered, "p": _write_filtered, "section": _write_section,
        "example": _write_section, "xref": _write_link,
    }  # fmt: skip
    writer = Writer(handlers, _TAGS, _SKIPPED, _INLINE)
    return writer, writer.write(root)


def _write_topic(writer: Writer, element: ET.Element, depth: int) -> str:
    writer.level += get_tag(element) != "dita"
    content = writer.write_content(element, depth)
    writer.level -= get_tag(element) != "dita"
    note = _describe_filter(element)
    return wrap("div", f"<p>{escape(note)}</p>{content}" if note else content, element)


def _write_title(writer: Writer, element: ET.Element, depth: int) -> str:
    return wrap(f"h{min(max(writer.level, 1), 6)}", writer.write_content(element, depth), element)


def _write_section(writer: Writer, element: ET.Element, depth: int) -> str:
    writer.level += 1
    content = writer.write_content(element, depth)
    writer.level -= 1
    note = _describe_filter(element)
    return wrap("div", f"<p>{escape(note)}</p>{content}" if note else content, element)


def _write_part(writer: Writer, element: ET.Element, depth: int) -> str:
    """Write a part of a task under its name, unless it has a title of its own."""
    own = find(element, "title") is not None
    heading = "" if own else f"<p>{_PARTS[get_tag(element)]}:</p>"
    return heading + _write_section(writer, element, depth)


def _write_note(writer: Writer, element: ET.Element, depth: int) -> str:
    kind = element.get("type") or ("warning" if get_tag(element) == "hazardstatement" else "note")
    kind = (element.get("othertype") or "note").lower() if kind == "other" else kind
    label = "caution" if kind == "trouble" else kind if kind in _WARNINGS or kind in _REMARKS else "note"
    return write_box(writer, element, depth, label)


def _write_head(writer: Writer, element: ET.Element, depth: int) -> str:
    cells = "".join(wrap("th", writer.write_content(cell, depth + 1)) for cell in element)
    return wrap("tr", cells)


def _write_entry(writer: Writer, element: ET.Element, depth: int) -> str:
    return writer.write_content(element, depth)


def _write_menu(writer: Writer, element: ET.Element, depth: int) -> str:
    return escape(" > ".join(read_text(child) for child in element))


def _write_link(writer: Writer, element: ET.Element, depth: int) -> str:
    return writer.write_content(element, depth) or escape(element.get("href") or element.get("keyref") or "")


def _write_filtered(writer: Writer, element: ET.Element, depth: int) -> str:
    """Write an element with what it applies to in front."""
    written = wrap(writer.choose_tag(get_tag(element)), writer.write_content(element, depth), element)
    return put_first(written, note) if (note := _describe_filter(element)) else written


def _describe_filter(element: ET.Element) -> str:
    """Return what an element applies to: other products have another step here."""
    values = [value for name in _FILTERS if (value := _join_values(element.get(name)))]
    return f"(Only {'; '.join(values)})" if values else ""


def _join_values(given: str | None) -> str:
    """Return a list of words divided by blanks as one divided by commas."""
    return ", ".join((given or "").split())
