"""The published files: packs with their deltas, models, the fleet's settings; nothing that devices would refuse."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tuf.api.metadata import Targets

from edge import files
from edge.config import MAY_BE_POLICY, check_policy
from edge.errors import EdgeError, ForbiddenError, NotFoundError, UsageError
from edge.models.gguf import read_header
from edge.packs.manifest import parse_version
from edge.packs.pack import Pack
from edge.packs.verify import verify
from edge.publish.change import Change
from edge.publish.delegation import allows, find_delegate
from edge.publish.roles import TARGETS, list_delegates, list_delegators, list_keys
from edge.sync import delta
from edge.sync.targets import (
    DELTA,
    LORA,
    MODEL,
    PACK,
    POLICY,
    POLICY_PATH,
    Target,
    make_delta_path,
    make_model_path,
    make_pack_path,
)

MAX_DELTAS = 3
"""From so many versions before, those devices are likely to have; one that missed more takes the whole file."""

WORTH_IT = 0.5
"""A delta is published when it is smaller than this part of the pack."""

MAKE_SPACE = "Free some space, or remove old files with `edge publish add --prune`."
_BLOCK = 1 << 20

Progress = Callable[[str, str, int, int], None]
"""Stage, file, how many are done, of how many."""


@dataclass(frozen=True, slots=True)
class Addition:
    """A file as it is in the repository now. ``deltas`` are the sizes in bytes of the updates that lead to it."""

    target: Target
    changed: bool
    replaced: str
    deltas: tuple[int, ...] = ()


def add(change: Change, source: Path, role: str = "", report: Progress = lambda *_: None) -> Addition:
    """Put a pack (.kpack), a model or LoRA (.gguf) or the fleet's settings (.toml) into the repository.

    Args:
        change: the repository being changed; the caller finishes it.
        source: the file; it is copied and checked as devices will check it.
        role: who publishes it; empty for targets or, where only a delegate's key is at hand, the delegate.
        report: is told about progress.

    Raises:
        NotFoundError, PackError, ModelError, UsageError: there is no such file, or it is not sound.
        UsageError: devices would refuse it: the version is lower, or the same with other contents.
        ForbiddenError: the delegate may not publish it.
        StorageError: the disk is full or failing.
    """
    if not source.is_file():
        raise NotFoundError(f"There is no file {source}.", "Check the path.")
    files.check_space(change.store.folder, 2 * source.stat().st_size, source.name, MAKE_SPACE)
    with change.store.open_staging() as staging:
        report("check", source.name, 0, 3)
        staged = staging / source.name
        files.copy_file(source, staged)
        target = _examine(staged)
        role = role or _choose_publisher(change, target.path)
        _refuse_unreachable(change, role, target.path)
        old = find_published(change.view(role), target.path)
        if old is not None and old.sha256 == target.sha256:
            change.store.put(staged, target.file)  # mends a file that was lost or damaged
            return Addition(target, changed=False, replaced="")
        if old is not None and target.kind == PACK:
            _refuse_going_back(old, target)
        change.store.put(staged, target.file)
        report("delta", source.name, 1, 3)
        deltas = list(_make_deltas(change, role, target, old, staging)) if target.kind == PACK else []
        report("sign", source.name, 2, 3)
    _publish(change.edit(role), target, deltas)
    return Addition(target, True, old.version if old else "", tuple(one.length for one in deltas))


def prune(change: Change) -> int:
    """Delete the files of versions that are no longer published; return the number of freed bytes.

    A device that fetches one at this moment starts anew, and deltas from these versions can no longer be made.
    """
    kept = {target.file for target in _list_targets(change)}
    freed = 0
    for path in sorted(change.store.targets.rglob("*")):
        if path.is_file() and path.relative_to(change.store.targets).as_posix() not in kept:
            freed += path.stat().st_size
            files.delete(path)
    return freed


def find_published(targets: Targets, path: str) -> Target | None:
    """Return what a role publishes under a path, if this version of edge knows its kind."""
    file = targets.targets.get(path)
    return Target.from_target_file(file) if file else None


def _list_targets(change: Change) -> Iterator[Target]:
    """Yield every target that is published or waits to be."""
    roles = {TARGETS, *change.state.delegates, *change.drafts}
    for role in roles:
        for metadata in (change.state.get(role), change.drafts.get(role)):
            if metadata is not None and isinstance(metadata.signed, Targets):
                yield from filter(None, map(Target.from_target_file, metadata.signed.targets.values()))


def _examine(path: Path) -> Target:
    """Describe a file by its contents as far as they tell."""
    if path.suffix == ".kpack":
        return _examine_pack(path)
    if path.suffix == ".gguf":
        return _examine_model(path)
    if path.suffix == ".toml":
        return _examine_policy(path)
    raise UsageError(
        f"{path.name} is nothing that a repository holds.",
        "It holds packs (.kpack), models and LoRAs (.gguf) and the settings of a fleet (.toml).",
    )


def _examine_pack(path: Path) -> Target:
    digests = verify(path)
    with Pack.open(path) as pack:
        manifest = pack.manifest
    return Target(
        path=make_pack_path(manifest.name),
        length=path.stat().st_size,
        sha256=digests.file,
        kind=PACK,
        name=manifest.name,
        version=manifest.version,
        title=manifest.title,
        database=digests.database,
    )


def _examine_model(path: Path) -> Target:
    header = read_header(path)
    kind = LORA if header.metadata.get("general.type") == "adapter" else MODEL
    target = Target(make_model_path(path.name), path.stat().st_size, files.hash_file(path), kind, path.stem)
    try:
        Target.from_target_file(target.to_target_file())
    except EdgeError as error:
        raise UsageError(
            f"'{path.name}' is no name for a model.", "Use letters, digits, '.', '_' and '-' only."
        ) from error
    return target


def _examine_policy(path: Path) -> Target:
    try:
        check_policy(path.read_bytes())
    except UsageError as error:
        raise UsageError(f"{path.name}: {error.message}", "Correct it.") from error
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    if others := values.keys() - MAY_BE_POLICY:
        raise UsageError(
            f"{path.name}: devices let nobody but their owner set {', '.join(sorted(others))}.",
            f"It may set: {', '.join(sorted(MAY_BE_POLICY))}.",
        )
    return Target(POLICY_PATH, path.stat().st_size, files.hash_file(path), POLICY)


def _choose_publisher(change: Change, path: str) -> str:
    """Return targets, or a delegate if only a delegate's key is at hand."""
    at_hand = [role for role in (TARGETS, *list_delegates(change.targets)) if _has_key(change, role)]
    if TARGETS in at_hand:
        return TARGETS
    if not at_hand:
        return TARGETS
    return next((role for role in at_hand if allows(find_delegate(change.targets, role), path)), at_hand[0])


def _has_key(change: Change, role: str) -> bool:
    its_delegators = list_delegators(role, change.state, change.drafts)
    return any(change.keys.has([*list_keys(role, delegator)]) for delegator in its_delegators)


def _refuse_unreachable(change: Change, role: str, path: str) -> None:
    """Refuse a path that devices would not look for here: they stop at the first role whose paths match."""
    if role == TARGETS:
        return
    delegate = find_delegate(change.targets, role)
    if not allows(delegate, path):
        raise ForbiddenError(
            f"{role} may not publish {path}: devices would ignore it. It may publish: "
            f"{', '.join(delegate.paths or ())}.",
            f"Let headquarters widen that: edge publish delegate REPO {role} --paths …",
        )
    if path in change.targets.targets:
        raise ForbiddenError(
            f"{path} is published by targets itself, which comes before {role}.", "Give it another name."
        )
    for other in list_delegates(change.targets):
        if other == role:
            return
        if allows(find_delegate(change.targets, other), path):
            raise ForbiddenError(
                f"{path} is for {other} to publish, which comes before {role}.", "Give it another name."
            )


def _refuse_going_back(old: Target, new: Target) -> None:
    if parse_version(new.version) > parse_version(old.version):
        return
    if parse_version(new.version) == parse_version(old.version):
        what = f"{new.name} {old.version} is published with other contents"
    else:
        what = f"{new.name} {old.version} is published; {new.version} is lower, and devices refuse to go back"
    raise UsageError(
        f"{what}.",
        "Give the pack a higher version in pack.toml and build it again, also to withdraw something.",
    )


def _make_deltas(
    change: Change, role: str, target: Target, old: Target | None, staging: Path
) -> Iterator[Target]:
    """Make updates from earlier versions, where they save enough and the role may publish them."""
    known = [find_published(change.view(role), path) for path in change.view(role).targets]
    before = [one.delta_from for one in known if one and one.kind == DELTA and one.name == target.name]
    newest = [old.sha256] if old else []
    for sha256 in list(dict.fromkeys([*newest, *reversed(before)]))[:MAX_DELTAS]:
        source = Target(target.path, 0, sha256, PACK).file
        path = make_delta_path(target.name, sha256, target.sha256)
        if sha256 == target.sha256 or not _may_publish(change, role, path):
            continue
        if made := _make_delta(change, change.store.targets / source, sha256, target, staging / "delta"):
            yield made


def _make_delta(change: Change, old: Path, sha256: str, target: Target, out: Path) -> Target | None:
    if not old.is_file() or files.hash_file(old) != sha256:
        return None
    try:
        length = delta.make(old, change.store.targets / target.file, out)
    except UsageError:  # of another format: devices take the whole file
        return None
    if length >= target.length * WORTH_IT:
        return None
    made = Target(
        path=make_delta_path(target.name, sha256, target.sha256),
        length=length,
        sha256=files.hash_file(out),
        kind=DELTA,
        name=target.name,
        delta_from=sha256,
        delta_to=target.sha256,
    )
    change.store.put(out, made.file)
    return made


def _may_publish(change: Change, role: str, path: str) -> bool:
    return role == TARGETS or allows(find_delegate(change.targets, role), path)


def _publish(targets: Targets, target: Target, deltas: list[Target]) -> None:
    """Replace the older version, and the deltas that led to it."""
    for path in list(targets.targets):
        known = find_published(targets, path)
        if known and known.kind == DELTA and known.name == target.name and target.kind == PACK:
            del targets.targets[path]
    for one in (target, *deltas):
        targets.targets[one.path] = one.to_target_file()
