"""Checks a log whole: every row against its leaf, all leaves against every signed checkpoint.

No key of a subject is needed: rows that were erased verify like all others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.audit.merkle import HASH_BYTES, TILE_HEIGHT, TILE_WIDTH, Frontier, hash_leaf, list_tiles
from edge.audit.note import Checkpoint, Note, NoteError, VerifierKey, open_checkpoint
from edge.audit.store import LogStore

JUMP_MS = 3_600_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a check. ``row`` is the first row that differs, None if all is well; ``last`` the last it may be.

    These two are apart only where rows of one commit and the stored hashes were changed together. ``clock_jumps``
    counts the rows that say to be older than the one before, by more than an hour: a clock that was wrong, no harm.
    """

    rows: int
    row: int | None = None
    last: int | None = None
    reason: str = ""
    clock_jumps: int = 0

    @property
    def sound(self) -> bool:
        """True if nothing differs."""
        return self.row is None


def verify(store: LogStore, progress: Progress = lambda done, total: None) -> Verdict:
    """Check a log whole, and name the first row that differs.

    Raises:
        StorageError: the file is damaged so that it cannot be read.
    """
    size = store.read_size()
    checkpoints, tiles, frontier = _Checkpoints(store), _Tiles(store), Frontier()
    differs: Verdict | None = None
    jumps, before = 0, 0
    for index, row in enumerate(store.list_rows()):
        if row.index != index or index >= size:
            reason = "it is missing" if row.index != index else "it stands after the last checkpoint"
            return differs or Verdict(size, index, index, reason)
        whole = frontier.append(hash_leaf(row.entry))
        differs = differs or tiles.check(frontier.size, whole)
        if (found := checkpoints.check(frontier)) is not None:
            return _choose_first(differs, found)
        jumps += row.time < before - JUMP_MS
        before = row.time
        progress(index + 1, size)
    if frontier.size < size:
        return differs or Verdict(size, frontier.size, size - 1, "rows are missing at the end")
    return differs or tiles.check_sizes(size) or Verdict(size, clock_jumps=jumps)


def check_head(store: LogStore) -> Verdict:
    """Check the last row and the last checkpoint alone: quick, for a look at the health of a log."""
    size = store.read_size()
    if size == 0:
        return Verdict(0)
    try:
        note = store.read_checkpoint()
        assert note is not None
        checkpoint = open_checkpoint(note, store.key.public)
        root = store.make_tree().compute_root()
    except (NoteError, ValueError) as error:
        return Verdict(size, size - 1, size - 1, str(getattr(error, "message", error)))
    row = next(store.list_rows(size - 1), None)
    if row is None or hash_leaf(row.entry) != store.make_tree().get_leaf(size - 1):
        return Verdict(size, size - 1, size - 1, "it is not what its hash says")
    if root != checkpoint.root:
        return Verdict(size, 0, size - 1, "the hashes do not make the root that was signed")
    return Verdict(size)


class _Tiles:
    """The stored tiles, each hash compared when its subtree is whole."""

    def __init__(self, store: LogStore) -> None:
        self._store = store
        self._read: dict[int, tuple[int, bytes]] = {}

    def check(self, size: int, whole: Sequence[bytes]) -> Verdict | None:
        """Compare the roots of the subtrees that end with the last of ``size`` rows."""
        for height in range(0, len(whole), TILE_HEIGHT):
            position = (size >> height) - 1
            if self._read_hash(height // TILE_HEIGHT, position) != whole[height]:
                start = position << height
                reason = "its row is not what was hashed" if height == 0 else "a stored hash over it differs"
                return Verdict(size, start, size - 1, reason)
        return None

    def check_sizes(self, size: int) -> Verdict | None:
        """Check that there are the tiles of a tree of this size and nothing more."""
        expected = {(level, number): width * HASH_BYTES for level, number, width in list_tiles(size)}
        if expected == (found := self._store.list_tiles()):
            return None
        level, number = min(place for place in {*expected, *found} if expected.get(place) != found.get(place))
        start = min(size - 1, number * TILE_WIDTH ** (level + 1))
        return Verdict(size, start, size - 1, "a tile over it was cut, or added")

    def _read_hash(self, level: int, position: int) -> bytes:
        number, offset = divmod(position, TILE_WIDTH)
        if self._read.get(level, (-1, b""))[0] != number:
            self._read[level] = number, self._store.read_tile(level, number)
        return self._read[level][1][offset * HASH_BYTES : (offset + 1) * HASH_BYTES]


class _Checkpoints:
    """The stored checkpoints, each compared when the tree has grown to its size."""

    def __init__(self, store: LogStore) -> None:
        self._key = store.key.public
        self._stored = store.list_checkpoints()
        self._last = store.read_size()
        self._next = next(self._stored, None)
        self._proven = 0

    def check(self, frontier: Frontier) -> Verdict | None:
        """Compare the checkpoint of this size, if there is one."""
        if self._next is None or self._next[0] > frontier.size:
            return None
        size, note = self._next
        self._next = next(self._stored, None)
        reason = _compare(note, size, self._key, frontier)
        if reason:
            return Verdict(self._last, self._proven, size - 1, reason)
        self._proven = size
        return None


def _compare(text: str, size: int, key: VerifierKey, frontier: Frontier) -> str:
    """Return how a checkpoint differs from the tree of its size; nothing if it does not."""
    try:
        note = Note.parse(text)
        checkpoint = open_checkpoint(note, key)
    except NoteError as error:
        return f"the checkpoint after it is damaged: {error.message}"
    if str(note) != text or checkpoint != Checkpoint(key.name, size, frontier.compute_root()):
        return "the rows up to it do not make the root that was signed"
    return ""


def _choose_first(differs: Verdict | None, found: Verdict) -> Verdict:
    """Return the finding that names the row; a hash that differs within the rows of a checkpoint is that row."""
    return differs if differs is not None else found
