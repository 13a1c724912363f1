"""What can be released with the keys at hand, and what it waits for. Pure but for the keys: nothing is written here.

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
    Missing,
    State,
    delegates_of,
    delegators,
    first_targets,
    is_due,
    keys_of,
    missing,
    missing_for_root,
    snapshot_of,
    successor,
    vouched,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Publishing ``changed`` in this order leads to ``state``; ``drafts`` wait on, for ``missing``."""

    state: State
    changed: tuple[tuple[str, Metadata[Any]], ...]
    drafts: Mapping[str, Metadata[Any]]
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A state that could be published if nothing were missing."""

    state: State
    missing: list[Missing] = field(default_factory=list)


class Planner:
    """Signs what it may and finds what is complete. ``drafts`` is changed on the way."""

    def __init__(self, state: State, drafts: dict[str, Metadata[Any]], keys: Keys, now: datetime) -> None:
        self._published = state
        self._drafts = drafts
        self._keys = keys
        self._now = now

    def plan(self, *, renew: bool = False) -> Plan:
        """Everything that the keys at hand allow. ``renew``: also sign anew what expires before long."""
        self._reissue(renew)
        for role, draft in self._drafts.items():
            self._sign(role, draft)
        attempts = [
            self._attempt(root, targets) for root in self._options(ROOT) for targets in self._options(TARGETS)
        ]
        best = next((attempt for attempt in attempts if not attempt.missing), _Attempt(self._published))
        changed = self._changed(best.state)
        released = {role for role, _ in changed}
        waiting = {role: draft for role, draft in self._drafts.items() if role not in {SNAPSHOT, *released}}
        if not changed and (snapshot := self._lacking_only_its_timestamp(attempts)):
            waiting[SNAPSHOT] = snapshot
        return Plan(best.state, changed, waiting, self._missing(attempts[0], waiting))

    def refresh(self) -> Plan:
        """A new timestamp and nothing else."""
        root, snapshot = self._published.root, self._published.snapshot
        timestamp = self._timestamp(snapshot)
        lack = missing(TIMESTAMP, timestamp, root)
        if lack:
            return Plan(self._published, (), self._drafts, (lack,))
        state = State(root, self._published.targets, snapshot, timestamp, self._published.delegates)
        return Plan(state, ((TIMESTAMP, timestamp),), self._drafts, ())

    def _options(self, role: str) -> Iterator[Metadata[Any]]:
        """The draft of a role, then what is published."""
        for found in (self._drafts.get(role), self._published.get(role)):
            if found is not None:
                yield found

    def _delegators(self, role: str) -> list[Metadata[Any]]:
        return delegators(role, self._published, self._drafts)

    def _reissue(self, renew: bool) -> None:
        """New versions of what a new key must sign, and of what is due."""
        root, targets = self._published.root, next(self._options(TARGETS))
        if renew and is_due(ROOT, root, self._now) and self._at_hand(ROOT):
            self._drafts.setdefault(ROOT, successor(ROOT, root, self._now))
        for role in (TARGETS, *delegates_of(targets)):
            metadata = next(self._options(role), None)
            if metadata is None:
                self._drafts[role] = first_targets(role, self._published, self._now)
            elif role not in self._drafts and self._wants_signing(role, metadata, renew):
                self._drafts[role] = successor(role, metadata, self._now)

    def _wants_signing(self, role: str, metadata: Metadata[Any], renew: bool) -> bool:
        if renew and is_due(role, metadata, self._now) and self._at_hand(role):
            return True
        lacking = [d for d in self._delegators(role) if missing(role, metadata, d)]
        return any(self._keys.has([*keys_of(role, delegator)]) for delegator in lacking)

    def _at_hand(self, role: str) -> bool:
        return any(self._keys.has([*keys_of(role, delegator)]) for delegator in self._delegators(role))

    def _sign(self, role: str, metadata: Metadata[Any]) -> None:
        """Add the signatures that the keys at hand can give, unless it is complete already."""
        its_delegators = self._delegators(role)
        if vouched(role, metadata, its_delegators) == len(its_delegators):
            return
        for keyid in {keyid: None for delegator in its_delegators for keyid in keys_of(role, delegator)}:
            if keyid not in metadata.signatures and (signer := self._keys.signer(keyid)):
                metadata.signatures[keyid] = signer.sign(metadata.signed_bytes)

    def _attempt(self, root: Metadata[Root], targets: Metadata[Targets]) -> _Attempt:
        lacks: list[Missing | None] = [missing(TARGETS, targets, root)]
        if root is not self._published.root:
            lacks = [*missing_for_root(root, self._published.root), *lacks]
        delegates = {}
        for role in delegates_of(targets):
            options = list(self._options(role))
            complete = [metadata for metadata in options if not missing(role, metadata, targets)]
            delegates[role] = (complete or options)[0]
            lacks.append(missing(role, delegates[role], targets))
        changed = {
            role: metadata
            for role, metadata in {TARGETS: targets, **delegates}.items()
            if metadata is not self._published.get(role)
        }
        snapshot = self._new_snapshot(changed, root)
        timestamp = self._new_timestamp(snapshot, root)
        lacks += [missing(SNAPSHOT, snapshot, root), missing(TIMESTAMP, timestamp, root)]
        return _Attempt(
            State(root, targets, snapshot, timestamp, delegates), [lack for lack in lacks if lack is not None]
        )

    def _new_snapshot(self, changed: Mapping[str, Metadata[Any]], root: Metadata[Root]) -> Metadata[Snapshot]:
        """The published snapshot, or the next one where something changed or it wants signing anew."""
        published, draft = self._published.snapshot, self._drafts.get(SNAPSHOT)
        meta = snapshot_of(published, changed)
        if draft is None or draft.signed.meta != meta:
            draft = successor(SNAPSHOT, published, self._now)
            draft.signed.meta = meta
        self._sign(SNAPSHOT, draft)
        if meta == published.signed.meta and not self._replaces(SNAPSHOT, draft, published, root):
            return published
        return draft

    def _new_timestamp(self, snapshot: Metadata[Snapshot], root: Metadata[Root]) -> Metadata[Timestamp]:
        published = self._published.timestamp
        timestamp = self._timestamp(snapshot)
        if snapshot is self._published.snapshot and not self._replaces(TIMESTAMP, timestamp, published, root):
            return published
        return timestamp

    def _timestamp(self, snapshot: Metadata[Snapshot]) -> Metadata[Timestamp]:
        """The next timestamp, signed as far as it can be."""
        timestamp: Metadata[Timestamp] = successor(TIMESTAMP, self._published.timestamp, self._now)
        if snapshot is not self._published.snapshot:
            timestamp.signed.snapshot_meta = MetaFile.from_data(
                snapshot.signed.version, snapshot.to_bytes(), ["sha256"]
            )
        self._sign(TIMESTAMP, timestamp)
        return timestamp

    def _replaces(
        self, role: str, new: Metadata[Any], published: Metadata[Any], root: Metadata[Root]
    ) -> bool:
        """Whether the same contents are worth a version: root wants it, more roots would vouch for it, or it is due."""
        if missing(role, published, root):
            return True
        roots = self._delegators(role)
        if vouched(role, new, roots) > vouched(role, published, roots):
            return True
        return is_due(role, published, self._now) and missing(role, new, root) is None

    def _changed(self, state: State) -> tuple[tuple[str, Metadata[Any]], ...]:
        """What to publish, in order: versioned files first, the timestamp that points to them after them.

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
            missing(role, metadata, old)
            for role in (TARGETS, SNAPSHOT, TIMESTAMP)
            if (metadata := state.get(role)) is not None
        )
        place = len(rest) if readable or not rest or rest[-1][0] != TIMESTAMP else len(rest) - 1
        return (*rest[:place], (ROOT, state.root), *rest[place:])

    def _missing(self, attempt: _Attempt, waiting: Mapping[str, Metadata[Any]]) -> tuple[Missing, ...]:
        """What the largest release lacks, and every draft that stays behind: each role once."""
        if not waiting:
            return ()
        lacks = list(attempt.missing)
        for role, draft in waiting.items():
            lacks += [lack for d in self._delegators(role) if (lack := missing(role, draft, d))][-1:]
        first: dict[tuple[str, tuple[str, ...]], Missing] = {}
        for lack in lacks:
            first.setdefault((lack.role, lack.keyids), lack)
        return tuple(first.values())

    def _lacking_only_its_timestamp(self, attempts: list[_Attempt]) -> Metadata[Snapshot] | None:
        """A signed snapshot that waits for the timestamp alone: kept, since the two keys may lie apart."""
        for attempt in attempts:
            snapshot, lacks = attempt.state.snapshot, attempt.missing
            if snapshot is not self._published.snapshot and {lack.role for lack in lacks} == {TIMESTAMP}:
                return snapshot
        return None
