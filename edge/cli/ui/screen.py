"""Writes paragraphs, tables and JSON: styled and wrapped on a terminal, plain lines when piped.

rich is imported for a terminal only. Control characters are removed from all text, so that no manual and no model can
move the cursor.
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
    """Remove escape codes, control characters (but line ends and tabs) and lone surrogates."""
    return _CONTROL.sub("", text).encode("utf-8", "replace").decode()


class Screen:
    """Writes to a stream, by default to standard output. NO_COLOR is obeyed."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.terminal = self.stream.isatty()
        self.styled = self.terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    @cached_property
    def console(self) -> Console:
        """The console of rich on this stream."""
        from rich.console import Console

        console = Console(
            file=self.stream, highlight=False, markup=False, emoji=False,
            force_terminal=self.styled, color_system="auto" if self.styled else None,
        )  # fmt: skip
        console.width = min(console.width, MAX_WIDTH)
        return console

    @property
    def width(self) -> int:
        """The columns of a line: of the terminal, or of a page that is easy to read."""
        return self.console.width if self.terminal else MAX_WIDTH

    def write(self, *parts: Part, indent: int = 0, lead: Part = "", most: int | None = None) -> None:
        """Write a paragraph. ``lead`` stands before its first line; the other lines are indented as far.

        On a terminal it is wrapped, and cut after ``most`` lines.
        """
        if self.terminal:
            self._wrap(parts, indent, lead, most)
            return
        margin = " " * len(_split(lead)[0])
        text = "".join(clean(_split(part)[0]) for part in (lead, *parts))
        lines = text.replace("\n", f"\n{margin}").split("\n")
        print("\n".join(f"{' ' * indent}{line}".rstrip() for line in lines), file=self.stream, flush=True)

    def write_gap(self) -> None:
        """Write an empty line."""
        print(file=self.stream)

    def write_heading(self, text: str, style: str = STRONG) -> None:
        """Write an empty line and a heading."""
        self.write_gap()
        self.write((text, style))

    def write_table(self, headers: Sequence[str], rows: Iterable[Sequence[Part]]) -> None:
        """Write aligned columns; the last one may be long."""
        lines = [[(header, FAINT) for header in headers]]
        lines += [[(clean(text), style) for text, style in map(_split, row)] for row in rows]
        widths = [max(len(text) for text, _ in column) for column in zip(*lines, strict=True)]
        widths[-1] = 0
        for line in lines:
            padded = [(text.ljust(width), style) for (text, style), width in zip(line, widths, strict=True)]
            self.write(*(part for cell in padded for part in (cell, "  ")), most=1)

    def write_json(self, value: Any) -> None:
        """Write a value as JSON."""
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
            whole = (Text(" " * len(opening)) if number else opening) + line
            whole.rstrip()
            self.console.print(whole, no_wrap=True, overflow="ignore", crop=False)


def format_count(count: int, noun: str) -> str:
    """Return ``1 page``, ``2 pages``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def mark_unsigned(signed: bool) -> list[Part]:
    """Return the mark of a pack that nobody has signed; nothing for a signed one."""
    return [] if signed else [("  UNSIGNED", CAREFUL)]


def _split(part: Part) -> tuple[str, str]:
    return (part, "") if isinstance(part, str) else part
