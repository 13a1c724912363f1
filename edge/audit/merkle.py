"""The Merkle tree of the log: hashes, tiles, proofs and their checks. Pure.

Hashes and proofs are those of RFC 6962, section 2.1; tiles those of https://c2sp.org/tlog-tiles: at level L, 256 hashes
beside each other, each of a whole subtree of 256**L leaves. Any proof needs a few tiles, however long the log is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache

HASH_BYTES = 32
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
TILE_BYTES = TILE_WIDTH * HASH_BYTES

EMPTY_ROOT = hashlib.sha256(b"").digest()

ReadTile = Callable[[int, int], bytes]
"""The hashes of a tile, as many as there are: by level, and number within the level."""


def hash_leaf(entry: bytes) -> bytes:
    """Return the hash of an entry."""
    return hashlib.sha256(b"\0" + entry).digest()


def hash_children(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above two others."""
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """A tree of ``size`` leaves, read from its tiles.

    Raises:
        ValueError: a tile has fewer hashes than the size demands; from every method.
    """

    def __init__(self, size: int, read_tile: ReadTile) -> None:
        self.size = size
        self.read_tile = cache(read_tile)

    def shorten(self, size: int) -> Tree:
        """Return the tree of the first leaves."""
        return Tree(size, self.read_tile)

    def compute_root(self) -> bytes:
        """Return the root hash."""
        return self._hash_range(0, self.size) if self.size else EMPTY_ROOT

    def prove_inclusion(self, index: int) -> list[bytes]:
        """Return the proof that leaf ``index`` is in the tree, from its sibling up to a child of the root."""
        return self._prove_inclusion(index, 0, self.size)

    def prove_consistency(self, old: int) -> list[bytes]:
        """Return the proof that the first ``old`` leaves (at least one) are those of a tree of that size."""
        return self._prove_consistency(old, 0, self.size, whole=True) if old < self.size else []

    def list_subtrees(self) -> list[bytes]:
        """Return the roots of the whole subtrees that the tree consists of, largest first."""
        heights = [height for height in reversed(range(self.size.bit_length())) if self.size >> height & 1]
        return [self._read_node(height, (self.size >> height) - 1) for height in heights]

    def get_leaf(self, index: int) -> bytes:
        """Return the hash of a leaf."""
        return self._read_node(0, index)

    def _prove_inclusion(self, index: int, start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        middle = start + _split(end - start)
        if index < middle:
            return [*self._prove_inclusion(index, start, middle), self._hash_range(middle, end)]
        return [*self._prove_inclusion(index, middle, end), self._hash_range(start, middle)]

    def _prove_consistency(self, old: int, start: int, end: int, whole: bool) -> list[bytes]:
        if old == end:
            return [] if whole else [self._hash_range(start, end)]
        middle = start + _split(end - start)
        if old <= middle:
            return [*self._prove_consistency(old, start, middle, whole), self._hash_range(middle, end)]
        return [*self._prove_consistency(old, middle, end, False), self._hash_range(start, middle)]

    def _hash_range(self, start: int, end: int) -> bytes:
        """Return the hash over leaves, of which the first is at a multiple of the next power of two."""
        count = end - start
        if count & (count - 1) == 0:
            height = count.bit_length() - 1
            return self._read_node(height, start >> height)
        middle = start + _split(count)
        return hash_children(self._hash_range(start, middle), self._hash_range(middle, end))

    def _read_node(self, height: int, index: int) -> bytes:
        """Return the hash of a whole subtree of 2**height leaves."""
        level, above = divmod(height, TILE_HEIGHT)
        number, offset = divmod(index << above, TILE_WIDTH)
        data = self.read_tile(level, number)[offset * HASH_BYTES : (offset + (1 << above)) * HASH_BYTES]
        if len(data) != HASH_BYTES << above:
            raise ValueError(f"tile {number} of level {level} is cut")
        return hash_whole(data)


class Frontier:
    """The roots of whole subtrees that a growing tree consists of: what its root is made of."""

    def __init__(self, roots: Sequence[bytes] = (), size: int = 0) -> None:
        self.size = size
        self._roots = list(roots)

    def append(self, leaf: bytes) -> list[bytes]:
        """Add a leaf, by its hash, and return the roots of the subtrees that are whole now, by height from 0."""
        size, found = self.size, leaf
        whole = [found]
        while size & 1:
            found = hash_children(self._roots.pop(), found)
            whole.append(found)
            size >>= 1
        self._roots.append(found)
        self.size += 1
        return whole

    def compute_root(self) -> bytes:
        """Return the root hash."""
        if not self._roots:
            return EMPTY_ROOT
        found = self._roots[-1]
        for root in reversed(self._roots[:-1]):
            found = hash_children(root, found)
        return found


class TreeEdge:
    """The right edge of a growing tree: its frontier, and its unfinished tiles, one a level.

    Raises:
        ValueError: a tile has fewer hashes than the size demands.
    """

    def __init__(self, size: int = 0, read_tile: ReadTile = lambda level, number: b"") -> None:
        self._frontier = Frontier(Tree(size, read_tile).list_subtrees(), size)
        self._tiles: list[bytearray] = []
        while count := size >> (TILE_HEIGHT * len(self._tiles)):
            number, width = divmod(count, TILE_WIDTH)
            data = read_tile(len(self._tiles), number) if width else b""
            self._tiles.append(bytearray(data[: width * HASH_BYTES]))

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._frontier.size

    def append(self, leaves: Sequence[bytes]) -> dict[tuple[int, int], bytes]:
        """Add leaves, by their hashes, and return the tiles that became others, by level and number."""
        changed: dict[tuple[int, int], bytes] = {}
        touched: set[int] = set()
        for leaf in leaves:
            for level, root in enumerate(self._frontier.append(leaf)[::TILE_HEIGHT]):
                if level == len(self._tiles):
                    self._tiles.append(bytearray())
                self._tiles[level] += root
                touched.add(level)
                if len(self._tiles[level]) == TILE_BYTES:
                    changed[level, (self.size >> (TILE_HEIGHT * (level + 1))) - 1] = bytes(self._tiles[level])
                    self._tiles[level].clear()
        for level in touched:
            if self._tiles[level]:
                changed[level, self.size >> (TILE_HEIGHT * (level + 1))] = bytes(self._tiles[level])
        return changed

    def compute_root(self) -> bytes:
        """Return the root hash."""
        return self._frontier.compute_root()


def hash_whole(data: bytes) -> bytes:
    """Return the hash above a power of two of hashes that lie beside each other."""
    hashes = [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
    while len(hashes) > 1:
        hashes = [hash_children(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def list_tiles(size: int) -> Iterator[tuple[int, int, int]]:
    """Yield the tiles of a tree: level, number, and how many hashes it holds."""
    level = 0
    while count := size >> (TILE_HEIGHT * level):
        for number in range(-(-count // TILE_WIDTH)):
            yield level, number, min(TILE_WIDTH, count - number * TILE_WIDTH)
        level += 1


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Check a proof of inclusion (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = hash_children(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = hash_children(found, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def check_consistency(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Check a proof of consistency (RFC 9162, section 2.1.4.2)."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not proof and old_root == root
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = hash_children(sibling, first), hash_children(sibling, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = hash_children(second, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == root


def _split(count: int) -> int:
    """Return the largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1
