"""Dialects of Markdown that a parser of CommonMark does not know, rewritten line by line: shortcodes, tabs, footnotes.

Lines inside fences of code stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from edge.ingest.readers.warnings import find_label

MAX_FOOTNOTE = 60
"""Words of a footnote that is written where it is referred to."""

_FENCE = re.compile(r"^[ \t>]*(`{3,}|~{3,})")
_TAB = re.compile(r'^([ \t]*)===[!+]?[ \t]+"(.*)"[ \t]*$')
_SHORTCODE = re.compile(
    r"\{\{[<%]\s*(?P<end>/?)\s*(?P<name>[\w/-]+)(?P<values>[^{}]*?)\s*/?[%>]\}\}"
    r"|\{%\s*(?P<end2>end)?(?P<name2>hint|callout|admonition|alert)\b(?P<values2>[^{}]*?)%\}"
)
_VALUE = re.compile(r"(?:([\w-]+)\s*=\s*)?(?:\"([^\"]*)\"|'([^']*)'|([^\s\"']+))")
_TITLE_KEYS = ("title", "header", "heading", "caption")
_KIND_KEYS = ("type", "style", "color", "context", "kind", "level", "variant", "icon")
_DIRECTIVE = re.compile(r"^[ \t]*:{3,}[ \t]*\{")
_OPTION = re.compile(r"^[ \t]*:[\w-]+:(?:[ \t]|$)")
_TARGET = re.compile(r"^\([\w.:-]+\)=[ \t]*$")
_FOOTNOTE = re.compile(r"^ {0,3}\[\^([^\]\s]+)\]:[ \t]*(.*)$")
_REFERENCE = re.compile(r"(?<!\\)\[\^([^\]\s]+)\](?!:)")


def rewrite_dialects(text: str) -> str:
    """Return Markdown with shortcodes as boxes, tabs as titled parts, and footnotes where they are referred to."""
    lines = _open_tabs(text.split("\n"))
    notes = _find_footnotes(lines)
    rewritten: list[str] = []
    used: set[str] = set()
    in_options = False
    for line, is_code in _mark_code(lines):
        if is_code:
            rewritten.append(line)
            continue
        in_options = bool(_DIRECTIVE.match(line)) or (in_options and bool(_OPTION.match(line)))
        if in_options and _OPTION.match(line):
            continue
        line = _REFERENCE.sub(lambda found: _write_footnote(found, notes, used), line)
        if not _TARGET.match(line):
            rewritten += _rewrite_shortcodes(line).split("\n")
    return "\n".join(_drop_footnotes(rewritten, used))


def _mark_code(lines: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Yield every line, and whether it belongs to a fence."""
    fence = ""
    for line in lines:
        match = _FENCE.match(line)
        if fence:
            yield line, True
            closes = match and match[1].startswith(fence) and not line.strip().strip("`~> ")
            fence = "" if closes else fence
        else:
            fence = match[1] if match else ""
            yield line, bool(match)


# -- tabs


def _open_tabs(lines: Sequence[str]) -> list[str]:
    """Write a tab of MkDocs, a title with an indented text under it, as a bold title and the text."""
    result: list[str] = []
    margins: list[int] = []
    for line, is_code in _mark_code(lines):
        indent = len(line) - len(line.lstrip())
        while margins and line.strip() and indent < margins[-1]:
            margins.pop()
        shift = 4 * len(margins)
        match = None if is_code else _TAB.match(line)
        if match:
            result += ["", f"{match[1][shift:]}**{match[2]}**", ""]
            margins.append(indent + 4)
        else:
            result.append(line[shift:] if margins and line.strip() else line)
    return result


# -- shortcodes


def _rewrite_shortcodes(line: str) -> str:
    """Write the shortcodes of Hugo and GitBook that are admonitions as boxes of HTML; others stay as they are."""
    indent = line[: len(line) - len(line.lstrip())]

    def write(match: re.Match[str]) -> str:
        name = (match["name"] or match["name2"]).lower()
        values = _VALUE.findall(match["values"] or match["values2"] or "")
        named = {key.lower(): a or b or c for key, a, b, c in values if key}
        plain = [a or b or c for key, a, b, c in values if not key]
        kinds = [named[key] for key in _KIND_KEYS if key in named]
        label = next((word for word in (*kinds, *plain, name) if find_label(word)), "")
        is_box = find_label(name) or name in ("notice", "alert", "hint", "callout", "admonition")
        if not is_box:
            return match[0]
        if match["end"] or match["end2"]:
            return f"\n\n{indent}</div>\n\n{indent}"
        title = next((named[key] for key in _TITLE_KEYS if key in named), "")
        title = title or next((word for word in plain if word != label), "")
        head = f'\n{indent}<p class="admonition-title">{escape(title)}</p>' if title else ""
        return f'\n\n{indent}<div class="admonition {label.lower() or "note"}">{head}\n\n{indent}'

    return _SHORTCODE.sub(write, line)


# -- footnotes


def _find_footnotes(lines: Sequence[str]) -> dict[str, str]:
    """Return the footnotes that are short enough to stand in a line, by their names; none that is there twice."""
    notes: dict[str, str] = {}
    twice: set[str] = set()
    name = ""
    for line, is_code in _mark_code(lines):
        match = None if is_code else _FOOTNOTE.match(line)
        if match:
            name = match[1]
            twice |= {name} & notes.keys()
            notes[name] = match[2].strip()
        elif name and line.strip() and line.startswith((" ", "\t")) and not is_code:
            notes[name] += f" {line.strip()}"
        elif line.strip():
            name = ""
    short = {name: text for name, text in notes.items() if text and len(text.split()) <= MAX_FOOTNOTE}
    return {name: text for name, text in short.items() if name not in twice}


def _write_footnote(found: re.Match[str], notes: dict[str, str], used: set[str]) -> str:
    if found[1] not in notes:
        return found[0]
    used.add(found[1])
    return f" ({notes[found[1]]})"


def _drop_footnotes(lines: Sequence[str], used: set[str]) -> Iterator[str]:
    """Yield the lines without the footnotes that were written elsewhere; the others become paragraphs."""
    dropping = False
    for line, is_code in _mark_code(lines):
        match = None if is_code else _FOOTNOTE.match(line)
        if match:
            dropping = match[1] in used
            if not dropping:
                yield f"\\[^{match[1]}\\]: {match[2]}"
        elif dropping and (not line.strip() or (line.startswith((" ", "\t")) and not is_code)):
            continue
        else:
            dropping = False
            yield line
