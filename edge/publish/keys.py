"""Private keys: one encrypted file each, or a token, in folders outside the repository.

A file is called ROLE-KEYID.pem: PKCS#8, PBES2, ed25519, readable with ``openssl pkey -in FILE``. Files with other names
are tried too, so that a key made elsewhere can be used. Which key may sign what is the metadata's business.
"""

from __future__ import annotations

import re
import secrets
import textwrap
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from securesystemslib.signer import CryptoSigner, Key, Signer, SSlibKey

from edge import files
from edge.errors import ForbiddenError, NotFoundError, StorageError, UsageError
from edge.publish.token import is_supported, open_signer, read_token

ITERATIONS = 600_000
"""Of PBKDF2-HMAC-SHA256, as OWASP advises; ``BestAvailableEncryption`` takes 2,048, which a found stick would not
withstand for long."""

SHORT_ID = 12
"""Characters of a key's id that people see."""

_NAMED = re.compile(r".+-([0-9a-f]{12})\.pem")
_PRIVATE = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


class Passphrases(Protocol):
    """The source of passphrases: a person at a terminal, or a variable."""

    def list_candidates(self, file: str) -> Iterator[str]:
        """Yield passphrases for an existing key file until one is right."""

    def create(self, file: str) -> str:
        """Return a passphrase for a key file that is about to be made."""


class Keys:
    """The private keys at hand, in one folder or several (a stick each). New ones go into the first.

    Raises:
        UsageError: a folder lies in the repository.
        NotFoundError: a folder is not there (made when ``create`` is set).
    """

    def __init__(
        self, folders: Sequence[Path], passphrases: Passphrases, repository: Path, *, create: bool = False
    ) -> None:
        for folder in folders:
            _refuse_inside(folder, repository)
            if create and not folder.exists():
                with files.translate_os_errors(folder):
                    files.make_folder(folder)
                    with suppress(OSError):  # a stick with FAT knows no owners
                        folder.chmod(0o700)
            if not folder.is_dir():
                raise NotFoundError(f"There is no folder {folder}.", "Give the folder that holds the keys.")
        self._folders = tuple(folders)
        self._passphrases = passphrases
        self._signers: dict[str, Signer] = {}
        self._tried: set[Path] = set()

    @classmethod
    def make_empty(cls) -> Keys:
        """Return an object without any key."""
        return cls((), _NoPassphrases(), Path())

    def create(self, role: str) -> Key:
        """Make a key, write it encrypted for its owner alone, and return its public part."""
        private = Ed25519PrivateKey.generate()
        signer = CryptoSigner(private)
        keyid = signer.public_key.keyid
        path = next(iter(self._folders), Path()) / f"{role}-{keyid[:SHORT_ID]}.pem"
        data = _encrypt(private, self._passphrases.create(path.name).encode())
        with files.translate_os_errors(path):
            files.write_secret(path, data)
        self._signers[keyid] = signer
        self._tried.add(path)
        return signer.public_key

    def find_signer(self, keyid: str) -> Signer | None:
        """Return the signer with the key of this id; None when it is not at hand.

        Raises:
            ForbiddenError: the passphrase is wrong.
            UsageError: the file is not what its name says.
        """
        for path, named in self._list_files():
            if keyid in self._signers:
                break
            if path not in self._tried and named in (None, keyid[:SHORT_ID]):
                self._load(path, named is not None)
        return self._signers.get(keyid)

    def has(self, keyids: Sequence[str]) -> bool:
        """Return whether a file for one of these keys is at hand. Ask for no passphrase where names tell."""
        if any(keyid in self._signers for keyid in keyids):
            return True
        names = {named for _, named in self._list_files()}
        if any(keyid[:SHORT_ID] in names for keyid in keyids):
            return True
        return None in names and any(self.find_signer(keyid) for keyid in keyids)

    def _list_files(self) -> Iterator[tuple[Path, str | None]]:
        """Yield every encrypted private key with the start of its id, as far as its name tells."""
        for folder in self._folders:
            with files.translate_os_errors(folder):
                for path in sorted(folder.glob("*.token")):
                    yield path, read_token(path)[1].keyid[:SHORT_ID]
                for path in sorted(folder.glob("*.pem")):
                    match = _NAMED.fullmatch(path.name)
                    if match or _PRIVATE in path.read_bytes()[:4096]:
                        yield path, match and match[1]

    def _load(self, path: Path, named: bool) -> None:
        self._tried.add(path)
        if path.suffix == ".token":
            signer = open_signer(path, lambda: next(self._passphrases.list_candidates(path.name)))
            self._signers[signer.public_key.keyid] = signer
            return
        with files.translate_os_errors(path):
            data = path.read_bytes()
        if _PRIVATE not in data:
            raise UsageError(
                f"{path} is not an encrypted private key.",
                f"Encrypt it: openssl pkcs8 -topk8 -in {path.name} -out NEW.pem",
            )
        for passphrase in self._passphrases.list_candidates(path.name):
            try:
                private = serialization.load_pem_private_key(data, passphrase.encode())
            except (ValueError, TypeError):
                continue
            if not isinstance(private, Ed25519PrivateKey):
                raise UsageError(f"{path} is not an ed25519 key.", "Use a key that edge made.")
            signer = CryptoSigner(private)
            self._signers[signer.public_key.keyid] = signer
            return
        if named:
            raise ForbiddenError(
                f"The passphrase of {path.name} is wrong, or the file is damaged.",
                "Try again; EDGE_KEYS_PASSPHRASE, where set, is used for every key.",
            )


class _NoPassphrases:
    def list_candidates(self, file: str) -> Iterator[str]:
        return iter(())

    def create(self, file: str) -> str:
        raise UsageError(f"There is no folder for {file}.", "Give one: --keys KEYS")


def read_public_key(path: Path) -> Key:
    """Read a public key that somebody handed over (``openssl pkey -in KEY.pem -pubout``).

    Raises:
        NotFoundError, StorageError: there is none, or it cannot be read.
        UsageError: it is no public key that devices verify.
    """
    try:
        with files.translate_os_errors(path):
            key = serialization.load_pem_public_key(path.read_bytes())
    except StorageError as error:
        if not path.exists():
            raise NotFoundError(f"There is no {path}.", "Check the path.") from error
        raise
    except ValueError as error:
        raise UsageError(
            f"{path} is not a public key.", "Ask for: openssl pkey -in KEY.pem -pubout -out PUBLIC.pem"
        ) from error
    if not isinstance(key, Ed25519PublicKey) and not is_supported(key):
        raise UsageError(
            f"{path} is neither an ed25519 key nor one on P-256 or P-384.",
            "Ask for: openssl genpkey -algorithm ed25519",
        )
    return SSlibKey.from_crypto(key)


def _refuse_inside(folder: Path, repository: Path) -> None:
    keys, public = folder.resolve(), repository.resolve()
    if keys == public or public in keys.parents:
        raise UsageError(
            f"The keys in {folder} would lie inside the repository, which everybody gets to see.",
            "Keep them in another folder, best on a stick that is locked away.",
        )


def _encrypt(private: Ed25519PrivateKey, passphrase: bytes) -> bytes:
    """Return the key as PKCS#8 under PBES2 (RFC 8018): PBKDF2-HMAC-SHA256 and AES-256-CBC, in PEM."""
    salt, vector = secrets.token_bytes(16), secrets.token_bytes(16)
    plain = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    padder = padding.PKCS7(128).padder()
    key = PBKDF2HMAC(hashes.SHA256(), 32, salt, ITERATIONS).derive(passphrase)
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(vector)).encryptor()
    secret = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    rounds = ITERATIONS.to_bytes(ITERATIONS.bit_length() // 8 + 1, "big")
    prf = _encode_sequence(_HMAC_SHA256, b"\x05\x00")
    derivation = _encode_sequence(
        _PBKDF2, _encode_sequence(_encode_der(4, salt), _encode_der(2, rounds), prf)
    )
    scheme = _encode_sequence(
        _PBES2, _encode_sequence(derivation, _encode_sequence(_AES256_CBC, _encode_der(4, vector)))
    )
    lines = textwrap.wrap(b64encode(_encode_sequence(scheme, _encode_der(4, secret))).decode(), 64)
    return "\n".join([_PRIVATE.decode(), *lines, "-----END ENCRYPTED PRIVATE KEY-----", ""]).encode()


def _encode_der(tag: int, body: bytes) -> bytes:
    """Encode one DER value; bodies are shorter than 256 bytes."""
    length = bytes([len(body)]) if len(body) < 128 else bytes([0x81, len(body)])
    return bytes([tag]) + length + body


def _encode_sequence(*parts: bytes) -> bytes:
    return _encode_der(0x30, b"".join(parts))


# Object identifiers: 1.2.840.113549.1.5.13, .1.5.12 and .2.9; 2.16.840.1.101.3.4.1.42.
_PBES2 = _encode_der(6, bytes.fromhex("2a864886f70d01050d"))
_PBKDF2 = _encode_der(6, bytes.fromhex("2a864886f70d01050c"))
_HMAC_SHA256 = _encode_der(6, bytes.fromhex("2a864886f70d0209"))
_AES256_CBC = _encode_der(6, bytes.fromhex("60864801650304012a"))
