"""Roles of a TUF repository: lifetime of their metadata, their signers, missing signatures. Pure: no files, no keys.

root names the keys of everybody; targets names what is published, and the delegates; snapshot names the versions that
belong together; timestamp says which snapshot is the newest. (TUF specification 1.0, section 4)
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from tuf.api.metadata import (
    TOP_LEVEL_ROLE_NAMES,
    Key,
    Metadata,
    MetaFile,
    Role,
    Root,
    Signed,
    Snapshot,
    Targets,
    Timestamp,
)

ROOT, TARGETS, SNAPSHOT, TIMESTAMP = "root", "targets", "snapshot", "timestamp"
TOP_LEVEL = (ROOT, TARGETS, SNAPSHOT, TIMESTAMP)
assert set(TOP_LEVEL) == TOP_LEVEL_ROLE_NAMES

_YEAR = timedelta(days=365)
LIFETIME: Mapping[str, timedelta] = {
    ROOT: 2 * _YEAR,
    TARGETS: _YEAR,
    SNAPSHOT: _YEAR,
    TIMESTAMP: timedelta(days=90),
}

Drafts = Mapping[str, Metadata[Any]]
"""Metadata by role that has been changed and not yet released, with the signatures it has so far."""


@dataclass(frozen=True, slots=True)
class State:
    """Metadata that belongs together, as devices see it. A snapshot names every file but root's and timestamp's."""

    root: Metadata[Root]
    targets: Metadata[Targets]
    snapshot: Metadata[Snapshot]
    timestamp: Metadata[Timestamp]
    delegates: Mapping[str, Metadata[Targets]] = field(default_factory=dict)

    def get(self, role: str) -> Metadata[Any] | None:
        """Return the metadata of a role, if there is such a role."""
        return cast("Metadata[Any]", getattr(self, role)) if role in TOP_LEVEL else self.delegates.get(role)

    def list_roles(self) -> tuple[str, ...]:
        """Return every role, delegates last."""
        return *TOP_LEVEL, *self.delegates


@dataclass(frozen=True, slots=True)
class MissingSignatures:
    """Signatures that metadata still needs: how many, and the ids of the keys that would do."""

    role: str
    count: int
    keyids: tuple[str, ...]


def get_lifetime(role: str) -> timedelta:
    """Return how long metadata of a role is valid after its signing; delegates are as targets."""
    return LIFETIME.get(role, LIFETIME[TARGETS])


def compute_expiry(role: str, now: datetime) -> datetime:
    """Return when metadata that is signed now expires."""
    return (now + get_lifetime(role)).replace(microsecond=0)


def is_due(role: str, metadata: Metadata[Any], now: datetime) -> bool:
    """Return whether it should be signed anew: less than a third of its lifetime is left."""
    return cast("bool", metadata.signed.expires - now < get_lifetime(role) / 3)


def make_first_root(keys: Mapping[str, Sequence[Key]], threshold: int, now: datetime) -> Metadata[Root]:
    """Make version 1 of root, unsigned. ``threshold`` is root's own; one key signs for any other role."""
    root = Root(expires=compute_expiry(ROOT, now), consistent_snapshot=True)
    for role, its_keys in keys.items():
        for key in its_keys:
            root.add_key(key, role)
    root.roles[ROOT].threshold = threshold
    return Metadata(root)


def make_first_targets(role: str, state: State, now: datetime) -> Metadata[Targets]:
    """Make a delegate's first metadata, empty. Versions never start again, or devices would see a rollback."""
    last = state.snapshot.signed.meta.get(f"{role}.json")
    return Metadata(Targets(version=last.version + 1 if last else 1, expires=compute_expiry(role, now)))


def make_successor(role: str, metadata: Metadata[Any], now: datetime) -> Metadata[Any]:
    """Make the next version with the same contents, unsigned."""
    signed: Signed = copy.deepcopy(metadata.signed)
    signed.version += 1
    signed.expires = compute_expiry(role, now)
    return Metadata(signed)


def list_delegates(targets: Targets) -> tuple[str, ...]:
    """Return the names of the roles that targets delegates to, the most trusted first."""
    return tuple(targets.delegations.roles or ()) if targets.delegations else ()


def list_keys(role: str, delegator: Metadata[Any] | None) -> dict[str, Key]:
    """Return the keys that may sign for a role, by id; none where it is not delegated."""
    if delegator is None or not _delegates(delegator, role):
        return {}
    signed: Root | Targets = delegator.signed
    return {keyid: signed.get_key(keyid) for keyid in _get_role(signed, role).keyids}


def find_missing(role: str, metadata: Metadata[Any], delegator: Metadata[Any]) -> MissingSignatures | None:
    """Return the signatures that metadata lacks for its delegator (root or targets); None if it is complete."""
    result = delegator.signed.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    return None if result else MissingSignatures(role, result.missing, tuple(result.unsigned))


def find_missing_for_root(root: Metadata[Root], previous: Metadata[Root]) -> Iterator[MissingSignatures]:
    """Yield what a new root lacks: the keys of the root before and its own sign it."""
    for delegator in (previous, root):
        if lack := find_missing(ROOT, root, delegator):
            yield lack


def count_complete(role: str, metadata: Metadata[Any], delegators: Sequence[Metadata[Any]]) -> int:
    """Count the delegators for which metadata has all signatures."""
    return sum(find_missing(role, metadata, d) is None for d in delegators if _delegates(d, role))


def list_delegators(role: str, state: State, drafts: Drafts) -> list[Metadata[Any]]:
    """Return the metadata that names the keys of a role: as published, and as it will be."""
    name = ROOT if role in TOP_LEVEL else TARGETS
    found = [state.get(name), drafts.get(name)]
    return [metadata for metadata in found if metadata is not None and _delegates(metadata, role)]


def make_snapshot_meta(
    state: Metadata[Snapshot], changed: Mapping[str, Metadata[Any]]
) -> dict[str, MetaFile]:
    """Return the snapshot's entries after a change. None is ever removed: devices insist on those they know."""
    meta = dict(state.signed.meta)
    for role, metadata in changed.items():
        meta[f"{role}.json"] = MetaFile.from_data(metadata.signed.version, metadata.to_bytes(), ["sha256"])
    return meta


def _delegates(delegator: Metadata[Any], role: str) -> bool:
    try:
        _get_role(delegator.signed, role)
    except ValueError:
        return False
    return True


def _get_role(signed: Root | Targets, role: str) -> Role:
    return signed.get_delegated_role(role)
