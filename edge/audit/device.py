"""The key that this device signs its log with, made when first needed.

EDGE_HOME/audit/device.key     the private key, readable by its owner alone
EDGE_HOME/audit/device.vkey    the public one with the name of the log, to hand on
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge import files
from edge.audit.note import Signature, VerifierKey, make_id, sign
from edge.errors import StorageError

PRIVATE, PUBLIC = "device.key", "device.vkey"
ORIGIN = "edge-audit"
_HINT = "Bring both files back from a copy, or move the folder away to begin a new log."


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """A private key, and the public one under the name of its log."""

    private: Ed25519PrivateKey
    public: VerifierKey

    def sign(self, text: str) -> Signature:
        """Sign a checkpoint of this device's log."""
        return sign(self.public, self.private, text)

    def cosign(self, text: str, time: int) -> Signature:
        """Sign another log's checkpoint, at a time in seconds since 1970."""
        return sign(self.public.to_cosigner(), self.private, text, time)


def load_or_make_key(folder: Path, device: str) -> DeviceKey:
    """Read this device's key, or make it.

    Args:
        device: the name of the device, which a new log is called after.

    Raises:
        StorageError: it cannot be read or written, or is damaged.
    """
    with files.translate_os_errors(folder):
        if not (folder / PRIVATE).exists():
            files.make_folder(folder)
            with suppress(FileExistsError):  # another process was faster
                _make_key(folder / PRIVATE)
        private = _read_private(folder / PRIVATE)
        if not (folder / PUBLIC).exists():
            public = _name_key(private, device)
            files.write_atomically(folder / PUBLIC, f"{public}\n".encode())
    key = DeviceKey(private, read_public_key(folder))
    if key.public.public != private.public_key().public_bytes_raw():
        raise StorageError(f"{folder / PUBLIC} does not belong to {PRIVATE}.", _HINT)
    return key


def read_public_key(folder: Path) -> VerifierKey:
    """Read the public key of this device's log. Raises ``StorageError`` and ``NoteError``."""
    with files.translate_os_errors(folder):
        return VerifierKey.parse((folder / PUBLIC).read_text(encoding="utf-8", errors="replace"))


def make_origin(device: str, public: bytes) -> str:
    """Return the name of a log: that of the device, and the start of its key's SHA-256."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", device).strip("-") or "device"
    return f"{ORIGIN}/{name[:40]}/{make_id(public)}"


def _make_key(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    files.write_secret(path, pem)


def _read_private(path: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise StorageError(f"{path} is damaged.", _HINT) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StorageError(f"{path} is no ed25519 key.", _HINT)
    return key


def _name_key(private: Ed25519PrivateKey, device: str) -> VerifierKey:
    public = private.public_key().public_bytes_raw()
    return VerifierKey(make_origin(device, public), public)
