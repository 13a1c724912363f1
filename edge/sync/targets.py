"""The targets of a repository: their names and descriptions, for both sides.

    packs/NAME.kpack                   a knowledge pack; one target for each name, the newest version
    deltas/NAME/OLD12-NEW12.kdelta     what turns one file of a pack into another
    models/FILE.gguf                   a language model, or a LoRA that goes with one
    policy/config.toml                 settings of the fleet

The rest of what a target says stands in the ``custom`` field of its TUF metadata. Signatures are ``edge.sync.trust``'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuf.api.metadata import TargetFile

from edge.errors import TrustError
from edge.packs.manifest import MAX_NAME, MAX_TITLE, parse_version

PACK, DELTA, MODEL, LORA, POLICY = "pack", "delta", "model", "lora", "policy"
POLICY_PATH = "policy/config.toml"

_NAME = r"[a-z0-9]+(?:-[a-z0-9]+)*"
_MODEL = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?"
_PATHS = {
    PACK: re.compile(rf"packs/(?P<name>{_NAME})\.kpack"),
    DELTA: re.compile(rf"deltas/(?P<name>{_NAME})/(?P<old>[0-9a-f]{{12}})-(?P<new>[0-9a-f]{{12}})\.kdelta"),
    MODEL: re.compile(rf"models/(?P<name>{_MODEL})\.gguf"),
    LORA: re.compile(rf"models/(?P<name>{_MODEL})\.gguf"),
    POLICY: re.compile(r"policy/config\.toml"),
}
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Target:
    """One file of a repository, as its publisher describes it.

    ``length`` and ``sha256`` are those of the whole file. ``name`` is the pack's or the model's. A pack has
    ``version``, ``title`` and ``database``, the SHA-256 of the database inside (``InstalledPack.digest``). A delta
    turns the file of ``delta_from`` into the one of ``delta_to`` (both SHA-256 of whole files).
    """

    path: str
    length: int
    sha256: str
    kind: str
    name: str = ""
    version: str = ""
    title: str = ""
    database: str = ""
    delta_from: str = ""
    delta_to: str = ""

    @property
    def file(self) -> str:
        """The path under ``targets/``: consistent snapshots put the hash before the name."""
        folder, slash, base = self.path.rpartition("/")
        return f"{folder}{slash}{self.sha256}.{base}"

    def to_target_file(self) -> TargetFile:
        """Return its entry in TUF metadata."""
        custom = {"kind": self.kind}
        if self.kind == PACK:
            custom |= {"name": self.name, "version": self.version}
            custom |= {"database": self.database, "title": self.title}
        elif self.kind == DELTA:
            custom |= {"name": self.name, "from": self.delta_from, "to": self.delta_to}
        return TargetFile(self.length, {"sha256": self.sha256}, self.path, {"custom": custom})

    @classmethod
    def from_target_file(cls, file: TargetFile) -> Target | None:
        """Return the target that an entry describes; None for a kind this version does not know.

        Raises:
            TrustError: it is signed, and yet no entry that can be used.
        """
        custom = file.custom
        kind = custom.get("kind") if isinstance(custom, dict) else None
        if not isinstance(kind, str) or kind not in _PATHS:
            return None
        match = _PATHS[kind].fullmatch(file.path)
        if match is None:
            raise _make_error(file.path, f"no path for a {kind}")
        fields = match.groupdict()
        return cls(
            path=file.path,
            length=file.length,
            sha256=_read_sha256(file.hashes, "sha256", file.path),
            kind=kind,
            name=fields.get("name", ""),
            **_read_pack_fields(custom, file.path, fields["name"]) if kind == PACK else {},
            **_read_delta_fields(custom, file.path, fields) if kind == DELTA else {},
        )


def make_pack_path(name: str) -> str:
    """Return the target path of a pack."""
    return f"packs/{name}.kpack"


def make_delta_path(name: str, old: str, new: str) -> str:
    """Return the target path of a delta between two files of a pack, given their SHA-256."""
    return f"deltas/{name}/{old[:12]}-{new[:12]}.kdelta"


def make_model_path(file: str) -> str:
    """Return the target path of a model or a LoRA, given the name of its file."""
    return f"models/{file}"


def _read_pack_fields(custom: Mapping[str, Any], path: str, name: str) -> dict[str, str]:
    version, title = custom.get("version"), custom.get("title")
    if custom.get("name") != name or len(name) > MAX_NAME:
        raise _make_error(path, "a name other than its path's")
    if not isinstance(version, str) or not _is_version(version):
        raise _make_error(path, f"no version ({str(version)[:40]!r})")
    if not isinstance(title, str) or len(title) > MAX_TITLE or not title.isprintable():
        raise _make_error(path, "no title")
    return {"version": version, "title": title, "database": _read_sha256(custom, "database", path)}


def _read_delta_fields(custom: Mapping[str, Any], path: str, fields: Mapping[str, str]) -> dict[str, str]:
    old, new = _read_sha256(custom, "from", path), _read_sha256(custom, "to", path)
    if custom.get("name") != fields["name"] or (old[:12], new[:12]) != (fields["old"], fields["new"]):
        raise _make_error(path, "other files than its path names")
    return {"delta_from": old, "delta_to": new}


def _is_version(text: str) -> bool:
    try:
        parse_version(text)
    except ValueError:
        return False
    return True


def _read_sha256(fields: Mapping[str, Any], key: str, path: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise _make_error(path, f"no SHA-256 as '{key}'")
    return value


def _make_error(path: str, what: str) -> TrustError:
    return TrustError(
        f"The signed description of {path} has {what}.",
        "Nothing of it was installed; tell the publisher to add the file again with `edge publish add`.",
    )
