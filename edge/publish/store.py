"""A repository's files: what is published, what waits for signatures, and the step from one to the other.

    metadata/, targets/     what devices read (TUF, consistent snapshots); a file with a version or hash never changes
    .pending/ROLE.json      changed metadata with the signatures it has so far
    .pending/release/NN-F   a release, complete: F goes to metadata/ in the order of NN, also after a crash
    .lock                   held while anything changes

Nothing unsigned ever stands in metadata/. Once ``release`` has been renamed into place, the next command finishes it
without any key.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata, Root, Signed, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from edge import files
from edge.errors import NotFoundError, TrustError
from edge.publish.roles import (
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    State,
    find_missing,
    list_delegates,
)

_STAGING, _TRASH = ".staging-", ".trash-"
_ROOT_FILE = re.compile(r"([1-9]\d{0,8})\.root\.json")
_TYPES: Mapping[str, type[Signed]] = {ROOT: Root, SNAPSHOT: Snapshot, TIMESTAMP: Timestamp}


class RepositoryStore:
    """The files under one folder. Two processes may use one at the same time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metadata = folder / "metadata"
        self.targets = folder / "targets"
        self._pending = folder / ".pending"
        self._release = self._pending / "release"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes out; first finish a release that a crash interrupted.

        Raises:
            BusyError: another process is changing the repository.
            StorageError: the disk is full, read-only or failing.
        """
        doing = f"changing the repository {self.folder}"
        with files.translate_os_errors(self.folder), files.hold_lock(self.folder / ".lock", doing):
            self.recover()
            yield

    def exists(self) -> bool:
        """Return whether a first release has been made."""
        return (self.metadata / "timestamp.json").exists()

    def is_interrupted(self) -> bool:
        """Return whether a release waits to be finished by the next change."""
        return self._release.exists()

    def recover(self) -> None:
        """Finish an interrupted release and clear what other crashes left behind."""
        if self._release.exists():
            self._finish_release()
        for pattern in (f"{_STAGING}*", f"{_TRASH}*", files.UNFINISHED):
            for left_over in self._pending.glob(pattern):
                files.delete(left_over)

    def load(self) -> State:
        """Return what is published, with every signature checked, so that nothing foreign is signed anew.

        Raises:
            NotFoundError: there is no repository.
            TrustError: a file is damaged, missing or not signed by whom it should be.
        """
        if not self.exists():
            raise NotFoundError(
                f"There is no repository in {self.folder}.",
                "Make one: edge publish init REPO --keys KEYS",
            )
        root = self._load_root()
        timestamp: Metadata[Timestamp] = self._read(TIMESTAMP, None, root)
        snapshot: Metadata[Snapshot] = self._read(SNAPSHOT, timestamp.signed.snapshot_meta.version, root)
        targets: Metadata[Targets] = self._read(TARGETS, self._find_version(snapshot, TARGETS), root)
        delegates = {
            role: self._read(role, self._find_version(snapshot, role), targets)
            for role in list_delegates(targets.signed)
        }
        return State(root, targets, snapshot, timestamp, delegates)

    def load_drafts(self, state: State) -> dict[str, Metadata[Any]]:
        """Return what waits for signatures, by role, without what has been released. It is not trusted yet.

        Raises:
            TrustError: a file is damaged.
        """
        versions = {
            name.removesuffix(".json"): file.version for name, file in state.snapshot.signed.meta.items()
        }
        versions |= {ROOT: state.root.signed.version, SNAPSHOT: state.snapshot.signed.version}
        found = {path.stem: self._parse(path, path.stem) for path in sorted(self._pending.glob("[!.]*.json"))}
        return {role: draft for role, draft in found.items() if draft.signed.version > versions.get(role, 0)}

    def save_drafts(self, drafts: Mapping[str, Metadata[Any]]) -> None:
        """Replace what waits for signatures."""
        files.make_folder(self._pending)
        for role, metadata in drafts.items():
            files.write_atomically(self._pending / f"{role}.json", metadata.to_bytes())
        for path in self._pending.glob("[!.]*.json"):
            if path.stem not in drafts:
                files.delete(path)
        files.sync_folder(self._pending)

    def release(self, changed: Sequence[tuple[str, Metadata[Any]]]) -> None:
        """Publish complete metadata in this order: all of it or, before the rename, none of it."""
        with self.open_staging() as staging:
            whole = staging / "release"
            whole.mkdir()
            for index, (role, metadata) in enumerate(changed):
                path = whole / f"{index:02}-{make_file_name(role, metadata)}"
                path.write_bytes(metadata.to_bytes())
                files.sync_file(path)
            files.sync_folder(whole)
            files.replace(whole, self._release)
        self._finish_release()

    @contextmanager
    def open_staging(self) -> Iterator[Path]:
        """Yield a folder for unfinished work, on the same disk; delete it afterwards."""
        files.make_folder(self._pending)
        folder = Path(tempfile.mkdtemp(prefix=_STAGING, dir=self._pending))
        try:
            yield folder
        finally:
            files.delete(folder)

    def put(self, staged: Path, file: str) -> None:
        """Move a finished file to its place under ``targets/``; the name holds its hash."""
        place = self.targets / file
        files.make_folder(place.parent)
        files.sync_file(staged)
        files.replace(staged, place)

    def _finish_release(self) -> None:
        files.make_folder(self.metadata)
        files.make_folder(self.targets)
        for path in sorted(self._release.iterdir()):
            files.replace(path, self.metadata / path.name.partition("-")[2])
        trash = self._pending / f"{_TRASH}release"
        files.delete(trash)
        files.replace(self._release, trash)
        files.delete(trash)

    def _load_root(self) -> Metadata[Root]:
        """Return the newest root; check its chain from the first root on."""
        versions = sorted(
            int(match[1]) for path in self.metadata.iterdir() if (match := _ROOT_FILE.fullmatch(path.name))
        )
        trusted: Metadata[Root] | None = None
        for version in versions:
            root: Metadata[Root] = self._read(ROOT, version, trusted)
            if find_missing(ROOT, root, root):
                raise self._make_unsigned_error(f"{version}.root.json")
            trusted = root
        if trusted is None or len(versions) != versions[-1] - versions[0] + 1:
            raise TrustError(f"{self.metadata} lacks a root.json.", _RESTORE)
        return trusted

    def _read(self, role: str, version: int | None, delegator: Metadata[Any] | None) -> Metadata[Any]:
        name = f"{role}.json" if version is None else f"{version}.{role}.json"
        metadata = self._parse(self.metadata / name, role)
        if version is not None and metadata.signed.version != version:
            raise TrustError(f"{name} holds version {metadata.signed.version}.", _RESTORE)
        if delegator is not None and find_missing(role, metadata, delegator):
            raise self._make_unsigned_error(name)
        return metadata

    def _parse(self, path: Path, role: str) -> Metadata[Any]:
        try:
            metadata: Metadata[Any] = Metadata.from_bytes(path.read_bytes())
        except FileNotFoundError as error:
            raise TrustError(f"{path} is missing.", _RESTORE) from error
        except (DeserializationError, RecursionError) as error:
            raise TrustError(f"{path} is damaged.", _RESTORE) from error
        if not isinstance(metadata.signed, _TYPES.get(role, Targets)):
            raise TrustError(f"{path} is no metadata of {role}.", _RESTORE)
        return metadata

    def _find_version(self, snapshot: Metadata[Snapshot], role: str) -> int:
        try:
            return snapshot.signed.meta[f"{role}.json"].version
        except KeyError as error:
            raise TrustError(f"The snapshot of {self.folder} does not name {role}.", _RESTORE) from error

    def _make_unsigned_error(self, name: str) -> TrustError:
        return TrustError(
            f"{self.metadata / name} is not signed by whom it should be.",
            f"Somebody may have changed it: nothing was signed. {_RESTORE}",
        )


_RESTORE = "Restore the repository from a copy."


def make_file_name(role: str, metadata: Metadata[Any]) -> str:
    """Return the name of metadata in ``metadata/``."""
    return f"{role}.json" if role == TIMESTAMP else f"{metadata.signed.version}.{role}.json"
