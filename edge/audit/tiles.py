"""The hashes of a log as files, in the layout of https://c2sp.org/tlog-tiles: on a stick, or kept of another device.

    key               the key of the log, a vkey
    checkpoint        its last signed state
    tile/L/NNN        a full tile; tile/L/NNN.p/W one of W hashes
    cosigned/ID       a checkpoint with the cosignature of another device

What others wrote is read with bounds, and never through a link.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from edge import files
from edge.audit.merkle import (
    HASH_BYTES,
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_WIDTH,
    ReadTile,
    Tree,
    hash_whole,
    list_tiles,
)
from edge.audit.note import Note, NoteError, VerifierKey, make_id

KEY, CHECKPOINT, COSIGNED = "key", "checkpoint", "cosigned"
MOST_BYTES = 65_536


class TileFolder:
    """One log in a folder.

    Raises:
        OSError: from every method, as files do.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read_key(self) -> VerifierKey:
        """Read the key of the log. The folder must be called after it.

        Raises:
            NoteError: it is none, or another one's.
        """
        key = VerifierKey.parse(self._read(KEY).decode("utf-8", "replace"))
        if make_id(key.public) != self.path.name:
            raise NoteError(f"{self.path} holds the key of another log.", "Remove the folder.")
        return key

    def read_checkpoint(self) -> Note:
        """Read the last checkpoint. Raises ``NoteError`` if it is none."""
        return Note.parse(self._read(CHECKPOINT).decode("utf-8", "replace"))

    def list_cosigned(self) -> dict[str, Note]:
        """Return the cosigned checkpoints by the id of whoever cosigned them; what cannot be read is left out."""
        found = {}
        folder = self.path / COSIGNED
        names = sorted(os.listdir(folder))[:64] if folder.is_dir() else []
        for name in names:
            try:
                found[name] = Note.parse(self._read(f"{COSIGNED}/{name}").decode("utf-8", "replace"))
            except (NoteError, OSError):
                continue
        return found

    def write_cosigned(self, name: str, note: Note) -> None:
        """Leave a checkpoint with the cosignature of the device of this id."""
        self._write(f"{COSIGNED}/{name}", str(note).encode())

    def make_tree(self, size: int) -> Tree:
        """Return the tree of a size, or of a smaller one. Its methods raise ``ValueError`` where hashes are missing."""

        def read_tile(level: int, number: int) -> bytes:
            width = min(TILE_WIDTH, (size >> TILE_HEIGHT * level) - number * TILE_WIDTH)
            for name in (format_path(level, number), format_path(level, number, width)):
                try:
                    return self._read(name, TILE_BYTES)
                except OSError:
                    continue
            return b""

        return Tree(size, read_tile)

    def write(self, key: VerifierKey, checkpoint: Note, size: int, read_tile: ReadTile) -> None:
        """Bring the folder to the state of a checkpoint; tiles first, so that it is whole at every moment."""
        for level, number, width in list_tiles(size):
            name = format_path(level, number, width)
            if width < TILE_WIDTH or not (self.path / name).exists():
                data = read_tile(level, number)[: width * HASH_BYTES]
                if len(data) != width * HASH_BYTES or not _is_sound(data, level, number, read_tile):
                    raise ValueError(f"tile {number} of level {level} is damaged")
                self._write(name, data)
                if width == TILE_WIDTH:
                    files.delete(self.path / f"{name}.p")
                else:
                    self._forget_others(self.path / name)
        self._write(KEY, f"{key}\n".encode())
        self._write(CHECKPOINT, str(checkpoint).encode())

    def _forget_others(self, tile: Path) -> None:
        """Delete the shorter forms of a tile that has grown."""
        for path in tile.parent.iterdir():
            if path.name != tile.name:
                files.delete(path)

    def _read(self, name: str, most: int = MOST_BYTES) -> bytes:
        require_no_link(self.path / name, self.path.parent)
        descriptor = os.open(self.path / name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(f"{self.path / name} is not a file")
            return file.read(most)

    def _write(self, name: str, data: bytes) -> None:
        path = self.path / name
        require_no_link(path, self.path.parent)
        files.make_folder(path.parent)
        files.write_atomically(path, data)


def _is_sound(data: bytes, level: int, number: int, read_tile: ReadTile) -> bool:
    """Return True if a full tile is what the hash above it says; one that is not full stands in the root itself."""
    if len(data) < TILE_BYTES:
        return True
    above, offset = divmod(number, TILE_WIDTH)
    expected = read_tile(level + 1, above)[offset * HASH_BYTES : (offset + 1) * HASH_BYTES]
    return hash_whole(data) == expected


def require_no_link(path: Path, above: Path) -> None:
    """Raise ``OSError`` if a path below (and with) a folder goes through a symbolic link."""
    for place in (path, *path.parents):
        if place.is_symlink():
            raise OSError(f"{place} is a link")
        if place == above:
            return


def format_path(level: int, number: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a tile."""
    parts = [f"{number % 1000:03}"]
    while number := number // 1000:
        parts.insert(0, f"x{number % 1000:03}")
    partial = f".p/{width}" if width < TILE_WIDTH else ""
    return f"tile/{level}/{'/'.join(parts)}{partial}"
