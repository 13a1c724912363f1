"""The status of a repository: its files, their signers, what expires when, and what waits for signatures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from edge.publish.export import list_targets
from edge.publish.repository import Repository
from edge.publish.roles import TOP_LEVEL, MissingSignatures, State, is_due
from edge.sync.targets import PACK, Target


@dataclass(frozen=True, slots=True)
class RoleStatus:
    """A role as devices see it. ``due``: less than a third of its lifetime is left. ``paths`` only for delegates."""

    name: str
    version: int
    expires: datetime
    days_left: int
    due: bool
    expired: bool
    threshold: int
    keyids: tuple[str, ...]
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """The status of a repository. ``lost`` are published files that are missing or have another length."""

    roles: tuple[RoleStatus, ...]
    packs: tuple[Target, ...]
    others: tuple[Target, ...]
    lost: tuple[str, ...]
    waiting: tuple[str, ...]
    missing: tuple[MissingSignatures, ...]
    interrupted: bool

    @property
    def sound(self) -> bool:
        """True if devices can update from it now."""
        return not self.lost and not self.interrupted and not any(role.expired for role in self.roles)


def read_status(repository: Repository) -> Status:
    """Read the status of a repository. Takes no lock and needs no key.

    Raises:
        NotFoundError: there is no repository.
        TrustError: it is damaged, or somebody has changed it.
    """
    look = repository.view()
    targets = list_targets(look.state)
    return Status(
        roles=tuple(_make_role_status(look.state, name, look.now) for name in look.state.list_roles()),
        packs=tuple(target for target in targets.values() if target.kind == PACK),
        others=tuple(target for target in targets.values() if target.kind != PACK),
        lost=tuple(path for path, target in targets.items() if not _is_there(repository, target)),
        waiting=look.waiting,
        missing=look.missing,
        interrupted=repository.store.is_interrupted(),
    )


def _make_role_status(state: State, name: str, now: datetime) -> RoleStatus:
    metadata = state.get(name)
    assert metadata is not None
    delegations = state.targets.signed.delegations
    delegate = (delegations.roles or {}).get(name) if delegations else None
    role = state.root.signed.roles[name] if name in TOP_LEVEL or delegate is None else delegate
    return RoleStatus(
        name=name,
        version=metadata.signed.version,
        expires=metadata.signed.expires,
        days_left=(metadata.signed.expires - now).days,
        due=is_due(name, metadata, now),
        expired=metadata.signed.expires <= now,
        threshold=role.threshold,
        keyids=tuple(role.keyids),
        paths=tuple(delegate.paths or ()) if delegate else (),
    )


def _is_there(repository: Repository, target: Target) -> bool:
    path = repository.store.targets / target.file
    return path.is_file() and path.stat().st_size == target.length
