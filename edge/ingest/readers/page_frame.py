"""HTML: the frame around the content of a page, and what a browser does not show, taken out, counted and named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from selectolax.lexbor import LexborHTMLParser, LexborNode

from edge.ingest.readers.characters import squeeze

MIN_WORDS = 5
"""Words outside links that make a header, footer or aside beside the main part content."""

_UNSEEN = "script, style, template, noscript, head > *:not(title), annotation, annotation-xml, datalist"
"""What is no text of the page at all."""
_LINE_NUMBERS = ".linenos, .lineno, .gutter, .rouge-gutter"
_HIDDEN = "[hidden], [aria-hidden=true], [style], .sr-only, .visually-hidden, .d-none, dialog:not([open])"
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SHOWN_BY_CLICK = re.compile(
    r"tabpanel|tab-|tabs|collaps|accordion|expand|toggle|dyncontent|details", re.IGNORECASE
)
_STRUCK = "del, s, strike"
_CONTROLS = (
    "button, [role=search], [role=button], .skip-link, #cookie-banner, .cookie-banner, .cookie-consent"
)
_TITLES = ("h1", "h2", "h3", "h4", "h5", "h6", "summary")
_FRAME = (
    "nav, aside, header, footer, [role=navigation], [role=banner], [role=contentinfo], [role=complementary], .toc, "
    "#toc, .contents, .breadcrumb, .breadcrumbs, #breadcrumbs, .navheader, .navfooter, .nav-panel, .navigation, "
    ".sidebar, .sphinxsidebar, .related, .toctree-wrapper, .menu, .footer, #footer, .nav, #nav, #menu, #sidebar, "
    ".pagination-nav, .navpath, .page-metadata"
)
_NAVIGATION = (
    ".sphinxsidebar, .navheader, .navfooter, .breadcrumb, .breadcrumbs, #breadcrumbs, .page-metadata"
)
_IMPRINT = re.compile(
    r"©|\(c\) *\d{4}|copyright|all rights reserved|powered by|(?:made|built|created|generated) (?:with|by|on|using)"
    r"|last (?:updated|modified|edited)|edit this page|cookies?\b",
    re.IGNORECASE,
)
_MAX_IMPRINT_WORDS = 60


def strip_page(tree: LexborHTMLParser) -> list[str]:
    """Take out of a page what is not its content.

    Returns:
        A sentence for every kind of text that was left out.
    """
    _remove(node for node in tree.css(_UNSEEN) if node.tag != "title")
    _remove(tree.css(_LINE_NUMBERS))
    notes = _count("hidden", filter(_is_hidden, tree.css(_HIDDEN)))
    notes += _count("struck out", tree.css(_STRUCK))
    controls = [node for node in tree.css(_CONTROLS) if not _has_ancestor(node, _TITLES)]
    main = _find_main(tree)
    around = [node for node in tree.css(_FRAME) if _is_frame(node, main)]
    if main is not None:
        around += [node for node in _list_siblings(main) if not _is_content(node)]
    lists = [node for node in tree.css("ul, ol, table") if _is_link_list(node)]
    return notes + _count("navigation or frame of the page", [*controls, *around, *lists])


def _count(what: str, nodes: Iterable[LexborNode]) -> list[str]:
    """Remove nodes; return a sentence with the number of their words and the first of them."""
    words = [word for text in _remove(nodes) for word in text.split()]
    if not words:
        return []
    begins = " ".join(words[:8]) + (" …" if len(words) > 8 else "")
    return [f"Left out as {what}: {len(words)} word{'s' * (len(words) > 1)} ({begins})."]


def _remove(nodes: Iterable[LexborNode]) -> list[str]:
    """Remove nodes and return their texts. Only the outermost are touched: the others go with them."""
    found = {node.mem_id: node for node in nodes}
    outer = [node for node in found.values() if not any(up.mem_id in found for up in _list_ancestors(node))]
    texts = [squeeze(node.text(separator=" ")) for node in outer]
    for node in outer:
        node.decompose()
    return [text for text in texts if text]


def _list_ancestors(node: LexborNode) -> Iterator[LexborNode]:
    above = node.parent
    while above is not None:
        yield above
        above = above.parent


def _has_ancestor(node: LexborNode, tags: Sequence[str | None]) -> bool:
    return any(up.tag in tags for up in _list_ancestors(node))


def _get_names(node: LexborNode) -> str:
    return " ".join(filter(None, (node.attributes.get(key) for key in ("class", "id", "role"))))


def _is_hidden(node: LexborNode) -> bool:
    """Return whether a browser never shows the node; what a click opens is content."""
    style = node.attributes.get("style") or ""
    marked = node.css_matches(_HIDDEN.replace(", [style]", ""))
    return (marked or bool(_HIDDEN_STYLE.search(style))) and not _SHOWN_BY_CLICK.search(_get_names(node))


def _find_main(tree: LexborHTMLParser) -> LexborNode | None:
    """Return the only main part or article of a page, if it holds text."""
    for selector in ("main, [role=main]", "article"):
        found = tree.css(selector)
        if len(found) == 1 and found[0].text().strip():
            return found[0]
    return None


def _list_siblings(main: LexborNode) -> Iterator[LexborNode]:
    """Yield the elements beside the main part and beside the elements around it."""
    for level in (main, *_list_ancestors(main)):
        if level.parent is None or level.tag in ("body", "html"):
            return
        yield from (node for node in level.parent.iter() if node.mem_id != level.mem_id)


def _is_frame(node: LexborNode, main: LexborNode | None) -> bool:
    """Return whether a header, footer, sidebar or the like is navigation or imprint rather than content."""
    if main is not None and any(up.mem_id == node.mem_id for up in (main, *_list_ancestors(main))):
        return False
    if node.css_matches(_NAVIGATION):
        return True
    if node.tag == "nav" or node.attributes.get("role") == "navigation" or node.css_matches(".toc, #toc"):
        linked, other = _count_words(node)
        return other < max(4 * MIN_WORDS, linked)
    if main is not None and any(up.mem_id == main.mem_id for up in _list_ancestors(node)):
        linked, other = _count_words(node)
        return linked >= max(other, 1) or _is_imprint(node)
    return not _is_content(node)


def _is_content(node: LexborNode) -> bool:
    """Return whether an element beside the main part says something of its own."""
    if node.tag == "title" or node.css_first("h1") is not None or node.tag == "h1":
        return True
    linked, other = _count_words(node)
    return other >= max(MIN_WORDS, linked) and not _is_imprint(node)


def _is_imprint(node: LexborNode) -> bool:
    text = node.text(separator=" ")
    return bool(_IMPRINT.search(text)) and len(text.split()) <= _MAX_IMPRINT_WORDS


def _count_words(node: LexborNode) -> tuple[int, int]:
    """Return the words inside and outside the links of a node."""
    linked = sum(len(link.text(separator=" ").split()) for link in node.css("a[href]"))
    words = sum(any(map(str.isalnum, word)) for word in node.text(separator=" ").split())
    return linked, max(0, words - linked)


def _is_link_list(node: LexborNode) -> bool:
    """Return whether a list or table holds only links: a table of contents, or a row of buttons."""
    links = node.css("a[href]")
    if len(links) < 3:
        return False
    linked = sum(len(squeeze(link.text())) for link in links)
    if linked < 0.8 * len(re.sub(r"[\s\[\]|<>.]", "", node.text())):
        return False
    within = all((link.attributes.get("href") or "").startswith("#") for link in links)
    return within or (node.tag == "table" and linked <= 12 * len(links))
