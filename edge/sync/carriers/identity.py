"""The identity of a device in its fleet: the fleet's certificate, the device's own, signed by it, and its key.

    EDGE_HOME/swarm/fleet.pem     the certificate of the fleet
    EDGE_HOME/swarm/device.pem    the certificate of this device
    EDGE_HOME/swarm/device.key    its private key

The publisher makes the three (``edge.publish.fleet``). They let a device into the swarm and say nothing
about what may be installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from edge import files
from edge.errors import NotFoundError, TrustError

FLEET, CERTIFICATE, KEY = "fleet.pem", "device.pem", "device.key"
_HINT = "Ask the publisher for this device's three files and put them there."


@dataclass(frozen=True, slots=True)
class Identity:
    """PEM files as text, already checked to belong together."""

    fleet: str
    certificate: str
    key: str

    @classmethod
    def load(cls, folder: Path) -> Identity:
        """Read a device's identity.

        Raises:
            NotFoundError: a file is missing.
            TrustError: the files do not belong together, or are damaged.
            StorageError: they cannot be read.
        """
        texts = [_read(folder / name) for name in (FLEET, CERTIFICATE, KEY)]
        identity = cls(*texts)
        try:
            private = identity.private_key
            belongs = identity.admits(identity.own) and identity.own.public_key() == private.public_key()
        except (ValueError, TypeError) as error:
            raise TrustError(f"The certificates in {folder} are damaged.", _HINT) from error
        if not belongs:
            raise TrustError(f"The certificates in {folder} do not belong together.", _HINT)
        return identity

    @property
    def own(self) -> x509.Certificate:
        """This device's certificate."""
        return x509.load_pem_x509_certificate(self.certificate.encode())

    @property
    def private_key(self) -> Ed25519PrivateKey:
        """This device's key.

        Raises:
            ValueError, TypeError: it is none that a fleet uses.
        """
        key = load_pem_private_key(self.key.encode(), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("not an ed25519 key")
        return key

    def admits(self, certificate: x509.Certificate) -> bool:
        """Return whether the fleet has signed a certificate. Dates are ignored: clocks in the field are often wrong."""
        try:
            certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(self.fleet.encode()))
        except (ValueError, TypeError, InvalidSignature):
            return False
        return isinstance(certificate.public_key(), Ed25519PublicKey)


def _read(path: Path) -> str:
    with files.translate_os_errors(path):
        try:
            return path.read_text(encoding="ascii")
        except FileNotFoundError as error:
            raise NotFoundError(f"This device is in no fleet: there is no {path}.", _HINT) from error
        except UnicodeDecodeError as error:
            raise TrustError(f"{path} is damaged.", _HINT) from error
