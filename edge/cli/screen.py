"""Where commands write: styled and wrapped on a terminal, plain lines when piped, no escape codes with NO_COLOR.

rich is imported for a terminal only. What packs and models say is cleaned of control characters on the way, since a
manual has no business moving the cursor.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

Part = str | tuple[str, str]
"""Text, or text and its style."""

MAX_WIDTH = 100
"""Longer lines are hard to follow."""

STRONG, FAINT, ALERT, CAREFUL, GOOD, MARK = "bold", "dim", "bold red", "bold yellow", "green", "cyan"

_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """The text without escape codes, control characters (but line ends and tabs) and lone surrogates."""
    return _CONTROL.sub("", text).encode("utf-8", "replace").decode()


class Screen:
    """Writes paragraphs and tables to a stream (standard output when none is given)."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.terminal = self.stream.isatty()
        self.styled = self.terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    @cached_property
    def console(self) -> Console:
        """rich's console on this stream."""
        from rich.console import Console

        console = Console(
            file=self.stream, highlight=False, markup=False, emoji=False,
            force_terminal=self.styled, color_system="auto" if self.styled else None,
        )  # fmt: skip
        console.width = min(console.width, MAX_WIDTH)
        return console

    @property
    def width(self) -> int:
        """Columns of a line; piped, those of a page that is easy to read."""
        return self.console.width if self.terminal else MAX_WIDTH

    def write(self, *parts: Part, indent: int = 0, lead: Part = "", most: int | None = None) -> None:
        """A paragraph; ``lead`` stands before its first line, further lines are indented as far.

        On a terminal it is wrapped, and cut after ``most`` lines.
        """
        if self.terminal:
            self._wrap(parts, indent, lead, most)
            return
        margin = " " * len(_split(lead)[0])
        text = "".join(clean(_split(part)[0]) for part in (lead, *parts))
        lines = text.replace("\n", f"\n{margin}").split("\n")
        print("\n".join(f"{' ' * indent}{line}".rstrip() for line in lines), file=self.stream, flush=True)

    def gap(self) -> None:
        """An empty line."""
        print(file=self.stream)

    def heading(self, text: str, style: str = STRONG) -> None:
        """An empty line and a heading."""
        self.gap()
        self.write((text, style))

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[Part]]) -> None:
        """Aligned columns; the last one may be long."""
        lines = [[(header, FAINT) for header in headers]]
        lines += [[(clean(text), style) for text, style in map(_split, row)] for row in rows]
        widths = [max(len(text) for text, _ in column) for column in zip(*lines, strict=True)]
        widths[-1] = 0
        for line in lines:
            padded = [(text.ljust(width), style) for (text, style), width in zip(line, widths, strict=True)]
            self.write(*(part for cell in padded for part in (cell, "  ")), most=1)

    def json(self, value: Any) -> None:
        """A value as JSON."""
        ascii_only = (self.stream.encoding or "ascii").lower().replace("-", "") != "utf8"
        print(json.dumps(value, indent=2, ensure_ascii=ascii_only), file=self.stream)

    def _wrap(self, parts: Sequence[Part], indent: int, lead: Part, most: int | None) -> None:
        from rich.text import Text

        opening = Text.assemble(" " * indent, _split(lead))
        width = max(20, self.console.width - len(opening))
        text = Text.assemble(*((clean(text), style) for text, style in map(_split, parts)))
        lines = list(text.wrap(self.console, width)) or [Text()]
        if most is not None and len(lines) > most:
            lines[most - 1].truncate(width - 2)
            lines[most - 1].rstrip()
            lines = [*lines[: most - 1], lines[most - 1] + Text(" …")]
        for number, line in enumerate(lines):
            shown = (Text(" " * len(opening)) if number else opening) + line
            shown.rstrip()
            self.console.print(shown, no_wrap=True, overflow="ignore", crop=False)


def plural(count: int, noun: str) -> str:
    """``1 page``, ``2 pages``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def unsigned(signed: bool) -> list[Part]:
    """The mark of what nobody has signed."""
    return [] if signed else [("  UNSIGNED", CAREFUL)]


def _split(part: Part) -> tuple[str, str]:
    return (part, "") if isinstance(part, str) else part
