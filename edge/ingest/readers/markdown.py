"""Markdown: markdown-it turns it into HTML, and the reader of HTML does the rest.

Before and while that happens, what CommonMark does not know is written as HTML: the admonitions of several dialects,
tabs, footnotes, anchors of headings. Of front matter only the title is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import replace
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.admon import admon_plugin
from mdit_py_plugins.container import container_plugin

from edge.errors import DocumentError
from edge.ingest.document import SourceDocument
from edge.ingest.readers.characters import clean, squeeze
from edge.ingest.readers.decode import decode
from edge.ingest.readers.html import parse_page
from edge.ingest.readers.html_text import ELEMENTS
from edge.ingest.readers.markdown_dialects import rewrite_dialects
from edge.ingest.readers.warnings import find_label

MAX_NESTING = 100
MAX_DIRECTIVES = 20
"""Directives inside one another that are read; a deeper one is code."""

_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)[ \t]*\n(.*?)\n(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"^([\w-]+)\s*[:=]\s*(.*?)\s*$", re.MULTILINE)
_CONTAINER = re.compile(r"\s*\{?\.?(?:callout-)?([\w-]+)\}?\s*(.*)", re.DOTALL)
_TITLE = re.compile(r"\[(.*)\]|.*?\btitle=[\"'](.*?)[\"'].*|([^{]*).*", re.DOTALL)
_DIRECTIVE = re.compile(r"\{([\w:-]+)\}\s*(.*)")
_OPTIONS = re.compile(r"(?:\s*:[\w-]+:[^\n]*(?:\n|\Z))+")
_CLASS_OPTION = re.compile(r":class:[ \t]*([\w-]+)")
_CODE_DIRECTIVES = frozenset(
    "code code-block code-cell sourcecode literalinclude math mermaid graphviz eval-rst raw parsed-literal".split()
)
_HEADING_ID = re.compile(r"\s*\{\s*#([\w.:-]+)[^}]*\}\s*$")
_CLOSING_TAG = re.compile(r"</([A-Za-z][\w.-]*)")
_TAG = re.compile(r"<(/?)([A-Za-z][\w.-]*)([^<>]*)>")


def read_markdown(name: str, data: bytes) -> SourceDocument:
    """Read Markdown.

    Raises:
        DocumentError: the nesting is deeper than any manual's.
    """
    decoded, doubts = decode(data)
    title, notes, text = _split_front_matter(clean(decoded).lstrip("\n"))
    text = rewrite_dialects(text)
    env: dict[str, Any] = {"closed": {tag.lower() for tag in _CLOSING_TAG.findall(text)}}
    try:
        page = _make_parser().render(text, env)
    except (RecursionError, ValueError, IndexError) as error:
        raise DocumentError(f"{name} is not readable Markdown.", "Check the file in an editor.") from error
    document = parse_page(name, page)
    first = document.blocks[0] if document.blocks else None
    own = first.text if first and first.kind == "heading" and first.level == 1 else ""
    notes += _describe_references(env)
    return replace(document, title=squeeze(title) or own, notes=(*doubts, *notes, *document.notes))


def _split_front_matter(text: str) -> tuple[str, list[str], str]:
    """Return the title that front matter gives, a note about its other fields, and the text after it."""
    match = _FRONT_MATTER.match(text)
    if not match:
        return "", [], text
    fields = {key.lower(): value.strip("\"'") for key, value in _FIELD.findall(match[2])}
    others = ", ".join(key for key in fields if key != "title")
    notes = [f"Left out: front matter ({others})."] if others else []
    return fields.get("title", ""), notes, text[match.end() :]


def _describe_references(env: MutableMapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for every ``[name]: word`` that Markdown takes for the address of a link, and is none."""
    for name, reference in env.get("references", {}).items():
        if not re.search(r"[/.#:@]", reference["href"]):
            yield f"Taken for the address of a link: [{name}]: {reference['href']}."


# -- rendering


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING}).enable(["table", "strikethrough"])
    parser.use(admon_plugin)
    parser.use(container_plugin, "box", validate=_opens_container, render=_render_container)
    for rule in (_render_fence, _render_heading, _render_html):
        for kind in _RULES[rule.__name__]:
            parser.add_render_rule(kind, rule)
    return parser


_RULES = {
    "_render_fence": ("fence",),
    "_render_heading": ("heading_open",),
    "_render_html": ("html_inline", "html_block"),
}


def _opens_container(params: str, markup: str) -> bool:
    return bool(_CONTAINER.match(params))


def _render_container(
    renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    """Render ``:::warning Title`` and its kin as an admonition, a container of another name as its contents."""
    if tokens[index].nesting < 0:
        return "</div>\n"
    match = _CONTAINER.match(tokens[index].info)
    kind, rest = (match[1], match[2]) if match else ("", "")
    found = _TITLE.fullmatch(rest.strip())
    return _open_box(kind, next(filter(None, found.groups()), "") if found else rest)


def _open_box(kind: str, title: str) -> str:
    head = f'<p class="admonition-title">{escape(title.strip())}</p>\n' if title.strip() else ""
    return f'<div class="admonition {escape(kind)}">\n{head}' if find_label(kind) else f"<div>\n{head}"


def _render_fence(
    renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    """Render a fence as code, a directive of MyST (```` ```{warning} ````) as what it holds."""
    token = tokens[index]
    directive = _DIRECTIVE.match(token.info.strip())
    depth = env.get("directives", 0)
    if not directive or directive[1] in _CODE_DIRECTIVES or depth > MAX_DIRECTIVES:
        return f"<pre>\n{escape(token.content)}</pre>\n"
    settings = _OPTIONS.match(token.content)
    named = _CLASS_OPTION.search(settings[0]) if settings else None
    kind = named[1] if directive[1] == "admonition" and named else directive[1]
    content = token.content[settings.end() :] if settings else token.content
    inner = _make_parser().render(rewrite_dialects(content), {**env, "directives": depth + 1})
    return f"{_open_box(kind, directive[2])}{inner}</div>\n"


def _render_heading(
    renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    """Render a heading with the anchor that it gives itself: ``{#reset}``."""
    inline = tokens[index + 1]
    last = inline.children[-1] if inline.children else None
    given = _HEADING_ID.search(last.content) if last and last.type == "text" else None
    if given and last:
        last.content = last.content[: given.start()]
    anchor = f' id="{escape(given[1])}"' if given else ""
    return f"<{tokens[index].tag}{anchor}>"


def _render_html(
    renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    """Keep HTML and components; a placeholder such as ``<ENTER>``, which nothing closes, is text."""
    content = tokens[index].content
    known = ELEMENTS | env["closed"]

    def keep(match: re.Match[str]) -> str:
        is_tag = match[2].lower() in known or match[3].rstrip().endswith("/")
        return match[0] if is_tag else escape(match[0])

    return content if content.startswith("<!") else _TAG.sub(keep, content)
