"""A copy of a repository, whole or in part, for a USB stick: the metadata as it is, and the wanted files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from edge import files
from edge.errors import NotFoundError, TrustError, UsageError
from edge.publish.repository import Repository
from edge.publish.roles import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, State
from edge.publish.store import make_file_name
from edge.sync.targets import DELTA, PACK, Target

TOO_SMALL = "Take a larger stick, or fewer packs: --packs NAME"

Progress = Callable[[str, str, int, int], None]


@dataclass(frozen=True, slots=True)
class Export:
    """The contents of the stick: its files, and how many bytes were copied and deleted as outdated."""

    targets: tuple[Target, ...]
    copied: int
    removed: int


def export(
    repository: Repository, folder: Path, patterns: Sequence[str] = (), report: Progress = lambda *_: None
) -> Export:
    """Bring a stick up to date.

    Files come first, then the metadata, the timestamp last: a stick that is pulled out half-way still holds the old
    repository or the new one.

    Args:
        repository: what to copy.
        folder: where to, made if missing; ``edge sync FOLDER`` reads it.
        patterns: names of packs (``*`` and ``?`` stand for any characters); empty for everything.
        report: is told about progress.

    Raises:
        NotFoundError: a pattern fits no pack, or a file of the repository is missing.
        UsageError: the folder is the repository, or in it.
        TrustError: a file is not what was signed.
        StorageError: the stick is full, read-only or failing.
    """
    store = repository.store
    _refuse_overlap(store.folder, folder)
    with repository.lock() as state, files.translate_os_errors(folder):
        targets = _choose_targets(state, patterns)
        files.make_folder(folder / "metadata")
        todo = [target for target in targets if not _is_there(folder / "targets" / target.file, target)]
        files.check_space(folder, sum(target.length for target in todo), str(folder), TOO_SMALL)
        for index, target in enumerate(todo):
            report("copy", target.path, index, len(todo))
            _copy(store.targets / target.file, folder / "targets" / target.file, target)
        names = _list_metadata_files(store.metadata, state)
        for name in names:
            _copy_metadata(store.metadata / name, folder / "metadata" / name)
        for path in folder.glob("metadata/*.json"):
            if path.name not in names:
                files.delete(path)
        removed = _remove_others(folder / "targets", {target.file for target in targets})
        return Export(tuple(targets), sum(target.length for target in todo), removed)


def list_targets(state: State) -> dict[str, Target]:
    """Return everything that devices find, by path: targets first, then delegates in order."""
    found: dict[str, Target] = {}
    for role in (state.targets, *state.delegates.values()):
        for path, file in role.signed.targets.items():
            target = Target.from_target_file(file)
            if target is not None:
                found.setdefault(path, target)
    return found


def _choose_targets(state: State, patterns: Sequence[str]) -> list[Target]:
    """Return the wanted packs with their deltas; models and settings only if everything is wanted."""
    every = list(list_targets(state).values())
    wanted = [part.strip() for pattern in patterns for part in pattern.split(",")]
    if not wanted:
        return every
    names = [target.name for target in every if target.kind == PACK]
    for pattern in wanted:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise NotFoundError(
                f"No pack of the repository is called '{pattern}'.",
                f"There are: {', '.join(sorted(names)) or 'none'}.",
            )
    return [
        target
        for target in every
        if target.kind in (PACK, DELTA) and any(fnmatchcase(target.name, pattern) for pattern in wanted)
    ]


def _list_metadata_files(folder: Path, state: State) -> list[str]:
    """Return every root, since a device may have any of them, and the newest of the rest; the timestamp last."""
    roots = sorted(
        (path.name for path in folder.glob(f"*.{ROOT}.json")), key=lambda name: int(name.split(".")[0])
    )
    roles = (*state.delegates, TARGETS, SNAPSHOT, TIMESTAMP)
    torrents = sorted(path.name for path in folder.glob("*.torrent"))  # of packs that the stick may lack
    return [
        *torrents,
        *roots,
        *(make_file_name(role, metadata) for role in roles if (metadata := state.get(role))),
    ]


def _copy(source: Path, place: Path, target: Target) -> None:
    if not source.is_file():
        raise NotFoundError(
            f"{source} is missing.", f"Add it again: edge publish add REPO {Path(target.path).name}"
        )
    files.make_folder(place.parent)
    with files.replace_atomically(place) as new:
        files.copy_file(source, new)
        if not _is_there(new, target):
            raise TrustError(
                f"{target.path} is not what was signed.",
                "Add it to the repository again, or try another stick.",
            )


def _copy_metadata(source: Path, place: Path) -> None:
    data = source.read_bytes()
    if not place.exists() or place.read_bytes() != data:
        files.write_atomically(place, data)


def _is_there(path: Path, target: Target) -> bool:
    if not path.is_file() or path.stat().st_size != target.length:
        return False
    return files.hash_file(path) == target.sha256


def _remove_others(folder: Path, kept: set[str]) -> int:
    """Delete what no metadata on the stick names any more; touch only files that look like targets."""
    removed = 0
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if (
            path.is_file()
            and name not in kept
            and name.split("/")[0] in ("packs", "deltas", "models", "policy")
        ):
            removed += path.stat().st_size
            files.delete(path)
    return removed


def _refuse_overlap(repository: Path, folder: Path) -> None:
    ours, theirs = repository.resolve(), folder.resolve()
    if ours == theirs or ours in theirs.parents or theirs in ours.parents:
        raise UsageError(f"{folder} and the repository lie in each other.", "Give a folder on the stick.")
