"""What a disk may hold after the power went: everything that was synced, and of the rest whatever chance kept.

No file system is as bad as this one. A file's contents count as kept only once the file was synced, a name only once
its folder was, after a rename both folders. What was not may be there or missing, and a write may be cut short at a
sector or have left zeros. Names are lost one by one, or all from some moment on, as a journal loses them. A rename is
lost or kept whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.torture.disk import Call

SECTOR = 512


@dataclass(eq=False)
class Node:
    """A file, a symbolic link (``link`` says to what) or a folder, with what it held at the beginning."""

    folder: bool = False
    link: str = ""
    data: bytes = b""
    names: dict[str, Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Write:
    node: Node
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    node: Node
    length: int


@dataclass(frozen=True, slots=True)
class Names:
    """Names that change together: each a folder, a name there, and what has it from now on."""

    changes: tuple[tuple[Node, str, Node | None], ...]


@dataclass(frozen=True, slots=True)
class Sync:
    node: Node


Step = Write | Truncate | Names | Sync


class Recording:
    """A folder as it is now, and the steps that change it from here on."""

    def __init__(self, home: Path) -> None:
        self.steps: Sequence[Step] = ()
        self._home = str(home)
        self._inodes: dict[int, Node] = {}
        self._now: dict[Node, dict[str, Node]] = {}
        self._root = self._scan(home)

    def add(self, calls: Iterable[Call]) -> None:
        """Note what was done."""
        self.steps = [*self.steps, *(step for call in calls for step in self._list_steps(call))]

    def crash(self, moment: int, random: Random, target: Path) -> None:
        """Write to ``target`` what may be left when the power goes after so many steps."""
        kept = self._choose_kept(moment, random)
        data: dict[Node, bytearray] = {}
        names: dict[Node, dict[str, Node]] = {}
        for number, step in enumerate(self.steps[:moment]):
            if isinstance(step, Names) and kept[number]:
                for folder, name, node in step.changes:
                    entries = names.setdefault(folder, dict(folder.names))
                    entries.pop(name, None)
                    entries |= {name: node} if node else {}
            elif isinstance(step, Write):
                written = step.data if kept[number] else _tear(step.data, random)
                held = data.setdefault(step.node, bytearray(step.node.data))
                held += bytes(max(0, step.offset + len(written) - len(held)) if written else 0)
                held[step.offset : step.offset + len(written)] = written
            elif isinstance(step, Truncate) and kept[number]:
                held = data.setdefault(step.node, bytearray(step.node.data))
                del held[step.length :]
                held += bytes(step.length - len(held))
        _materialise(self._root, target, data, names)

    def _choose_kept(self, moment: int, random: Random) -> list[bool]:
        """Choose the steps that are kept for certain, because of a later sync, or by chance."""
        chance = random.choice((0.0, 0.5, 0.9))
        journal = random.randrange(moment + 1) if random.random() < 0.5 else None
        synced: set[Node] = set()
        kept = [False] * moment
        for number in reversed(range(moment)):
            step = self.steps[number]
            if isinstance(step, Sync):
                synced.add(step.node)
            elif isinstance(step, Names):
                by_chance = number < journal if journal is not None else random.random() < chance
                kept[number] = by_chance or {folder for folder, _, _ in step.changes} <= synced
            else:
                kept[number] = step.node in synced or random.random() < chance
        return kept

    def _scan(self, path: Path) -> Node:
        if path.is_symlink():
            node = Node(link=os.readlink(path))
        elif path.is_dir():
            node = Node(folder=True, names={entry.name: self._scan(entry) for entry in path.iterdir()})
        else:
            node = Node(data=path.read_bytes())
        self._inodes[path.lstat().st_ino] = node
        return node

    def _list_steps(self, call: Call) -> Iterable[Step]:
        if call.kind in "cdl":
            link = call.other if call.kind == "l" else ""
            node = self._inodes[call.inode] = Node(folder=call.kind == "d", link=link)
            yield self._list_names((call.path, node))
        elif call.kind == "r":
            yield self._list_names((call.path, None), (call.other, self._find(call.path)))
        elif call.kind == "u":
            yield self._list_names((call.path, None))
        elif call.kind == "s":
            yield Sync(self._inodes[call.inode])
        elif call.kind == "t":
            yield Truncate(self._inodes[call.inode], call.offset)
        else:
            yield Write(self._inodes[call.inode], call.offset, call.data)

    def _list_names(self, *changes: tuple[str, Node | None]) -> Names:
        found = []
        for path, node in changes:
            above, _, name = path.rpartition("/")
            folder = self._find(above)
            found.append((folder, name, node))
            entries = self._list_entries(folder)
            entries.pop(name, None)
            entries |= {name: node} if node else {}
        return Names(tuple(found))

    def _list_entries(self, folder: Node) -> dict[str, Node]:
        return self._now.setdefault(folder, dict(folder.names))

    def _find(self, path: str) -> Node:
        node = self._root
        for name in filter(None, path.removeprefix(self._home).split("/")):
            node = self._list_entries(node)[name]
        return node


def _tear(data: bytes, random: Random) -> bytes:
    """Return what is left of a write that was not synced: nothing of it, its beginning, or its length in zeros."""
    cut = random.randrange(len(data) // SECTOR + 1) * SECTOR
    return random.choice((b"", data[:cut], bytes(len(data))))


def _materialise(
    node: Node, path: Path, data: dict[Node, bytearray], names: dict[Node, dict[str, Node]]
) -> None:
    if node.folder:
        path.mkdir()
        for name, child in names.get(node, node.names).items():
            _materialise(child, path / name, data, names)
    elif node.link:
        path.symlink_to(node.link)
    else:
        path.write_bytes(data.get(node, node.data))
