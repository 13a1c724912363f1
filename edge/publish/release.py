"""Decide what can be released with the keys at hand, and what is missing. Writes nothing.

A device that updates at any moment must find metadata that its root vouches for. So everything is signed with the old
key and the new one while a key changes hands, as far as both are at hand, and a new root goes out only with metadata
that it vouches for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

from edge.publish.keys import Keys
from edge.publish.roles import (
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    MissingSignatures,
    State,
    count_complete,
    find_missing,
    find_missing_for_root,
    is_due,
    list_delegates,
    list_delegators,
    list_keys,
    make_first_targets,
    make_snapshot_meta,
    make_successor,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Publishing ``changed`` in this order leads to ``state``; ``drafts`` wait on, for ``missing``."""

    state: State
    changed: tuple[tuple[str, Metadata[Any]], ...]
    drafts: Mapping[str, Metadata[Any]]
    missing: tuple[MissingSignatures, ...]


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A state that could be published if nothing were missing."""

    state: State
    missing: list[MissingSignatures] = field(default_factory=list)


class Planner:
    """Signs what it may and finds what is complete. It changes ``drafts``."""

    def __init__(self, state: State, drafts: dict[str, Metadata[Any]], keys: Keys, now: datetime) -> None:
        self._published = state
        self._drafts = drafts
        self._keys = keys
        self._now = now

    def plan(self, *, renew: bool = False) -> Plan:
        """Plan all that the keys at hand allow. ``renew``: also sign anew what expires soon."""
        self._reissue(renew)
        for role, draft in self._drafts.items():
            self._sign(role, draft)
        attempts = [
            self._attempt(root, targets)
            for root in self._list_options(ROOT)
            for targets in self._list_options(TARGETS)
        ]
        best = next((attempt for attempt in attempts if not attempt.missing), _Attempt(self._published))
        changed = self._list_changes(best.state)
        released = {role for role, _ in changed}
        waiting = {role: draft for role, draft in self._drafts.items() if role not in {SNAPSHOT, *released}}
        if not changed and (snapshot := self._find_snapshot_without_timestamp(attempts)):
            waiting[SNAPSHOT] = snapshot
        return Plan(best.state, changed, waiting, self._list_missing(attempts[0], waiting))

    def refresh(self) -> Plan:
        """Plan a new timestamp and nothing else."""
        root, snapshot = self._published.root, self._published.snapshot
        timestamp = self._sign_timestamp(snapshot)
        lack = find_missing(TIMESTAMP, timestamp, root)
        if lack:
            return Plan(self._published, (), self._drafts, (lack,))
        state = State(root, self._published.targets, snapshot, timestamp, self._published.delegates)
        return Plan(state, ((TIMESTAMP, timestamp),), self._drafts, ())

    def _list_options(self, role: str) -> Iterator[Metadata[Any]]:
        """Yield the draft of a role, then what is published."""
        for found in (self._drafts.get(role), self._published.get(role)):
            if found is not None:
                yield found

    def _list_delegators(self, role: str) -> list[Metadata[Any]]:
        return list_delegators(role, self._published, self._drafts)

    def _reissue(self, renew: bool) -> None:
        """Make new versions of what a new key must sign, and of what is due."""
        root, targets = self._published.root, next(self._list_options(TARGETS))
        if renew and is_due(ROOT, root, self._now) and self._has_key(ROOT):
            self._drafts.setdefault(ROOT, make_successor(ROOT, root, self._now))
        for role in (TARGETS, *list_delegates(targets.signed)):
            metadata = next(self._list_options(role), None)
            if metadata is None:
                self._drafts[role] = make_first_targets(role, self._published, self._now)
            elif role not in self._drafts and self._wants_signing(role, metadata, renew):
                self._drafts[role] = make_successor(role, metadata, self._now)

    def _wants_signing(self, role: str, metadata: Metadata[Any], renew: bool) -> bool:
        if renew and is_due(role, metadata, self._now) and self._has_key(role):
            return True
        lacking = [d for d in self._list_delegators(role) if find_missing(role, metadata, d)]
        return any(self._keys.has([*list_keys(role, delegator)]) for delegator in lacking)

    def _has_key(self, role: str) -> bool:
        return any(self._keys.has([*list_keys(role, delegator)]) for delegator in self._list_delegators(role))

    def _sign(self, role: str, metadata: Metadata[Any]) -> None:
        """Add the signatures that the keys at hand can give, unless it is complete already."""
        its_delegators = self._list_delegators(role)
        if count_complete(role, metadata, its_delegators) == len(its_delegators):
            return
        for keyid in {keyid: None for delegator in its_delegators for keyid in list_keys(role, delegator)}:
            if keyid not in metadata.signatures and (signer := self._keys.find_signer(keyid)):
                metadata.signatures[keyid] = signer.sign(metadata.signed_bytes)

    def _attempt(self, root: Metadata[Root], targets: Metadata[Targets]) -> _Attempt:
        lacks: list[MissingSignatures | None] = [find_missing(TARGETS, targets, root)]
        if root is not self._published.root:
            lacks = [*find_missing_for_root(root, self._published.root), *lacks]
        delegates = {}
        for role in list_delegates(targets.signed):
            options = list(self._list_options(role))
            complete = [metadata for metadata in options if not find_missing(role, metadata, targets)]
            delegates[role] = (complete or options)[0]
            lacks.append(find_missing(role, delegates[role], targets))
        changed = {
            role: metadata
            for role, metadata in {TARGETS: targets, **delegates}.items()
            if metadata is not self._published.get(role)
        }
        snapshot = self._make_snapshot(changed, root)
        timestamp = self._make_timestamp(snapshot, root)
        lacks += [find_missing(SNAPSHOT, snapshot, root), find_missing(TIMESTAMP, timestamp, root)]
        return _Attempt(
            State(root, targets, snapshot, timestamp, delegates), [lack for lack in lacks if lack is not None]
        )

    def _make_snapshot(
        self, changed: Mapping[str, Metadata[Any]], root: Metadata[Root]
    ) -> Metadata[Snapshot]:
        """Return the published snapshot, or the next one where something changed or it needs new signatures."""
        published, draft = self._published.snapshot, self._drafts.get(SNAPSHOT)
        meta = make_snapshot_meta(published, changed)
        if draft is None or draft.signed.meta != meta:
            draft = make_successor(SNAPSHOT, published, self._now)
            draft.signed.meta = meta
        self._sign(SNAPSHOT, draft)
        if meta == published.signed.meta and not self._replaces(SNAPSHOT, draft, published, root):
            return published
        return draft

    def _make_timestamp(self, snapshot: Metadata[Snapshot], root: Metadata[Root]) -> Metadata[Timestamp]:
        published = self._published.timestamp
        timestamp = self._sign_timestamp(snapshot)
        if snapshot is self._published.snapshot and not self._replaces(TIMESTAMP, timestamp, published, root):
            return published
        return timestamp

    def _sign_timestamp(self, snapshot: Metadata[Snapshot]) -> Metadata[Timestamp]:
        """Make the next timestamp, signed as far as possible."""
        timestamp: Metadata[Timestamp] = make_successor(TIMESTAMP, self._published.timestamp, self._now)
        if snapshot is not self._published.snapshot:
            timestamp.signed.snapshot_meta = MetaFile.from_data(
                snapshot.signed.version, snapshot.to_bytes(), ["sha256"]
            )
        self._sign(TIMESTAMP, timestamp)
        return timestamp

    def _replaces(
        self, role: str, new: Metadata[Any], published: Metadata[Any], root: Metadata[Root]
    ) -> bool:
        """Return whether equal contents need a new version: for root, for more roots, or because it is due."""
        if find_missing(role, published, root):
            return True
        roots = self._list_delegators(role)
        if count_complete(role, new, roots) > count_complete(role, published, roots):
            return True
        return is_due(role, published, self._now) and find_missing(role, new, root) is None

    def _list_changes(self, state: State) -> tuple[tuple[str, Metadata[Any]], ...]:
        """Return what to publish, in order: versioned files first, then the timestamp that points to them.

        The new root goes last where devices with the old one can read all the rest. Where they cannot, since an old
        key is lost, it goes before the timestamp: between the two, devices keep what they have and try again.
        """
        old = self._published.root
        files = {role: state.get(role) for role in (*state.delegates, TARGETS, SNAPSHOT)}
        rest = [
            (role, m) for role, m in files.items() if m is not None and m is not self._published.get(role)
        ]
        if state.timestamp is not self._published.timestamp:
            rest.append((TIMESTAMP, state.timestamp))
        if state.root is old:
            return tuple(rest)
        readable = not any(
            find_missing(role, metadata, old)
            for role in (TARGETS, SNAPSHOT, TIMESTAMP)
            if (metadata := state.get(role)) is not None
        )
        place = len(rest) if readable or not rest or rest[-1][0] != TIMESTAMP else len(rest) - 1
        return (*rest[:place], (ROOT, state.root), *rest[place:])

    def _list_missing(
        self, attempt: _Attempt, waiting: Mapping[str, Metadata[Any]]
    ) -> tuple[MissingSignatures, ...]:
        """Return what the largest release lacks, and every draft that stays behind: each role once."""
        if not waiting:
            return ()
        lacks = list(attempt.missing)
        for role, draft in waiting.items():
            lacks += [lack for d in self._list_delegators(role) if (lack := find_missing(role, draft, d))][
                -1:
            ]
        first: dict[tuple[str, tuple[str, ...]], MissingSignatures] = {}
        for lack in lacks:
            first.setdefault((lack.role, lack.keyids), lack)
        return tuple(first.values())

    def _find_snapshot_without_timestamp(self, attempts: list[_Attempt]) -> Metadata[Snapshot] | None:
        """Return a signed snapshot that lacks only its timestamp: kept, since the two keys may lie apart."""
        for attempt in attempts:
            snapshot, lacks = attempt.state.snapshot, attempt.missing
            if snapshot is not self._published.snapshot and {lack.role for lack in lacks} == {TIMESTAMP}:
                return snapshot
        return None
