"""HTML: the text of an element, as a browser shows it in a line: controls, formulas, powers and words for pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborNode

from edge.ingest.readers.characters import SUPERSCRIPTS, clean, squeeze

MAX_DEPTH = 200
INLINE = frozenset(
    "a abbr acronym b bdi bdo big button cite code data del dfn em font i img input ins kbd label mark math meter "
    "output progress q s samp select small span strong strike sub sup textarea time tt u var wbr".split()
)
_BLOCKS = (
    "p, div, ul, ol, dl, table, pre, h1, h2, h3, h4, h5, h6, blockquote, section, article, details, figure"
)
ELEMENTS = INLINE | frozenset(
    "address article aside base blockquote body br caption center col colgroup dd details dialog dir div dl dt "
    "embed fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html iframe "
    "legend li link main menu meta nav noscript object ol optgroup option p param picture pre rp rt ruby script search "
    "section source style summary svg table tbody td template tfoot th thead title tr track ul video wbr".split()
)
"""Tags that HTML knows; others are components, or placeholders that somebody typed."""
_PERMALINK = re.compile(r"[#¶§🔗◆\s]*|perma(?:nent )?link\b.*|(?:direct )?link to this .*", re.IGNORECASE)
_FILE_NAME = re.compile(r"\.(?:png|jpe?g|gif|svg|webp|bmp)$", re.IGNORECASE)
_SHOWN_INPUTS = frozenset(
    ("", "text", "number", "date", "time", "email", "tel", "url", "datetime-local", "month")
)


def holds_blocks(node: LexborNode) -> bool:
    """Return whether an inline element stands around blocks, as ``<font>`` does in old pages."""
    return (
        node.tag not in ("img", "input", "textarea", "select", "math") and node.css_first(_BLOCKS) is not None
    )


def is_element(node: LexborNode) -> bool:
    """Return whether a node is an element, rather than text, a comment or a declaration."""
    return not (node.tag or "-").startswith(("-", "_", "!"))


def is_permalink(link: LexborNode) -> bool:
    """Return whether a link is the sign beside a heading that leads to the heading itself."""
    href = link.attributes.get("href") or ""
    return len(href) > 1 and href[0] == "#" and bool(_PERMALINK.fullmatch(squeeze(link.text())))


def get_classes(node: LexborNode) -> list[str]:
    """Return the classes of an element in lower case."""
    return (node.attributes.get("class") or "").lower().split()


def read_inline(node: LexborNode, depth: int = 0) -> str:
    """Return the text of a node inside a line, with the spaces it has."""
    tag = node.tag or ""
    if tag == "-text":
        return node.text_content or ""
    if tag == "br":
        return " "
    if tag == "img":
        return read_picture(node)
    if tag in ("input", "textarea", "select"):
        return _read_control(node, tag)
    if tag == "a" and is_permalink(node):
        return ""
    if depth > MAX_DEPTH:
        return node.text(separator=" ")
    children = [read_inline(child, depth + 1) for child in node.iter(include_text=True) if _is_content(child)]
    if tag == "mfrac" and len(parts := [part for part in children if part.strip()]) == 2:
        return "/".join(
            part.strip() if re.fullmatch(r"\s*[\w.,]+\s*", part) else f"({part.strip()})" for part in parts
        )
    text = "".join(children)
    if tag == "sup" or (tag == "msup" and len(children) == 2):
        base, power = ("", text) if tag == "sup" else (children[0], children[1])
        raised = power.translate(SUPERSCRIPTS) if re.fullmatch(r"[0-9+−-]{1,3}", power.strip()) else power
        return base + (f"^{raised}" if tag == "msup" and raised == power else raised)
    return f"“{text}”" if tag == "q" else text


def read_picture(node: LexborNode) -> str:
    """Return what a page says in place of a picture, unless that is the name of a file."""
    text = squeeze(node.attributes.get("alt") or "")
    return "" if _FILE_NAME.search(text) else text


def _read_control(node: LexborNode, tag: str) -> str:
    """Return what a form shows: a filled field, the chosen option, a ticked or empty box."""
    if tag == "textarea":
        return node.text()
    if tag == "select":
        options = node.css("option[selected]")
        return ", ".join(squeeze(option.text()) for option in options)
    kind = (node.attributes.get("type") or "").lower()
    if kind in ("checkbox", "radio"):
        return "☒ " if "checked" in node.attributes else "☐ "
    return node.attributes.get("value") or "" if kind in _SHOWN_INPUTS else ""


def _is_content(node: LexborNode) -> bool:
    return node.tag == "-text" or is_element(node)


def read_text(node: LexborNode) -> str:
    """Return all text below a node on one line, with spaces between neighbouring blocks."""
    return squeeze("".join(_read_spaced(node, 0)))


def _read_spaced(node: LexborNode, depth: int) -> Iterator[str]:
    for child in node.iter(include_text=True):
        if child.tag == "-text" or (child.tag in INLINE and not holds_blocks(child)):
            yield read_inline(child)
        elif _is_content(child) and depth < MAX_DEPTH:
            yield " "
            yield from _read_spaced(child, depth + 1)
            yield " "
        elif _is_content(child):
            yield f" {child.text(separator=' ')} "


def read_code(node: LexborNode) -> str:
    """Return code as it stands, a line for every line or ``br``."""
    lines = node.css("div.line, .code-line") if node.tag == "div" else []
    if lines:
        return "\n".join(clean(line.text()).rstrip() for line in lines).strip("\n")
    return clean("".join(_read_raw(node, 0))).strip("\n")


def _read_raw(node: LexborNode, depth: int) -> Iterator[str]:
    for child in node.iter(include_text=True):
        if child.tag == "br":
            yield "\n"
        elif child.tag == "-text":
            yield child.text_content or ""
        elif is_element(child):
            yield from _read_raw(child, depth + 1) if depth < MAX_DEPTH else [child.text()]
