"""The versions and the time that a device has seen and will not go back behind.

python-tuf keeps a cache of metadata and compares with that; a cache that was cut short by a power loss, or deleted,
compares with nothing. This is a second memory, in SQLite with ``synchronous = EXTRA`` (``FULL`` may lose the last
commit when the power goes: it does not sync the folder of the journal). What stands in it is on the disk before
anything is downloaded in its name. Rows belong to an *anchor*, the SHA-256 of the root first trusted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge import database, files
from edge.errors import PackError, StorageError, TrustError

ROOT = "root"
KEPT_ACCEPTANCES = 1000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS role(
    anchor TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, sha256 TEXT NOT NULL,
    PRIMARY KEY (anchor, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS online_keys(anchor TEXT PRIMARY KEY, keys TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS acceptance(
    id INTEGER PRIMARY KEY, time INTEGER NOT NULL, source TEXT NOT NULL, version INTEGER NOT NULL, stale_days INTEGER);
CREATE TABLE IF NOT EXISTS received(
    path TEXT PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER NOT NULL, changed_ns INTEGER NOT NULL) WITHOUT ROWID;
"""
"""``online_keys.keys`` names the keys of timestamp and snapshot. ``acceptance.time`` is in seconds since 1970,
``stale_days`` null but for a list accepted past its expiry. ``received`` is what a model's file was when it came."""


@dataclass(frozen=True, slots=True)
class SeenRole:
    """A version of a role. ``sha256`` is that of its signed part, empty when only its number is known."""

    version: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A list of targets that was accepted: when by trusted time, from where, and how old if it had expired."""

    time: datetime
    source: str
    version: int
    stale_days: int | None


class Ratchet:
    """The memory of one device. Every method leaves it as durable as the disk is.

    Raises:
        StorageError: it cannot be read or written. It is damaged: what to do is in the hint.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with files.translate_os_errors(path.parent), self._translate_errors():
            files.make_folder(path.parent)
            self._connection = database.open_writable(path)
            self._connection.execute("PRAGMA synchronous = EXTRA")
            self._connection.execute(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def get_time(self) -> datetime | None:
        """Return the latest time at which a list was accepted."""
        with self._translate_errors():
            (latest,) = self._connection.execute("SELECT max(time) FROM acceptance").fetchone() or (None,)
        return None if latest is None else datetime.fromtimestamp(int(latest), UTC)

    def get_last(self) -> Acceptance | None:
        """Return the newest acceptance."""
        sql = "SELECT time, source, version, stale_days FROM acceptance ORDER BY id DESC LIMIT 1"
        with self._translate_errors():
            row = self._connection.execute(sql).fetchone()
        return Acceptance(datetime.fromtimestamp(row[0], UTC), *row[1:]) if row else None

    def get_seen(self, anchor: str) -> dict[str, SeenRole]:
        """Return the highest version of each role."""
        with self._translate_errors():
            rows = self._connection.execute(
                "SELECT name, version, sha256 FROM role WHERE anchor = ?", (anchor,)
            )
            return {name: SeenRole(version, sha256) for name, version, sha256 in rows}

    def is_rotated(self, anchor: str, keys: str) -> bool:
        """Return whether the keys of timestamp and snapshot have changed since a root was last accepted."""
        sql = "SELECT keys FROM online_keys WHERE anchor = ?"
        with self._translate_errors():
            row = self._connection.execute(sql, (anchor,)).fetchone()
        return row is not None and row[0] != keys

    def accept_root(self, anchor: str, root: SeenRole, keys: str, source: str) -> None:
        """Remember a root. Where it rotates the keys of timestamp or snapshot, their versions start anew.

        That is how a publisher recovers after somebody with a stolen key has signed the highest possible version
        (TUF specification, 5.3.11). Only the holders of the root keys can do it.

        Raises:
            TrustError: an older root than the one seen, or another one of the same version.
        """
        with self._change():
            known = self.get_seen(anchor)
            check({ROOT: known[ROOT]} if ROOT in known else {}, {ROOT: root}, source)
            if self.is_rotated(anchor, keys):
                self._connection.execute("DELETE FROM role WHERE anchor = ? AND name <> ?", (anchor, ROOT))
            self._connection.execute("INSERT OR REPLACE INTO online_keys VALUES (?, ?)", (anchor, keys))
            self._raise_versions(anchor, {ROOT: root})

    def accept(self, anchor: str, seen: Mapping[str, SeenRole], acceptance: Acceptance) -> None:
        """Remember all roles of a verified list and when it was accepted, or nothing of it.

        Raises:
            TrustError: a role is older than the one seen, another one of the same version, or missing.
        """
        with self._change():
            known = {name: role for name, role in self.get_seen(anchor).items() if name != ROOT}
            check(known, seen, acceptance.source)
            self._raise_versions(anchor, seen)
            row = (
                int(acceptance.time.timestamp()),
                acceptance.source,
                acceptance.version,
                acceptance.stale_days,
            )
            self._connection.execute(
                "INSERT INTO acceptance(time, source, version, stale_days) VALUES (?, ?, ?, ?)", row
            )
            self._forget_old_acceptances()

    def get_received(self, path: str) -> tuple[str, int, int] | None:
        """Return SHA-256, size and time of change of the file received for a target, if there is one."""
        sql = "SELECT sha256, size, changed_ns FROM received WHERE path = ?"
        with self._translate_errors():
            row = self._connection.execute(sql, (path,)).fetchone()
        return (row[0], row[1], row[2]) if row else None

    def receive(self, path: str, sha256: str, file: Path) -> None:
        """Remember the file received for a target, so that it need not be hashed again."""
        status = file.stat()
        row = (path, sha256, status.st_size, status.st_mtime_ns)
        with self._translate_errors():
            self._connection.execute("INSERT OR REPLACE INTO received VALUES (?, ?, ?, ?)", row)

    def _raise_versions(self, anchor: str, seen: Mapping[str, SeenRole]) -> None:
        rows = [(anchor, name, role.version, role.sha256) for name, role in seen.items()]
        self._connection.executemany(
            """
            INSERT INTO role VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET version = excluded.version,
                sha256 = CASE WHEN excluded.sha256 <> '' OR excluded.version > version
                         THEN excluded.sha256 ELSE sha256 END
            """,
            rows,
        )

    def _forget_old_acceptances(self) -> None:
        """Keep the newest ones and the latest time, which a clock set back does not put last."""
        self._connection.execute(
            """
            DELETE FROM acceptance WHERE id <= (SELECT max(id) FROM acceptance) - ?
                AND time < (SELECT max(time) FROM acceptance)
            """,
            (KEPT_ACCEPTANCES,),
        )

    @contextmanager
    def _change(self) -> Iterator[None]:
        with self._translate_errors(), database.begin_transaction(self._connection):
            yield

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Report damage as a fault of the disk: to forget what was seen is a decision for people."""
        try:
            with database.translate_untrusted_errors(self._path):
                yield
        except TrustError:
            raise
        except PackError as error:
            raise StorageError(
                f"{self._path}, which remembers what this device has accepted, is damaged.",
                "Check the disk. Move the file away and run `edge sync trust` again: compare the fingerprints.",
            ) from error


def check(known: Mapping[str, SeenRole], seen: Mapping[str, SeenRole], source: str) -> None:
    """Compare what was verified from a source with what was seen before.

    Raises:
        TrustError: the first role that goes back, and how.
    """
    for name, before in known.items():
        role = seen.get(name)
        if role is None:
            raise TrustError(
                f"{source}: snapshot.json no longer lists {name}.json, which it did before.",
                "Get a newer copy; if this one is new, tell the publisher that a role may not vanish.",
            )
        if role.version < before.version:
            raise TrustError(
                f"{source}: {name}.json has version {role.version}; {before.version} has been seen.",
                "This is an old copy, or somebody holds back newer ones: get a newer one. Nothing has changed.",
            )
        if role.version == before.version and role.sha256 != before.sha256 and role.sha256 and before.sha256:
            raise TrustError(
                f"{source}: {name}.json has version {role.version} as before, and other contents.",
                "Take another source. If it comes from the publisher: two files of one version were signed; "
                "a new version mends it.",
            )
