"""The publisher's repository as commands use it: make one, change it, sign it, keep it fresh."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata, MetaFile, Snapshot, Targets, Timestamp

from edge import files
from edge.errors import NotFoundError, TrustError, UsageError
from edge.publish.change import Change, Outcome
from edge.publish.keys import Keys
from edge.publish.release import Planner
from edge.publish.review import describe_changes
from edge.publish.roles import (
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    TOP_LEVEL,
    MissingSignatures,
    State,
    compute_expiry,
    make_first_root,
)
from edge.publish.store import RepositoryStore
from edge.sync.clock import read_clock

Clock = Callable[[], datetime]
Approve = Callable[[tuple[str, ...]], None]
"""Is shown, in words, what others have left to be signed; raises when it is not to be."""

MAX_ROOT_KEYS = 16
CLOCK_FLOOR = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that is right shows an earlier time."""

_OURS = {"metadata", "targets", ".pending", ".lock"}


@dataclass(frozen=True, slots=True)
class View:
    """A repository at one moment: what is published, what waits in words, the signatures that are missing."""

    state: State
    waiting: tuple[str, ...]
    missing: tuple[MissingSignatures, ...]
    now: datetime


class Repository:
    """A repository in a folder. Two processes may use one at the same time."""

    def __init__(
        self, folder: Path, now: Clock = read_clock, approve: Approve = lambda waiting: None
    ) -> None:
        self.store = RepositoryStore(folder)
        self._now = now
        self._approve = approve

    def init(self, keys: Keys, root_keys: int = 3, threshold: int = 2) -> State:
        """Make the keys and the first release.

        Args:
            keys: where the new keys go.
            root_keys: how many keys of root to make, and ``threshold``: how many of them must sign together.

        Raises:
            UsageError: the numbers make no sense, or the folder is in use.
            StorageError, BusyError: as every change.
        """
        if not 1 <= threshold <= root_keys <= MAX_ROOT_KEYS:
            raise UsageError(
                f"{threshold} of {root_keys} root keys cannot be asked for.",
                f"Ask for 1 to {MAX_ROOT_KEYS} keys, and a threshold of at most as many.",
            )
        now = self._check_clock()
        self._refuse_other_folders()
        with files.translate_os_errors(self.store.folder):
            files.make_folder(self.store.folder)
        with self.store.lock():
            if self.store.exists():
                raise UsageError(
                    f"{self.store.folder} is a repository already.", "Use it, or choose another folder."
                )
            self.store.release(_make_first_release(keys, root_keys, threshold, now))
            return self.store.load()

    @contextmanager
    def change(self, keys: Keys) -> Iterator[Change]:
        """Lock the repository and yield a change. ``Change.finish`` releases it, or saves it to wait.

        Raises:
            NotFoundError: there is no repository.
            TrustError: it has been damaged or tampered with.
            BusyError, StorageError: another process is changing it; the disk is full or failing.
        """
        self._check_exists()
        now = self._check_clock()
        with self.store.lock():
            state = self.store.load()
            drafts = self.store.load_drafts(state)
            if waiting := describe_changes(state, drafts):
                self._approve(waiting)
            yield Change(self.store, state, drafts, keys, now)

    def sign(self, keys: Keys) -> Outcome:
        """Add the signatures that the keys at hand can give, renew what expires soon, release what is complete."""
        with self.change(keys) as change:
            return change.finish(renew=True)

    def refresh(self, keys: Keys) -> Outcome:
        """Sign a new timestamp, so that devices see the repository is alive. Nothing else changes.

        Raises:
            NotFoundError: its key is not at hand.
        """
        self._check_exists()
        now = self._check_clock()
        with self.store.lock():
            state = self.store.load()
            try:
                drafts = self.store.load_drafts(state)
            except TrustError:  # what waits is damaged; that is no reason to let the rest expire
                drafts = {}
            return Change(self.store, state, drafts, keys, now).refresh()

    def discard(self) -> tuple[str, ...]:
        """Drop the changes that wait for signatures; return them in words."""
        self._check_exists()
        with self.store.lock():
            state = self.store.load()
            try:
                dropped = describe_changes(state, self.store.load_drafts(state))
            except TrustError as error:
                dropped = (error.message,)
            self.store.save_drafts({})
            return dropped

    def view(self) -> View:
        """Return what is published and what waits. Takes no lock and needs no key."""
        self._check_exists()
        with files.translate_os_errors(self.store.folder):
            state = self.store.load()
            drafts = self.store.load_drafts(state)
        plan = Planner(state, dict(drafts), Keys.make_empty(), self._now()).plan()
        return View(state, describe_changes(state, drafts), plan.missing, self._now())

    @contextmanager
    def lock(self) -> Iterator[State]:
        """Lock the repository and yield what is published."""
        self._check_exists()
        with self.store.lock():
            yield self.store.load()

    def _check_exists(self) -> None:
        if not self.store.exists() and not self.store.is_interrupted():
            raise NotFoundError(
                f"There is no repository in {self.store.folder}.",
                "Make one: edge publish init REPO --keys KEYS",
            )

    def _refuse_other_folders(self) -> None:
        folder = self.store.folder
        with files.translate_os_errors(folder):
            if folder.exists() and (not folder.is_dir() or {path.name for path in folder.iterdir()} - _OURS):
                raise UsageError(f"{folder} is in use for something else.", "Choose an empty folder.")

    def _check_clock(self) -> datetime:
        now = self._now()
        if now < CLOCK_FLOOR:
            raise UsageError(
                f"This computer's clock shows {now:%Y-%m-%d %H:%M}; what it signs would count as expired.",
                "Set the clock.",
            )
        return now


def _make_first_release(
    keys: Keys, root_keys: int, threshold: int, now: datetime
) -> list[tuple[str, Metadata[Any]]]:
    """Make version 1 of every role, signed with keys that are made here."""
    made = {ROOT: [keys.create(ROOT) for _ in range(root_keys)]}
    made |= {role: [keys.create(role)] for role in TOP_LEVEL if role != ROOT}
    root = make_first_root(made, threshold, now)
    targets = Metadata(Targets(expires=compute_expiry(TARGETS, now)))
    snapshot = Metadata(Snapshot(expires=compute_expiry(SNAPSHOT, now)))
    timestamp = Metadata(Timestamp(expires=compute_expiry(TIMESTAMP, now)))
    order: list[tuple[str, Metadata[Any]]] = [
        (ROOT, root), (TARGETS, targets), (SNAPSHOT, snapshot), (TIMESTAMP, timestamp)
    ]  # fmt: skip
    for role, metadata in order:
        if role == SNAPSHOT:
            snapshot.signed.meta = {"targets.json": MetaFile.from_data(1, targets.to_bytes(), ["sha256"])}
        elif role == TIMESTAMP:
            timestamp.signed.snapshot_meta = MetaFile.from_data(1, snapshot.to_bytes(), ["sha256"])
        for key in made[role]:
            if signer := keys.find_signer(key.keyid):
                metadata.signatures[key.keyid] = signer.sign(metadata.signed_bytes)
    return order
