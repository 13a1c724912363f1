"""The parts of a DOCX archive, rewritten so that mammoth meets only what it reads.

Results of simple fields, formulas, text boxes without a fallback, foot- and endnotes and automatic
numbers become plain runs of text. What stays out is counted and named.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from edge.ingest.readers.docx_numbers import Numbering, read_numbering

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_STRICT = re.compile(
    rb"http://purl\.oclc\.org/ooxml/(wordprocessingml|officeDocument)/(main|math|relationships)"
)
_TRANSITIONAL = {
    b"wordprocessingml": b"http://schemas.openxmlformats.org/wordprocessingml/2006/",
    b"officeDocument": b"http://schemas.openxmlformats.org/officeDocument/2006/",
}
_READ = ("document", "footnotes", "endnotes", "comments", "numbering", "styles")
_DELETED = frozenset({"del", "moveFrom", "delText", "instrText", "Choice"})


@dataclass(frozen=True, slots=True)
class Parts:
    """A rewritten archive, the title among its properties, and what was left out of it."""

    archive: bytes
    title: str
    notes: tuple[str, ...]


def rewrite_parts(data: bytes) -> Parts:
    """Rewrite the parts of a DOCX archive that hold text.

    Raises:
        zipfile.BadZipFile, xml.etree.ElementTree.ParseError, KeyError: the archive is damaged.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    names = [f"word/{name}.xml" for name in _READ]
    trees = {name: _parse(parts[name]) for name in names if name in parts}
    numbering = read_numbering(trees.get("word/numbering.xml"), trees.get("word/styles.xml"))
    footnotes = {
        (kind, _get(note, "id")): note
        for kind in ("footnote", "endnote")
        for note in trees.get(f"word/{kind}s.xml", ET.Element("none"))
    }
    body = trees["word/document.xml"]
    for note in footnotes.values():
        _rewrite(note, numbering, {})
    _rewrite(body, numbering, {key: _join_paragraphs(note) for key, note in footnotes.items()})
    parts["word/document.xml"] = ET.tostring(body, "utf-8", xml_declaration=True)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as written:
        for name, part in parts.items():
            written.writestr(name, part)
    title = next((e.text or "" for e in _walk(parts.get("docProps/core.xml")) if _tag(e) == "title"), "")
    return Parts(out.getvalue(), title, tuple(_describe_left_out(trees)))


def _describe_left_out(trees: Mapping[str, ET.Element]) -> Iterator[str]:
    comments = sum(_tag(e) == "comment" for e in trees.get("word/comments.xml", ()))
    if comments:
        yield f"{comments} comment{'s' * (comments > 1)} left out."
    body = trees["word/document.xml"]
    pictures = sum(_tag(e) in ("blip", "imagedata") for e in body.iter())
    if pictures:
        yield f"{pictures} picture{'s' * (pictures > 1)} left out: text inside them is not read."
    embedded = sum(_tag(e) in ("altChunk", "object", "chart", "relIds") for e in body.iter())
    if embedded:
        yield f"{embedded} embedded object{'s' * (embedded > 1)} left out, such as a chart or a worksheet."


# -- XML


def _parse(part: bytes) -> ET.Element:
    return ET.fromstring(_STRICT.sub(lambda found: _TRANSITIONAL[found[1]] + found[2], part))


def _walk(part: bytes | None) -> Iterator[ET.Element]:
    return ET.fromstring(part).iter() if part else iter(())


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _get(element: ET.Element, name: str) -> str:
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")


def _find(element: ET.Element, *path: str) -> ET.Element | None:
    found: ET.Element | None = element
    for name in path:
        found = next((child for child in found if _tag(child) == name), None) if found is not None else None
    return found


def _make(tag: str, *children: ET.Element, text: str = "") -> ET.Element:
    element = ET.Element(f"{{{_WORD}}}{tag}")
    element.extend(children)
    element.text = text or None
    return element


def _make_run(text: str) -> ET.Element:
    written = _make("t", text=text)
    written.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    return _make("r", written)


def _read_text(element: ET.Element) -> str:
    """Return the text below an element, without what was deleted."""
    if _tag(element) == "t":
        return element.text or ""
    return "".join(_read_text(child) for child in element if _tag(child) not in _DELETED)


def _join_paragraphs(note: ET.Element) -> str:
    return " ".join(text for p in note.iter() if _tag(p) == "p" and (text := _read_text(p).strip()))


# -- what mammoth does not read


def _rewrite(element: ET.Element, numbering: Numbering, notes: Mapping[tuple[str, str], str]) -> None:
    """Replace the children of an element, depth first and in order."""
    children: list[ET.Element] = []
    for child in list(element):
        if _tag(child) == "p":
            _write_number(child, numbering)
        children += _replace(child, notes)
    element[:] = children
    for child in children:
        _rewrite(child, numbering, notes)


def _replace(child: ET.Element, notes: Mapping[tuple[str, str], str]) -> list[ET.Element]:
    tag = _tag(child)
    if tag in ("fldSimple", "dir", "bdo"):
        return [made for inner in child for made in _replace(inner, notes)]
    if tag in ("oMath", "oMathPara"):
        return [_make_run(_write_formula(child))]
    if tag == "r":
        for kind in ("footnote", "endnote"):
            reference = _find(child, f"{kind}Reference")
            if reference is not None and (text := notes.get((kind, _get(reference, "id")))):
                return [_make_run(f" ({text})")]
    if tag == "AlternateContent" and (fallback := _find(child, "Fallback")) is not None:
        return [child] if _read_text(fallback).strip() else _open_boxes(child)
    if tag in ("AlternateContent", "drawing"):
        return _open_boxes(child)
    return [child]


def _open_boxes(child: ET.Element) -> list[ET.Element]:
    """Return text boxes as mammoth reads them; the child itself if it holds none."""
    boxes = [e for e in child.iter() if _tag(e) == "txbxContent"]
    return [_make("pict", *boxes)] if boxes else [child]


def _write_formula(element: ET.Element) -> str:
    """Return a formula on one line: fractions with a slash, powers with ^, roots with √."""
    tag = _tag(element)
    if tag == "t":
        return element.text or ""
    parts = {_tag(child): _write_formula(child) for child in element}
    match tag:
        case "f":
            return f"{_group(parts.get('num', ''))}/{_group(parts.get('den', ''))}"
        case "sSup":
            return f"{parts.get('e', '')}^{_group(parts.get('sup', ''))}"
        case "sSub":
            return f"{parts.get('e', '')}_{_group(parts.get('sub', ''))}"
        case "rad":
            return f"{parts.get('deg', '')}√{_group(parts.get('e', ''))}"
        case "d":
            return f"({', '.join(_write_formula(e) for e in element if _tag(e) == 'e')})"
    return "".join(_write_formula(child) for child in element)


def _group(text: str) -> str:
    return text if re.fullmatch(r"[\w.,²³]*", text) else f"({text})"


def _write_number(paragraph: ET.Element, numbering: Numbering) -> None:
    """Write the automatic number of a heading or list item in front of its text; bullets are left to mammoth."""
    properties = _find(paragraph, "pPr")
    if properties is None or _find(properties, "rPr", "del") is not None or not _read_text(paragraph).strip():
        return
    style, given = _find(properties, "pStyle"), _find(properties, "numPr")
    name = _get(style, "val") if style is not None else ""
    number, level = (_find(given, "numId"), _find(given, "ilvl")) if given is not None else (None, None)
    label = numbering.count(
        name,
        _get(number, "val") if number is not None else None,
        int(_get(level, "val") or 0) if level is not None else None,
    )
    if not label:
        return
    if given is not None:
        properties.remove(given)
    if style is not None and not numbering.is_heading(name):
        properties.remove(style)  # its list would be counted again
    paragraph.insert(list(paragraph).index(properties) + 1, _make_run(f"{label} "))
