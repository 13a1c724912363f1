"""A repository made with python-tuf alone, as whole or as wicked as a test wants it. Not the publisher's code."""

from __future__ import annotations

import copy
import hashlib
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

T0 = datetime(2027, 3, 1, tzinfo=UTC)
"""When repositories are signed, unless a test says otherwise."""

DAY = timedelta(days=1)
DELEGATE = "acme"
ROLES = ("targets", DELEGATE, "snapshot", "timestamp")


def _make_keys() -> dict[str, CryptoSigner]:
    return {name: CryptoSigner.generate_ed25519() for name in (*ROLES, "root-1", "root-2", "root-3")}


_KEYS = _make_keys()


class Repository:
    """Root 2 of 3; ``acme`` may publish ``packs/acme-*`` and its deltas."""

    def __init__(self, folder: Path, signed: datetime = T0, foreign: bool = False) -> None:
        """Make a new one; ``foreign`` has keys that no other has."""
        self.folder = folder
        self.keys = _make_keys() if foreign else dict(_KEYS)
        self.root_keys = ["root-1", "root-2"]
        (folder / "metadata").mkdir(parents=True)
        root = Root(consistent_snapshot=True, expires=signed + 730 * DAY)
        for name in ("root-1", "root-2", "root-3"):
            root.add_key(self.keys[name].public_key, "root")
        root.roles["root"].threshold = 2
        for role in ("targets", "snapshot", "timestamp"):
            root.add_key(self.keys[role].public_key, role)
        acme = self.keys[DELEGATE].public_key
        targets = Targets(expires=signed + 365 * DAY)
        role = DelegatedRole(DELEGATE, [acme.keyid], 1, True, paths=["packs/acme-*", "deltas/acme-*/*"])
        targets.delegations = Delegations({acme.keyid: acme}, {DELEGATE: role})
        self.root = Metadata(root)
        self.roles: dict[str, Metadata[Any]] = {
            "targets": Metadata(targets),
            DELEGATE: Metadata(Targets(expires=signed + 365 * DAY)),
            "snapshot": Metadata(Snapshot(expires=signed + 365 * DAY)),
            "timestamp": Metadata(Timestamp(expires=signed + 90 * DAY)),
        }
        self.publish_root()
        self.publish()

    @property
    def anchor(self) -> bytes:
        return (self.folder / "metadata" / "1.root.json").read_bytes()

    def locate_metadata(self, name: str) -> Path:
        """Return the path of a file of metadata by its name there."""
        return self.folder / "metadata" / name

    def locate_payload(self, path: str, role: str = "targets") -> Path:
        """Return the path of a target's file."""
        sha256 = self.roles[role].signed.targets[path].hashes["sha256"]
        folder, _, base = path.rpartition("/")
        return self.folder / "targets" / folder / f"{sha256}.{base}"

    def add(
        self, path: str, data: bytes, custom: dict[str, str], role: str = "targets", publish: bool = True
    ) -> str:
        """Put a target in; returns its SHA-256."""
        file = TargetFile.from_data(path, data, ["sha256"])
        file.unrecognized_fields["custom"] = custom
        self.roles[role].signed.targets[path] = file
        place = self.locate_payload(path, role)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        if publish:
            self.publish(role)
        return file.hashes["sha256"]

    def add_pack(self, pack: Path, role: str = "targets", publish: bool = True, **fields: str) -> str:
        """Put a pack in under its own name; ``fields`` override what is said about it."""
        from edge.packs.pack import Pack

        with Pack.open(pack) as opened:
            manifest = opened.manifest
            custom = {"name": manifest.name, "version": manifest.version, "title": manifest.title}
            custom |= {"kind": "pack", "database": opened.digest} | fields
        return self.add(f"packs/{custom['name']}.kpack", pack.read_bytes(), custom, role, publish)

    def publish(self, *changed: str) -> None:
        """Sign a new version of these roles and of those above them; without any, all as they stand."""
        for role in {*changed, "snapshot", "timestamp"} if changed else ():
            self.roles[role].signed.version += 1
        self.sign()

    def sign(self) -> None:
        """Sign all roles as they stand, each listing the ones below it."""
        signed = {name: role.signed for name, role in self.roles.items()}
        for role in ("targets", DELEGATE):
            self._write(role, f"{signed[role].version}.{role}.json")
            signed["snapshot"].meta[f"{role}.json"] = MetaFile(signed[role].version)
        data = self._write("snapshot", f"{signed['snapshot'].version}.snapshot.json")
        hashes = {"sha256": hashlib.sha256(data).hexdigest()}
        signed["timestamp"].snapshot_meta = MetaFile(signed["snapshot"].version, len(data), hashes)
        self._write("timestamp", "timestamp.json")

    def publish_root(self, *, signers: Iterable[str] | None = None) -> None:
        """Sign the root as it stands."""
        self.root.signatures.clear()
        for name in signers or self.root_keys:
            self.root.sign(self.keys[name], append=True)
        self.root.to_file(str(self.locate_metadata(f"{self.root.signed.version}.root.json")))

    def rotate(self, *roles: str) -> None:
        """Give roles of the root new keys, in a new root."""
        for role in roles:
            old = self.keys[role].public_key
            self.root.signed.revoke_key(old.keyid, role)
            self.keys[role] = CryptoSigner.generate_ed25519()
            self.root.signed.add_key(self.keys[role].public_key, role)
        self.root.signed.version += 1
        self.publish_root()
        self.sign()

    def expire(self, at: datetime, *roles: str) -> None:
        """Let roles expire at a time."""
        for role in roles:
            self.roles[role].signed.expires = at
        self.publish(*roles)

    def sign_at(self, time: datetime) -> None:
        """Sign a new timestamp, as if it was made then."""
        self.roles["timestamp"].signed.expires = time + 90 * DAY
        self.roles["timestamp"].signed.version += 1
        self.sign()

    def copy(self, folder: Path) -> Repository:
        """Copy the repository as it is now to somewhere else."""
        shutil.copytree(self.folder, folder)
        other = copy.copy(self)
        other.folder, other.root = folder, copy.deepcopy(self.root)
        other.roles = copy.deepcopy(self.roles)
        other.keys = dict(self.keys)
        return other

    def _write(self, role: str, name: str) -> bytes:
        metadata = self.roles[role]
        metadata.sign(self.keys[role])
        data = metadata.to_bytes()
        self.locate_metadata(name).write_bytes(data)
        return data
