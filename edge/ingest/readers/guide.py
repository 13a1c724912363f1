"""Repair guides as JSON in the form of iFixit's interface: steps of lines with bullets, tools and parts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from edge.errors import DocumentError
from edge.ingest.document import SourceDocument
from edge.ingest.readers.decode import decode
from edge.ingest.readers.html import parse_page

_LINK = re.compile(r"\[(?:[^\]|]*\|)+([^\]|]*)\]")
_MARKS = re.compile(r"'{2,5}|^=+ ?| ?=+$", re.MULTILINE)
_BOXES = {"icon_caution": "caution", "icon_note": "note", "icon_reminder": "note"}


def read_guide(name: str, data: bytes) -> SourceDocument:
    """Read a guide, or a list of guides.

    Raises:
        DocumentError: it is no JSON, or none of a guide.
    """
    text, _ = decode(data)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{name} is not readable JSON: {error}.", "Export the guide again.") from error
    guides = [guide for guide in (found if isinstance(found, list) else [found]) if _is_guide(guide)]
    if not guides:
        raise DocumentError(
            f"{name} is JSON of a kind that is not read.",
            "Guides in the form of iFixit are; save others as CSV or HTML.",
        )
    return parse_page(name, "".join(part for guide in guides for part in _write_guide(guide)))


def _is_guide(value: object) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("steps"), list)


def _write_guide(guide: Mapping[str, Any]) -> Iterator[str]:
    title = _get(guide, "title")
    if title:
        yield f"<h1>{escape(title)}</h1>"
    facts = [
        ("category", "Device"),
        ("subject", "Part"),
        ("difficulty", "Difficulty"),
        ("time_required", "Time"),
    ]
    known = "".join(f"<p>{label}: {escape(_get(guide, key))}</p>" for key, label in facts if _get(guide, key))
    yield known + _write_text(guide, "introduction")
    for key, label in (("tools", "Tools"), ("parts", "Parts")):
        if items := [_describe_item(item) for item in _list(guide, key)]:
            yield f"<p>{label}:</p><ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"
    for number, step in enumerate(_list(guide, "steps"), 1):
        yield from _write_step(step, number)
    if conclusion := _write_text(guide, "conclusion"):
        yield f"<h2>Conclusion</h2>{conclusion}"


def _write_step(step: Mapping[str, Any], number: int) -> Iterator[str]:
    """Yield a step as a section with its lines as steps; a caution becomes a warning where it stands."""
    title = _get(step, "title")
    yield f'<h2 id="{_get(step, "stepid") or number}">Step {number}{f": {escape(title)}" if title else ""}</h2>'
    count = 1
    for line in _list(step, "lines"):
        text = _read_line(line)
        if not text:
            continue
        if box := _BOXES.get(_get(line, "bullet")):
            yield f'<div class="admonition {box}"><p>{text}</p></div>'
        elif line.get("level"):
            yield f"<ul><li>{text}</li></ul>"
        else:
            yield f'<ol start="{count}"><li>{text}</li></ol>'
            count += 1


def _read_line(line: Mapping[str, Any]) -> str:
    return _get(line, "text_rendered") or escape(_strip_markup(_get(line, "text_raw") or _get(line, "text")))


def _write_text(guide: Mapping[str, Any], key: str) -> str:
    rendered = _get(guide, f"{key}_rendered")
    raw = _strip_markup(_get(guide, f"{key}_raw") or _get(guide, key))
    return rendered or "".join(f"<p>{escape(part)}</p>" for part in raw.split("\n\n") if part.strip())


def _strip_markup(text: str) -> str:
    return _MARKS.sub("", _LINK.sub(r"\1", text))


def _describe_item(item: Mapping[str, Any]) -> str:
    name, notes = _get(item, "text") or _get(item, "name"), _get(item, "notes")
    quantity = item.get("quantity")
    amount = f"{quantity} x " if isinstance(quantity, int) and quantity > 1 else ""
    return f"{amount}{name}{f' ({notes})' if notes else ''}"


def _get(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def _list(value: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    found = value.get(key)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []
