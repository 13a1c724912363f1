"""Markdown: CommonMark with tables, read by its tokens. Of front matter only the title is used."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token
from selectolax.lexbor import LexborHTMLParser

from edge.errors import DocumentError
from edge.ingest.document import Block, BlockKind, SourceDocument
from edge.ingest.readers.characters import clean, squeeze
from edge.ingest.readers.decode import decode
from edge.ingest.readers.warnings import format_warning, join_warnings, split_signal
from edge.packs.record import Page
from edge.text.units import join_row

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"^title\s*:\s*[\"']?(.*?)[\"']?\s*$", re.MULTILINE | re.IGNORECASE)
_ALERT = re.compile(r"^\[!(\w+)\]\s*", re.IGNORECASE)


def read_markdown(name: str, data: bytes) -> SourceDocument:
    """Read Markdown.

    Raises:
        DocumentError: the nesting is deeper than any manual's.
    """
    text = clean(decode(data)).lstrip("\n")
    title = ""
    if match := _FRONT_MATTER.match(text):
        named = _TITLE.search(match[1])
        title, text = named[1] if named else "", text[match.end() :]
    try:
        tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    except (RecursionError, ValueError, IndexError) as error:
        raise DocumentError(f"{name} is not readable Markdown.", "Check the file in an editor.") from error
    blocks = tuple(join_warnings(_Reader(tokens).read_blocks()))
    if not title and blocks and blocks[0].kind == "heading" and blocks[0].level == 1:
        title = blocks[0].text
    return SourceDocument(squeeze(title), (Page(1),), blocks)


class _Reader:
    """Walks the flat token list, keeping the lists and quotes that are open."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._lists: list[int | None] = []
        self._marker = ""
        self._kind: BlockKind = "paragraph"
        self._alert = ""
        self._quoted: list[str] | None = None
        self._quotes = 0

    def read_blocks(self) -> Iterator[Block]:
        """Yield the blocks in order."""
        index = 0
        while index < len(self._tokens):
            token = self._tokens[index]
            if token.type == "heading_open":
                text = _strip_markup(self._tokens[index + 1])
                if text:
                    yield Block("heading", text, level=int(token.tag[1]))
                index += 3
            elif token.type == "table_open":
                end = _find_end(self._tokens, index, "table_close")
                yield from _read_rows(self._tokens[index:end])
                index = end + 1
            else:
                yield from self._read_token(token)
                index += 1

    def _read_token(self, token: Token) -> Iterator[Block]:
        match token.type:
            case "bullet_list_open":
                self._lists.append(None)
            case "ordered_list_open":
                self._lists.append(int(token.attrGet("start") or 1))
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "list_item_open":
                self._open_item()
            case "blockquote_open":
                self._quotes += 1
                self._quoted = self._quoted if self._quoted is not None else []
            case "blockquote_close":
                self._quotes -= 1
                if not self._quotes:
                    yield from self._close_quote()
            case "fence" | "code_block":
                if code := token.content.rstrip("\n"):
                    yield Block("code", code)
            case "inline":
                yield from self._add_text(_strip_markup(token))
            case "html_block":
                node = LexborHTMLParser(token.content).body
                yield from self._add_text(squeeze(node.text(separator=" ")) if node else "")

    def _open_item(self) -> None:
        number = self._lists[-1]
        if number is None:
            self._marker, self._kind = "- ", "item"
        else:
            self._marker, self._kind = f"{number}. ", "step"
            self._lists[-1] = number + 1

    def _add_text(self, text: str) -> Iterator[Block]:
        if not text:
            return
        if self._quoted is not None:
            self._quoted.append(self._marker + text)
            self._marker = ""
            return
        marker, kind = self._marker, self._kind if self._marker else "paragraph"
        self._marker = ""
        yield Block(kind, marker + text)

    def _close_quote(self) -> Iterator[Block]:
        """Yield a quotation, as one warning if it opens as one (``> **WARNING:** …`` or ``> [!WARNING]``)."""
        parts, self._quoted = self._quoted or [], None
        text = " ".join(parts)
        if alert := _ALERT.match(text):
            rest = text[alert.end() :]
            signal = split_signal(f"{alert[1]}: {rest}")
            yield (
                Block("warning", format_warning(*signal))
                if signal
                else Block("paragraph", f"{alert[1].capitalize()}: {rest}")
            )
        elif signal := split_signal(text):
            yield Block("warning", format_warning(*signal))
        else:
            yield from (Block("paragraph", part) for part in parts)


def _strip_markup(token: Token) -> str:
    """Return the text of an inline token without its markup."""
    parts = []
    for child in token.children or []:
        if child.type in ("text", "code_inline"):
            parts.append(child.content)
        elif child.type == "image":
            parts.append(_strip_markup(child))
        elif child.type in ("softbreak", "hardbreak") or (
            child.type == "html_inline" and child.content.lower().startswith("<br")
        ):
            parts.append(" ")
    return squeeze("".join(parts))


def _find_end(tokens: Sequence[Token], index: int, kind: str) -> int:
    return next((i for i in range(index, len(tokens)) if tokens[i].type == kind), len(tokens) - 1)


def _read_rows(tokens: Sequence[Token]) -> Iterator[Block]:
    """Yield table rows; the first row is the header."""
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(_strip_markup(token))
    header = join_row(rows[0]) if rows else ""
    for row in rows[1:] or rows[:1]:
        if text := join_row(row):
            yield Block("row", text, header=header if len(rows) > 1 else "")
