"""The documents that people read, taken apart: the README, and the handbook that is a pack too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.core import TyperGroup
from typer.main import get_command

from edge.cli.main import app
from pack_cache import HANDBOOK as FOLDER

ROOT = Path(__file__).resolve().parents[1]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Document:
    """A Markdown document, or a section of one."""

    name: str
    text: str

    def __str__(self) -> str:
        return self.name

    @property
    def prose(self) -> str:
        """The text without its blocks of code, which leave blanks."""
        return _FENCE.sub(lambda block: " " * len(block[0]), self.text)

    @property
    def headings(self) -> list[str]:
        return [heading[2] for heading in _HEADING.finditer(self.prose)]

    def find_section(self, heading: str) -> Document:
        """Find what stands under a heading, down to the next one of its level or above."""
        found = re.search(rf"^(#+) {re.escape(heading)}$", self.prose, re.MULTILINE)
        assert found, f"{self.name}: {heading}"
        rest = re.compile(rf"^#{{1,{len(found[1])}}} ", re.MULTILINE)
        end = rest.search(self.prose, found.end())
        return Document(f"{self.name}: {heading}", self.text[found.end() : end.start() if end else None])

    def blocks(self, language: str) -> list[str]:
        """Blocks of code in a language."""
        return [body for kind, body in _FENCE.findall(self.text) if kind == language]

    def find_spans(self) -> list[str]:
        """Find inline code."""
        return _SPAN.findall(self.prose)

    def find_rows(self) -> list[list[str]]:
        """Find the cells of all tables, without their heads."""
        lines = [line for line in self.prose.splitlines() if line.startswith("|")]
        heads = [at - 1 for at, line in enumerate(lines) if set(line) <= set("|- ")]
        dropped = {at for head in heads for at in (head, head + 1)}
        kept = [line for at, line in enumerate(lines) if at not in dropped]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in kept]

    def find_shell_lines(self) -> list[str]:
        """Find what is typed: every line of ``sh`` blocks, the prompts of ``console`` blocks."""
        typed = [line for block in self.blocks("sh") for line in block.replace("\\\n", " ").splitlines()]
        shown = [line for block in self.blocks("console") for line in block.splitlines()]
        return typed + [line[2:] for line in shown if line[:2] == "$ "]


def read(path: Path) -> Document:
    return Document(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))


README = read(ROOT / "README.md")
CHANGELOG = read(ROOT / "CHANGELOG.md")
HANDBOOK = {path.stem: read(path) for path in sorted(FOLDER.glob("*.md"))}
ALL = (README, *HANDBOOK.values())


# -- the command line


EDGE: Any = get_command(app)


def resolve(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that words name, and the words that are left."""
    command = EDGE
    while isinstance(command, TyperGroup) and words and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    return command, words


def walk_commands(command: Any = EDGE) -> Iterator[Any]:
    yield command
    for sub in getattr(command, "commands", {}).values():
        yield from walk_commands(sub)


def find_leaves(command: Any = EDGE, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield every command that does something, as the words it is called by."""
    if not isinstance(command, TyperGroup):
        yield path
        return
    for name, sub in command.commands.items():
        yield from find_leaves(sub, *path, name)
