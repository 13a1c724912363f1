"""Roles of a TUF repository: how long their metadata lasts, who signs it, and what is missing. Pure: no files, no keys.

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
        """The metadata of a role, if there is such a role."""
        return cast("Metadata[Any]", getattr(self, role)) if role in TOP_LEVEL else self.delegates.get(role)

    def roles(self) -> tuple[str, ...]:
        """Every role, delegates last."""
        return *TOP_LEVEL, *self.delegates


@dataclass(frozen=True, slots=True)
class Missing:
    """Signatures that metadata still needs: how many, and the ids of the keys that would do."""

    role: str
    count: int
    keyids: tuple[str, ...]


def lifetime(role: str) -> timedelta:
    """How long metadata of a role is valid from its signing on; delegates are as targets."""
    return LIFETIME.get(role, LIFETIME[TARGETS])


def expiry(role: str, now: datetime) -> datetime:
    """When metadata that is signed now expires."""
    return (now + lifetime(role)).replace(microsecond=0)


def is_due(role: str, metadata: Metadata[Any], now: datetime) -> bool:
    """Whether it should be signed anew: less than a third of its lifetime is left."""
    return cast("bool", metadata.signed.expires - now < lifetime(role) / 3)


def first_root(keys: Mapping[str, Sequence[Key]], threshold: int, now: datetime) -> Metadata[Root]:
    """Version 1 of root, unsigned. ``threshold`` is root's own; one key signs for any other role."""
    root = Root(expires=expiry(ROOT, now), consistent_snapshot=True)
    for role, its_keys in keys.items():
        for key in its_keys:
            root.add_key(key, role)
    root.roles[ROOT].threshold = threshold
    return Metadata(root)


def first_targets(role: str, state: State, now: datetime) -> Metadata[Targets]:
    """A delegate's first metadata, empty. Versions never start again, or devices would see a rollback."""
    last = state.snapshot.signed.meta.get(f"{role}.json")
    return Metadata(Targets(version=last.version + 1 if last else 1, expires=expiry(role, now)))


def successor(role: str, metadata: Metadata[Any], now: datetime) -> Metadata[Any]:
    """The next version with the same contents, unsigned."""
    signed: Signed = copy.deepcopy(metadata.signed)
    signed.version += 1
    signed.expires = expiry(role, now)
    return Metadata(signed)


def delegates_of(targets: Metadata[Targets]) -> tuple[str, ...]:
    """Names of the roles that targets delegates to, the most trusted first."""
    delegations = targets.signed.delegations
    return tuple(delegations.roles or ()) if delegations else ()


def keys_of(role: str, delegator: Metadata[Any] | None) -> dict[str, Key]:
    """The keys that may sign for a role, by id; none where it is not delegated."""
    if delegator is None or not _delegates(delegator, role):
        return {}
    signed: Root | Targets = delegator.signed
    return {keyid: signed.get_key(keyid) for keyid in _role(signed, role).keyids}


def missing(role: str, metadata: Metadata[Any], delegator: Metadata[Any]) -> Missing | None:
    """What metadata lacks for its delegator (root or targets) to vouch for it; None when it is complete."""
    result = delegator.signed.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    return None if result else Missing(role, result.missing, tuple(result.unsigned))


def missing_for_root(root: Metadata[Root], previous: Metadata[Root]) -> Iterator[Missing]:
    """What a new root lacks: it is signed by the keys of the one before and by its own."""
    for delegator in (previous, root):
        if lack := missing(ROOT, root, delegator):
            yield lack


def vouched(role: str, metadata: Metadata[Any], delegators: Sequence[Metadata[Any]]) -> int:
    """For how many of these delegators metadata is complete."""
    return sum(missing(role, metadata, d) is None for d in delegators if _delegates(d, role))


def delegators(role: str, state: State, drafts: Drafts) -> list[Metadata[Any]]:
    """Whoever names the keys of a role: as published, and as it is about to be."""
    name = ROOT if role in TOP_LEVEL else TARGETS
    found = [state.get(name), drafts.get(name)]
    return [metadata for metadata in found if metadata is not None and _delegates(metadata, role)]


def snapshot_of(state: Metadata[Snapshot], changed: Mapping[str, Metadata[Any]]) -> dict[str, MetaFile]:
    """What the snapshot says once these roles have changed. An entry never goes: devices insist on those they know."""
    meta = dict(state.signed.meta)
    for role, metadata in changed.items():
        meta[f"{role}.json"] = MetaFile.from_data(metadata.signed.version, metadata.to_bytes(), ["sha256"])
    return meta


def _delegates(delegator: Metadata[Any], role: str) -> bool:
    try:
        _role(delegator.signed, role)
    except ValueError:
        return False
    return True


def _role(signed: Root | Targets, role: str) -> Role:
    return signed.get_delegated_role(role)
