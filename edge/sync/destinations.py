"""Destinations of targets on a device: packs, models, policy. Each knows what is due and installs it atomically.

A destination takes a file whose length and SHA-256 are the signed ones; whether it is what its path says, it checks.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from edge import files
from edge.config import POLICY as POLICY_FILE
from edge.config import Settings, check_policy, parse_list
from edge.embedded.part import read_stamp
from edge.errors import EdgeError, TrustError
from edge.models.integrity import Record, write_record
from edge.models.store import ModelStore
from edge.packs.format import check_digest
from edge.packs.manifest import parse_version
from edge.packs.pack import Pack
from edge.packs.store import PackStore
from edge.sync.ratchet import Ratchet
from edge.sync.targets import LORA, MODEL, PACK, POLICY, Target


class Standing(StrEnum):
    """The state of a target on a device: it has it, it has something newer, or it is due."""

    CURRENT = "current"
    NEWER = "newer"
    DUE = "due"


@dataclass(frozen=True, slots=True)
class FileInUse:
    """The file that a device uses for a target, and its SHA-256."""

    path: Path
    sha256: str


class Destination(Protocol):
    """The place of targets of one kind."""

    def wants(self, target: Target) -> bool:
        """Return whether this device should have the target at all."""
        ...

    def get_standing(self, target: Target) -> Standing:
        """Return whether it is due."""
        ...

    def find_in_use(self, target: Target) -> FileInUse | None:
        """Return the file in use, if a delta or a new signature can start from it."""
        ...

    def put(self, target: Target, path: Path) -> str:
        """Put a verified file in use; return the version it replaces, if there was one.

        Raises:
            TrustError: it is not what its path says.
            PackError, ModelError, UsageError: it cannot be used.
            StorageError, BusyError: it could not be put in place. Nothing has changed.
        """
        ...


class PackDestination:
    """The installed packs."""

    def __init__(self, settings: Settings) -> None:
        self._store = PackStore(settings)
        self._patterns = parse_list(settings.sync_packs)

    def wants(self, target: Target) -> bool:
        """See ``Destination``."""
        return _matches(target.name, self._patterns)

    def get_standing(self, target: Target) -> Standing:
        """See ``Destination``. A pack without a signature is due again, to get one."""
        try:
            pack = self._store.get(target.name)
        except EdgeError:
            return Standing.DUE
        if pack.digest == target.database:
            return Standing.CURRENT if pack.signed else Standing.DUE
        return Standing.NEWER if parse_version(pack.version) > parse_version(target.version) else Standing.DUE

    def find_in_use(self, target: Target) -> FileInUse | None:
        """See ``Destination``."""
        with suppress(EdgeError):
            path = self._store.get(target.name).path
            return FileInUse(path, check_digest(path).file)
        return None

    def put(self, target: Target, path: Path) -> str:
        """See ``Destination``."""
        with Pack.open(path) as pack:
            found = pack.manifest.name, pack.manifest.version, pack.digest
        if found != (target.name, target.version, target.database):
            raise TrustError(
                f"{target.path} was signed as {target.name} {target.version} and holds {found[0]} {found[1]}.",
                "Nothing was installed. Tell the publisher: a list may name no other pack than the file is.",
            )
        return self._store.install(path, signed_sha256=target.sha256).replaced or ""


class ModelDestination:
    """The language models."""

    def __init__(self, settings: Settings, ratchet: Ratchet) -> None:
        self._folder, self._store, self._ratchet = settings.models_dir, ModelStore(settings), ratchet
        self._patterns = parse_list(settings.sync_models)

    def wants(self, target: Target) -> bool:
        """See ``Destination``."""
        return _matches(target.name, self._patterns)

    def get_standing(self, target: Target) -> Standing:
        """See ``Destination``. Gigabytes are hashed once and then known by size and time of change."""
        path = self._locate(target)
        if not path.is_file():
            return Standing.DUE
        status = path.stat()
        known = self._ratchet.get_received(target.path)
        if known is None or known[1:] != (status.st_size, status.st_mtime_ns):
            if status.st_size != target.length or files.hash_file(path) != target.sha256:
                return Standing.DUE
            self._ratchet.receive(target.path, target.sha256, path)
            return Standing.CURRENT
        return Standing.CURRENT if known[0] == target.sha256 else Standing.DUE

    def find_in_use(self, target: Target) -> FileInUse | None:
        """See ``Destination``. No delta leads to a model."""
        return None

    def put(self, target: Target, path: Path) -> str:
        """See ``Destination``. A model that somebody has added here by hand is not replaced."""
        came_before = self._ratchet.get_received(target.path) is not None
        self._store.add(path, replace=came_before, origin=f"sync:{target.path}")
        self._ratchet.receive(target.path, target.sha256, self._locate(target))
        return ""

    def _locate(self, target: Target) -> Path:
        return self._folder / Path(target.path).name


class FileDestination:
    """One file for one target: LoRAs beside the models, and the policy."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def wants(self, target: Target) -> bool:
        """See ``Destination``."""
        return True

    def get_standing(self, target: Target) -> Standing:
        """See ``Destination``."""
        path = self._locate(target)
        return Standing.CURRENT if path.is_file() and files.hash_file(path) == target.sha256 else Standing.DUE

    def find_in_use(self, target: Target) -> FileInUse | None:
        """See ``Destination``. No delta leads to such a file."""
        return None

    def put(self, target: Target, path: Path) -> str:
        """See ``Destination``."""
        with files.translate_os_errors(self._folder):
            files.make_folder(self._folder)
            with files.replace_atomically(self._locate(target)) as new:
                files.copy_file(path, new)
        return ""

    def _locate(self, target: Target) -> Path:
        return self._folder / Path(target.path).name


class AdapterDestination(FileDestination):
    """LoRA adapters. Every load is compared with what was signed."""

    def put(self, target: Target, path: Path) -> str:
        """See ``Destination``."""
        replaced = super().put(target, path)
        with files.translate_os_errors(self._folder):
            place = self._locate(target)
            write_record(
                place, Record(target.sha256, target.length, f"sync:{target.path}", read_stamp(place))
            )
        return replaced


class PolicyDestination(FileDestination):
    """The settings of the fleet. If this edge cannot read them, they are refused and the earlier ones stay."""

    def put(self, target: Target, path: Path) -> str:
        """See ``Destination``."""
        check_policy(path.read_bytes())
        return super().put(target, path)

    def _locate(self, target: Target) -> Path:
        return self._folder / POLICY_FILE


def make_destinations(settings: Settings, ratchet: Ratchet) -> dict[str, Destination]:
    """Return the destination of every kind, in the order in which they are served."""
    return {
        PACK: PackDestination(settings),
        POLICY: PolicyDestination(settings.home),
        LORA: AdapterDestination(settings.models_dir / "lora"),
        MODEL: ModelDestination(settings, ratchet),
    }


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
