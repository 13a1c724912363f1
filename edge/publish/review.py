"""Changes of metadata in words, so that whoever signs sees what is signed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tuf.api.metadata import DelegatedRole, Metadata, Role, Root, TargetFile, Targets

from edge.files import format_size
from edge.publish.keys import SHORT_ID
from edge.publish.roles import ROOT, SNAPSHOT, TIMESTAMP, TOP_LEVEL, State


def describe_changes(state: State, changed: Mapping[str, Metadata[Any]]) -> tuple[str, ...]:
    """Describe what would be new if this metadata replaced that of ``state``; leave out mere dates and versions."""
    lines: list[str] = []
    for role, metadata in changed.items():
        before = state.get(role)
        if role == ROOT:
            lines += _describe_root(state.root.signed, metadata.signed)
        elif role not in (SNAPSHOT, TIMESTAMP):
            lines += _describe_targets(role, before.signed if before else None, metadata.signed)
    return tuple(lines)


def _describe_root(before: Root, after: Root) -> Iterator[str]:
    for role in TOP_LEVEL:
        yield from _describe_keys(role, before.roles[role], after.roles[role])


def _describe_targets(name: str, before: Targets | None, after: Targets) -> Iterator[str]:
    old, new = (before.targets if before else {}), after.targets
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path):
            yield f"{name}: {_describe_file(path, old.get(path), new.get(path))}"
    old_roles, new_roles = _get_delegates(before), _get_delegates(after)
    for role in sorted(old_roles.keys() | new_roles.keys()):
        yield from _describe_delegate(role, old_roles.get(role), new_roles.get(role))


def _describe_file(path: str, old: TargetFile | None, new: TargetFile | None) -> str:
    if new is None:
        return f"no longer publishes {path}"
    custom = new.custom if isinstance(new.custom, dict) else {}
    version = f" {custom['version']}" if custom.get("version") else ""
    what = f"{path}{version}, {format_size(new.length)}, SHA-256 {new.hashes.get('sha256', 'unknown')[:16]}"
    return f"publishes {what}" if old is None else f"replaces {what}"


def _get_delegates(targets: Targets | None) -> Mapping[str, DelegatedRole]:
    return (targets.delegations.roles or {}) if targets and targets.delegations else {}


def _describe_delegate(name: str, old: DelegatedRole | None, new: DelegatedRole | None) -> Iterator[str]:
    if new is None:
        yield f"{name} may no longer publish anything"
        return
    if old is None or old.paths != new.paths:
        yield f"{name} may publish {', '.join(new.paths or ())}"
    yield from _describe_keys(name, old, new)


def _describe_keys(role: str, old: Role | None, new: Role) -> Iterator[str]:
    before = old.keyids if old else []
    for keyid in new.keyids:
        if keyid not in before:
            yield f"{role}: key {keyid[:SHORT_ID]} may sign"
    for keyid in before:
        if keyid not in new.keyids:
            yield f"{role}: key {keyid[:SHORT_ID]} may no longer sign"
    if old and old.threshold != new.threshold:
        yield f"{role}: {new.threshold} signatures are needed instead of {old.threshold}"
