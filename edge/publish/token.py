"""Keys that never leave a PKCS#11 token (YubiKey, Nitrokey, HSM). Needs the package python-pkcs11 and its library.

A file NAME.token stands for one among the keys: a line such as ``hsm:2?label=Vault`` (the key's id and the token's
label), then its public key in PEM, ECDSA on P-256 or P-384. ``PYKCS11LIB`` names the token's library.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.exceptions import UnsupportedLibraryError
from securesystemslib.signer import HSMSigner, Key, Signature, Signer, SSlibKey

from edge import files
from edge.errors import ForbiddenError, UsageError

LIBRARY = "PYKCS11LIB"


def read_token(path: Path) -> tuple[str, Key]:
    """Return the address of the key and its public part.

    Raises:
        UsageError: the file is not as it should be.
        StorageError: it cannot be read.
    """
    with files.translate_os_errors(path):
        uri, _, pem = path.read_bytes().partition(b"\n")
    try:
        key = load_pem_public_key(pem)
        where = uri.decode("ascii").strip()
    except ValueError as error:
        raise _make_error(path) from error
    if not where.startswith("hsm:") or not is_supported(key):
        raise _make_error(path)
    return where, SSlibKey.from_crypto(key)


def is_supported(key: object) -> bool:
    """Return whether tokens sign with such a key, and devices verify it."""
    return isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1 | SECP384R1)


def open_signer(path: Path, ask_pin: Callable[[], str]) -> Signer:
    """Return the signer of a token; it asks for the PIN once, and only when it signs.

    Raises:
        UsageError: the file is not as it should be, or what tokens need is not installed.
    """
    where, key = read_token(path)
    if not os.environ.get(LIBRARY):
        raise UsageError(
            f"{path.name} stands for a token, and {LIBRARY} is not set.",
            f"Set {LIBRARY} to the PKCS#11 library of the token, for example libykcs11.so.",
        )
    try:
        return _Token.from_priv_key_uri(where, key, _ask_once(ask_pin))
    except UnsupportedLibraryError as error:
        raise UsageError(f"{path.name} stands for a token: {error}.", "pip install python-pkcs11") from error
    except ValueError as error:
        raise _make_error(path) from error


class _Token(HSMSigner):
    """Reports why a token refuses to sign. It counts wrong PINs, so there is no second try."""

    def sign(self, payload: bytes) -> Signature:
        try:
            return super().sign(payload)
        except Exception as error:  # whatever the library of the token raises
            what = str(error) or type(error).__name__
            raise ForbiddenError(
                f"The token did not sign: {what}.", "Check that it is plugged in, and its PIN."
            ) from error


def _ask_once(ask: Callable[[], str]) -> Callable[[str], str]:
    known: list[str] = []

    def ask_once(secret: str) -> str:
        if not known:
            known.append(ask())
        return known[0]

    return ask_once


def _make_error(path: Path) -> UsageError:
    return UsageError(
        f"{path} describes no key on a token.",
        "It has a line such as hsm:2?label=NAME, then the public key in PEM (ECDSA on P-256 or P-384).",
    )
