"""The fleet's certificate authority: who may take part in the private swarm.

    KEYS/fleet-KEYID.pem                  its key, encrypted like those of the roles and kept with them
    REPO/metadata/fleet.pem               its certificate, for everybody to see

A certificate lets a device fetch from others and give to them. What may be installed the signatures say, not this: a
stolen device can read the packs of its fleet and cannot change any. To shut it out, found the fleet anew and admit
the other devices again.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from edge import files
from edge.errors import NotFoundError, UsageError
from edge.publish.keys import Keys
from edge.publish.repository import Repository
from edge.publish.store import RepositoryStore
from edge.sync.carriers.identity import CERTIFICATE, FLEET, KEY, Identity

ROLE = "fleet"
MAX_NAME = 64
"""Characters of a common name (RFC 5280)."""

_BEGIN, _END = datetime(1970, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, tzinfo=UTC)
"""A device's clock may show anything, and a wrong one must not shut it out."""


def found_fleet(repository: Repository, keys: Keys) -> Path:
    """Make the fleet's key and certificate. Torrents of an earlier fleet are deleted; make them anew.

    Returns:
        The file of the certificate.

    Raises:
        NotFoundError: there is no repository.
        UsageError: there is no folder for the key.
        BusyError, StorageError: as every change.
    """
    with repository.lock():
        folder = repository.store.metadata
        certificate = certify_fleet(_load_private_key(keys, keys.create(ROLE)))
        for old in folder.glob("*.torrent"):
            files.delete(old)
        files.write_atomically(folder / FLEET, certificate.encode())
        return folder / FLEET


def admit_device(repository: Repository, keys: Keys, device: str, folder: Path) -> None:
    """Make a device's key and certificate, and write them with the fleet's: the contents of its ``EDGE_HOME/swarm``.

    Args:
        repository: whose fleet it joins.
        keys: where the fleet's key is.
        device: a name, for people.
        folder: where to; made if missing.

    Raises:
        NotFoundError: no fleet has been founded, or its key is not at hand.
        UsageError: the name cannot be used, or the folder holds a device's key already.
        ForbiddenError: the passphrase is wrong.
        BusyError, StorageError: the folder cannot be written.
    """
    if not 0 < len(device) <= MAX_NAME or not device.isprintable():
        raise UsageError(
            f"{device[:MAX_NAME]!r} is no name for a device.", f"Give 1 to {MAX_NAME} characters."
        )
    fleet = read_fleet_certificate(repository.store)
    public = cast(Ed25519PublicKey, x509.load_pem_x509_certificate(fleet.encode()).public_key())
    identity = certify_device(fleet, _load_private_key(keys, SSlibKey.from_crypto(public)), device)
    with files.translate_os_errors(folder):
        files.make_folder(folder)
        _write_key(folder / KEY, identity.key.encode())
        files.write_atomically(folder / CERTIFICATE, identity.certificate.encode())
        files.write_atomically(folder / FLEET, fleet.encode())


def read_fleet_certificate(store: RepositoryStore) -> str:
    """Return the fleet's certificate, as PEM.

    Raises:
        NotFoundError: no fleet has been founded.
    """
    path = store.metadata / FLEET
    with files.translate_os_errors(path):
        if not path.exists():
            raise NotFoundError(f"The repository {store.folder} has no fleet.", "Found one first.")
        return path.read_text(encoding="ascii")


def certify_fleet(private: Ed25519PrivateKey) -> str:
    """Make a fleet's certificate, signed by itself, as PEM."""
    name = _make_name(f"edge fleet {os.urandom(6).hex()}")
    return _make_certificate(name, name, private.public_key(), private, device=False)


def certify_device(fleet: str, authority: Ed25519PrivateKey, device: str) -> Identity:
    """Make a key for a device and its certificate, signed with the fleet's key."""
    private = Ed25519PrivateKey.generate()
    issuer = x509.load_pem_x509_certificate(fleet.encode()).subject
    certificate = _make_certificate(_make_name(device), issuer, private.public_key(), authority, device=True)
    key = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Identity(fleet, certificate, key.decode())


def _load_private_key(keys: Keys, public: Key) -> Ed25519PrivateKey:
    """Return the private half of a key at hand. A certificate needs the key itself, so a token does not serve."""
    signer = keys.find_signer(public.keyid)
    if not isinstance(signer, CryptoSigner):
        raise NotFoundError(
            "The key of the fleet is not among the keys.",
            f"Give the folder with {ROLE}-{public.keyid[:12]}.pem.",
        )
    return cast(Ed25519PrivateKey, serialization.load_pem_private_key(signer.private_bytes, None))


def _make_certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public: Ed25519PublicKey,
    signer: Ed25519PrivateKey,
    *,
    device: bool,
) -> str:
    constraints = x509.BasicConstraints(ca=not device, path_length=None if device else 0)
    builder = (
        x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number(), _BEGIN, _END)
        .add_extension(constraints, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    if device:  # libtorrent asks for the torrent's name, or a star for all
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("*")]), critical=False)
    return builder.sign(signer, None).public_bytes(serialization.Encoding.PEM).decode()


def _make_name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def _write_key(path: Path, data: bytes) -> None:
    try:
        files.write_secret(path, data)
    except FileExistsError as error:
        raise UsageError(
            f"{path.parent} holds a device's key already.", "Give each device a folder of its own."
        ) from error
