"""The log on the disk: rows, the tiles of their Merkle tree, and a signed checkpoint for every commit.

    EDGE_HOME/audit/log.sqlite      beside it the keys (``keys``, ``device``)

SQLite in WAL mode with ``synchronous = FULL``: a commit is on the disk when it returns. Rows are never changed: what
goes wrong with them is for ``verify`` to find.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edge import database, files
from edge.audit.device import DeviceKey, load_or_make_key
from edge.audit.entry import NewRow, Row, make_associated_data
from edge.audit.keys import NONCE_BYTES, DataKeys
from edge.audit.merkle import Tree, TreeEdge, hash_leaf
from edge.audit.note import Checkpoint, Note
from edge.errors import NotFoundError, PackError, StorageError

FILE, COSIGNED = "log.sqlite", "cosigned"
WAIT_MS = 5000
"""How long another process may be writing."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry(
    id INTEGER PRIMARY KEY, time INTEGER NOT NULL, subject BLOB NOT NULL, epoch INTEGER NOT NULL,
    receipt BLOB NOT NULL, payload BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS entry_receipt ON entry(receipt);
CREATE TABLE IF NOT EXISTS tile(
    level INTEGER NOT NULL, number INTEGER NOT NULL, hashes BLOB NOT NULL, PRIMARY KEY (level, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checkpoint(size INTEGER PRIMARY KEY, note TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS entry_stays BEFORE UPDATE ON entry BEGIN SELECT raise(ABORT, 'append only'); END;
CREATE TRIGGER IF NOT EXISTS entry_lasts BEFORE DELETE ON entry BEGIN SELECT raise(ABORT, 'append only'); END;
"""
_COLUMNS = "id, time, subject, epoch, receipt, payload"
_READ = (
    "SELECT id, CAST(time AS INTEGER), CAST(subject AS BLOB), CAST(epoch AS INTEGER), CAST(receipt AS BLOB),"
    " CAST(payload AS BLOB) FROM entry"
)
"""Whatever type somebody gave a value."""


class LogStore:
    """The log of one device, made when it is not there. For one thread at a time; several processes may append.

    Raises:
        StorageError, BusyError: it cannot be read or written; from every method.
    """

    def __init__(self, folder: Path, device: str) -> None:
        self.folder, self._path = folder, folder / FILE
        with self._translate_errors():
            files.make_folder(folder)
            folder.chmod(0o700)
            self.key: DeviceKey = load_or_make_key(folder, device)
            self.keys = DataKeys(folder)
            self._connection = database.open_writable(self._path)
            self._connection.set_busy_timeout(WAIT_MS)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            if not self._connection.execute("PRAGMA table_info(checkpoint)").fetchall():
                with database.begin_transaction(self._connection):
                    self._connection.execute(_SCHEMA)
        self._edge = TreeEdge()

    @property
    def origin(self) -> str:
        """The name of the log."""
        return self.key.public.name

    def close(self) -> None:
        """Close the files."""
        self._connection.close()
        self.keys.close()

    def append(self, rows: Sequence[NewRow]) -> list[int]:
        """Add rows in one commit, and return their numbers (from 0). They are on the disk then."""
        with self._translate_errors():
            self.keys.refresh()
            keys = [self.keys.get_current(row.subject, row.time // 1000) for row in rows]
            with database.begin_transaction(self._connection):
                self._follow()
                first = self._edge.size
                added = []
                for index, (row, key) in enumerate(zip(rows, keys, strict=True), first):
                    nonce = os.urandom(NONCE_BYTES)
                    data = make_associated_data(row.time, key.subject, key.epoch)
                    sealed = nonce + AESGCM(key.key).encrypt(nonce, row.payload, data)
                    added.append(Row(index, row.time, key.subject, key.epoch, row.receipt, sealed))
                try:
                    self._write(added)
                except BaseException:
                    self._edge = TreeEdge()  # it has grown already
                    raise
        return [row.index for row in added]

    def read_size(self) -> int:
        """Return how many rows there are, by the last checkpoint."""
        with self._translate_errors():
            (size,) = self._connection.execute("SELECT max(size) FROM checkpoint").fetchone() or (0,)
        return size or 0

    def read_checkpoint(self, size: int | None = None) -> Note | None:
        """Return the signed checkpoint of a size, or the last one; None where there is none."""
        sql = "SELECT CAST(note AS BLOB) FROM checkpoint WHERE ?1 IS NULL OR size = ?1 ORDER BY size DESC LIMIT 1"
        with self._translate_errors():
            row: Any = self._connection.execute(sql, (size,)).fetchone()
        return Note.parse(row[0].decode("utf-8", "replace")) if row else None

    def list_checkpoints(self) -> Iterator[tuple[int, str]]:
        """Yield the size and the note of every checkpoint, in order."""
        sql = "SELECT size, CAST(note AS BLOB) FROM checkpoint ORDER BY size"
        with self._translate_errors():
            rows: Iterator[Any] = self._connection.execute(sql)
            for size, note in rows:
                yield size, note.decode("utf-8", "replace")

    def list_cosigned(self) -> list[Note]:
        """Return the checkpoints of this log that others have cosigned, the last of each."""
        folder = self.folder / COSIGNED
        with self._translate_errors():
            paths = sorted(folder.iterdir()) if folder.is_dir() else []
            return [Note.parse(path.read_text(encoding="utf-8", errors="replace")) for path in paths]

    def list_rows(self, start: int = 0) -> Iterator[Row]:
        """Yield the rows from a number on, in order."""
        sql = f"{_READ} WHERE id >= ? ORDER BY id"
        with self._translate_errors():
            for values in self._connection.execute(sql, (start,)):
                yield Row(*values)

    def get_row(self, index: int) -> Row:
        """Return a row by its number.

        Raises:
            NotFoundError: there is none.
        """
        row = next(self.list_rows(index), None)
        if row is None or row.index != index:
            raise NotFoundError(f"The audit log has no row {index}.", "edge audit show lists the last ones.")
        return row

    def find_row(self, receipt: bytes) -> Row | None:
        """Return the row with this commitment, if there is one."""
        sql = f"{_READ} WHERE receipt = ?"
        with self._translate_errors():
            values = self._connection.execute(sql, (receipt,)).fetchone()
        return Row(*values) if values else None

    def read_payload(self, row: Row) -> bytes | None:
        """Return what was sealed in a row; None once its key was erased.

        Raises:
            StorageError: the payload is damaged.
        """
        self.keys.refresh()
        key = self.keys.find(row.subject, row.epoch)
        if key is None:
            return None
        data = make_associated_data(row.time, row.subject, row.epoch)
        try:
            nonce, sealed = row.payload[:NONCE_BYTES], row.payload[NONCE_BYTES:]
            return zlib.decompress(AESGCM(key).decrypt(nonce, sealed, data))
        except (InvalidTag, ValueError, zlib.error) as error:
            raise StorageError(
                f"Row {row.index} of the audit log is damaged.", "edge audit verify"
            ) from error

    def read_tile(self, level: int, number: int) -> bytes:
        """Return the hashes of a tile; nothing where it is missing."""
        sql = "SELECT CAST(hashes AS BLOB) FROM tile WHERE level = ? AND number = ?"
        with self._translate_errors():
            row = self._connection.execute(sql, (level, number)).fetchone()
        return row[0] if row else b""

    def list_tiles(self) -> dict[tuple[int, int], int]:
        """Return the bytes of each tile, by level and number."""
        sql = "SELECT level, number, length(CAST(hashes AS BLOB)) FROM tile"
        with self._translate_errors():
            rows: list[Any] = self._connection.execute(sql).fetchall()
        return {(level, number): length for level, number, length in rows}

    def make_tree(self, size: int | None = None) -> Tree:
        """Return the tree over the first ``size`` rows, or over all."""
        return Tree(self.read_size() if size is None else size, self.read_tile)

    def _write(self, added: Sequence[Row]) -> None:
        """Write rows, tiles and the checkpoint over them, within a transaction."""
        self._connection.executemany(
            f"INSERT INTO entry({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
            [(row.index, row.time, row.subject, row.epoch, row.receipt, row.payload) for row in added],
        )
        tiles = self._edge.append([hash_leaf(row.entry) for row in added])
        self._connection.executemany(
            "INSERT OR REPLACE INTO tile VALUES (?, ?, ?)", [(*place, data) for place, data in tiles.items()]
        )
        checkpoint = Checkpoint(self.origin, self._edge.size, self._edge.compute_root())
        note = Note(checkpoint.text, (self.key.sign(checkpoint.text),))
        row = (checkpoint.size, str(note))
        self._connection.execute("INSERT INTO checkpoint VALUES (?, ?)", row)

    def _follow(self) -> None:
        """Take up what other processes have appended."""
        size = self.read_size()
        if size != self._edge.size:
            try:
                self._edge = TreeEdge(size, self.read_tile)
            except ValueError as error:
                raise StorageError(f"{self._path} is damaged: {error}.", "edge audit verify") from error

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            with files.translate_os_errors(self._path), database.translate_sqlite_errors(self._path):
                yield
        except PackError as error:
            raise StorageError(
                f"{self._path} is damaged.", "Move the folder 'audit' away: a new log begins."
            ) from error


def exists(folder: Path) -> bool:
    """Return True if there is a log."""
    return (folder / FILE).exists()


def open_log(folder: Path, device: str) -> LogStore:
    """Open a log that exists.

    Raises:
        NotFoundError: there is none.
    """
    if not exists(folder):
        raise NotFoundError("There is no audit log yet.", "It begins with the first question.")
    return LogStore(folder, device)
