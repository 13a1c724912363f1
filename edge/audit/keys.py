"""The keys that payloads are sealed with: one for each subject and epoch, apart from the rows.

    EDGE_HOME/audit/keys.sqlite     the keys, sealed with the master key, and who each subject is
    EDGE_HOME/audit/master-N.key    the master key, readable by its owner alone

An epoch ends after ``EPOCH_S``, or by `rotate`. To erase a subject is to delete its keys and to seal those of all
others with a new master key: what was its own is then unreadable in the log, in exports, and in older copies of
``keys.sqlite``. Its number still says which rows were its own; who it was, nothing does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edge import database, files
from edge.errors import StorageError

FILE, MASTER = "keys.sqlite", "master-{}.key"
EPOCH_S = 90 * 86400
KEY_BITS = 256
NONCE_BYTES = 12
SUBJECT_BYTES = 16

_SCHEMA = """
CREATE TABLE IF NOT EXISTS master(number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS subject(id BLOB PRIMARY KEY, name BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS data_key(
    subject BLOB NOT NULL, epoch INTEGER NOT NULL, begun INTEGER NOT NULL, ended INTEGER, key BLOB NOT NULL,
    PRIMARY KEY (subject, epoch)) WITHOUT ROWID;
"""
"""``name`` and ``key`` are sealed; ``begun`` and ``ended`` are in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key of one subject and epoch; times in seconds since 1970, ``ended`` None while it is in use."""

    subject: bytes
    epoch: int
    begun: int
    ended: int | None
    key: bytes


class DataKeys:
    """The keys of one device. For one thread at a time; several processes may share the file (`refresh`).

    Raises:
        StorageError: the file cannot be read or written, or its master key is gone; from every method.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with self._translate_errors():
            files.make_folder(folder)
            path = folder / FILE
            if not path.exists():
                with suppress(FileExistsError):
                    files.write_secret(path, b"")
            self._connection = database.open_writable(path)
            self._connection.execute("PRAGMA synchronous = EXTRA")
            self._connection.execute("PRAGMA secure_delete = ON")
            self._connection.execute(_SCHEMA)
            self._make_first_master()
        self._version = -1
        self._master = b""
        self._names: dict[str, bytes] = {}
        self._keys: dict[tuple[bytes, int], DataKey] = {}
        self.refresh()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def get_current(self, name: str, now: int) -> DataKey:
        """Return the key that rows of a subject are sealed with at a time (seconds since 1970), made if need be."""
        if (found := self._find_current(name, now)) is not None:
            return found
        with self._change():
            if (found := self._find_current(name, now)) is not None:  # another process has just made it
                return found
            if (subject := self._names.get(name)) is None:
                subject = os.urandom(SUBJECT_BYTES)
                sealed = self._seal(name.encode("utf-8", "replace"), subject)
                self._connection.execute("INSERT INTO subject VALUES (?, ?)", (subject, sealed))
            last = max((epoch for owner, epoch in self._keys if owner == subject), default=0)
            self._end_keys(now, subject)
            made = DataKey(subject, last + 1, now, None, AESGCM.generate_key(KEY_BITS))
            sealed = self._seal(made.key, _name_key(made.subject, made.epoch))
            row = (made.subject, made.epoch, made.begun, made.ended, sealed)
            self._connection.execute("INSERT INTO data_key VALUES (?, ?, ?, ?, ?)", row)
        return made

    def find(self, subject: bytes, epoch: int) -> bytes | None:
        """Return a key; None once it was erased."""
        found = self._keys.get((subject, epoch))
        return found.key if found else None

    def get_names(self) -> dict[bytes, str]:
        """Return who the subjects are, by number."""
        self.refresh()
        return {subject: name for name, subject in self._names.items()}

    def rotate(self, now: int) -> int:
        """End every key in use, and seal all with a new master key; return how many keys that were."""
        with self._change():
            self._end_keys(now)
            count = len(self._keys)
            self._replace_master()
        self._forget_old_masters()
        return count

    def erase(self, subject: bytes, before: int | None = None) -> int:
        """Delete the keys of a subject for good, and its name with the last of them; return how many.

        Args:
            before: only those that ended by this time, in seconds since 1970.
        """
        with self._change():
            sql = "DELETE FROM data_key WHERE subject = ?"
            if before is None:
                self._connection.execute(sql, (subject,))
            else:
                self._connection.execute(f"{sql} AND ended <= ?", (subject, before))
            count = self._connection.changes()
            self._connection.execute(
                "DELETE FROM subject WHERE id = ? AND id NOT IN (SELECT subject FROM data_key)", (subject,)
            )
            self._load_rows()
            self._replace_master()
        self._forget_old_masters()
        return count

    def _find_current(self, name: str, now: int) -> DataKey | None:
        subject = self._names.get(name)
        current = [key for key in self._keys.values() if key.subject == subject and key.ended is None]
        return next((key for key in current if now - key.begun < EPOCH_S), None)

    def _end_keys(self, now: int, subject: bytes | None = None) -> None:
        sql = "UPDATE data_key SET ended = ? WHERE ended IS NULL AND (?2 IS NULL OR subject = ?2)"
        self._connection.execute(sql, (now, subject))

    def refresh(self) -> None:
        """Read all keys again if another process has changed them."""
        with self._translate_errors():
            (version,) = self._connection.execute("PRAGMA data_version").fetchone() or (0,)
            if version != self._version:
                self._load_rows()
                self._version = version

    def _load_rows(self) -> None:
        (number,) = self._connection.execute("SELECT number FROM master").fetchone() or (0,)
        self._master = (self._folder / MASTER.format(number)).read_bytes()
        names: list[Any] = self._connection.execute("SELECT id, name FROM subject").fetchall()
        sql = "SELECT subject, epoch, begun, ended, key FROM data_key"
        keys: list[Any] = self._connection.execute(sql).fetchall()
        self._names = {self._open(name, subject).decode(): subject for subject, name in names}
        self._keys = {
            (subject, epoch): DataKey(
                subject, epoch, begun, ended, self._open(key, _name_key(subject, epoch))
            )
            for subject, epoch, begun, ended, key in keys
        }

    def _replace_master(self) -> None:
        """Seal everything with a new master key, within a transaction."""
        (number,) = self._connection.execute("SELECT number FROM master").fetchone() or (0,)
        path = self._folder / MASTER.format(number + 1)
        files.delete(path)  # one that never came into use
        names, keys = self._names, self._keys
        self._master = AESGCM.generate_key(KEY_BITS)
        files.write_secret(path, self._master)
        for name, subject in names.items():
            sealed = self._seal(name.encode(), subject)
            self._connection.execute("UPDATE subject SET name = ? WHERE id = ?", (sealed, subject))
        for key in keys.values():
            sealed = self._seal(key.key, _name_key(key.subject, key.epoch))
            self._connection.execute(
                "UPDATE data_key SET key = ? WHERE subject = ? AND epoch = ?",
                (sealed, key.subject, key.epoch),
            )
        self._connection.execute("UPDATE master SET number = ?", (number + 1,))

    def _forget_old_masters(self) -> None:
        with self._translate_errors():
            (number,) = self._connection.execute("SELECT number FROM master").fetchone() or (0,)
            for path in self._folder.glob(MASTER.format("*")):
                if path.name != MASTER.format(number):
                    path.write_bytes(bytes(KEY_BITS // 8))
                    files.sync_file(path)
                    files.delete(path)
            files.sync_folder(self._folder)

    def _make_first_master(self) -> None:
        with database.begin_transaction(self._connection):
            if self._connection.execute("SELECT number FROM master").fetchone() is None:
                path = self._folder / MASTER.format(1)
                files.delete(path)  # of an attempt that was interrupted
                files.write_secret(path, AESGCM.generate_key(KEY_BITS))
                self._connection.execute("INSERT INTO master VALUES (1)")

    def _seal(self, data: bytes, name: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(self._master).encrypt(nonce, data, name)

    def _open(self, sealed: bytes, name: bytes) -> bytes:
        try:
            return AESGCM(self._master).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], name)
        except (InvalidTag, ValueError) as error:
            raise StorageError(
                f"The keys in {self._folder / FILE} do not belong to their master key.",
                "Bring back both from the same copy of the folder.",
            ) from error

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Change the file in one transaction, from what it holds now."""
        with self._translate_errors():
            with database.begin_transaction(self._connection):
                self._load_rows()
                yield
            self._load_rows()

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        path = self._folder / FILE
        try:
            with files.translate_os_errors(self._folder), database.translate_sqlite_errors(path):
                yield
        except FileNotFoundError as error:
            raise StorageError(f"{error.filename} is missing.", "Bring it back from a copy.") from error


def _name_key(subject: bytes, epoch: int) -> bytes:
    return subject + epoch.to_bytes(4, "big")
