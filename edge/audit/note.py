"""Signed notes, checkpoints and cosignatures, in the forms of the C2SP. Pure.

https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint, https://c2sp.org/tlog-cosignature (Ed25519).
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from edge.audit.merkle import HASH_BYTES
from edge.errors import TrustError

SIGNATURE, COSIGNATURE = 1, 4
"""Kinds of keys: what the signature is over."""

MAX_SIGNATURES = 64
_DASH = "\u2014 "
_NAME = re.compile(r"[^\s+]+")
_HINT = "Get it again from whom it came."


class NoteError(TrustError):
    """A note, a checkpoint or a key that is none, or whose signature is wrong."""

    title = "Proof refused"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public Ed25519 key with the name and the kind of what it signs; as text a *vkey*."""

    name: str
    public: bytes
    kind: int = SIGNATURE

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read a key as text.

        Raises:
            NoteError: it is none.
        """
        name, _, rest = text.strip().partition("+")
        number, _, encoded = rest.partition("+")
        try:
            data = b64decode(encoded, validate=True)
        except ValueError:
            data = b""
        if len(data) != 33 or data[0] not in (SIGNATURE, COSIGNATURE) or not _NAME.fullmatch(name):
            raise NoteError("This is no key of a log.", "It looks like NAME+0123abcd+AbCd…=")
        key = cls(name, data[1:], data[0])
        if key.id.hex() != number:
            raise NoteError("The key of the log is damaged.", _HINT)
        return key

    @property
    def id(self) -> bytes:
        """The four bytes that signatures name it by."""
        return hashlib.sha256(f"{self.name}\n".encode() + bytes([self.kind]) + self.public).digest()[:4]

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the public key, the first half, in groups: for people to compare."""
        digest = hashlib.sha256(self.public).hexdigest()[:32]
        return " ".join(digest[at : at + 8] for at in range(0, 32, 8))

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(bytes([self.kind]) + self.public).decode()}"

    def to_cosigner(self) -> VerifierKey:
        """Return the same key as one that cosigns."""
        return replace(self, kind=COSIGNATURE)

    def verifies(self, signature: bytes, text: str) -> bool:
        """Return True if a signature (after its key's id) is over this text."""
        message = text.encode()
        if self.kind == COSIGNATURE:
            signature, message = signature[8:], _make_cosigned(text, int.from_bytes(signature[:8], "big"))
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signature:
    """A line below a note: the name of a key, its id, and what it has signed with."""

    name: str
    key_id: bytes
    data: bytes

    @property
    def time(self) -> int:
        """Of a cosignature: when it was made, in seconds since 1970."""
        return int.from_bytes(self.data[:8], "big")

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {b64encode(self.key_id + self.data).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends with a line break, and the signatures below it."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, note: str) -> Note:
        """Take a note apart. Nothing is verified.

        Raises:
            NoteError: it is none.
        """
        text, gap, below = note.rpartition("\n\n")
        lines = below.splitlines(keepends=True)
        if not gap or not lines or len(lines) > MAX_SIGNATURES or re.search(r"[\x00-\x09\x0b-\x1f]", note):
            raise NoteError("This is no signed note.", _HINT)
        return cls(f"{text}\n", tuple(map(_parse_signature, lines)))

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(map(str, self.signatures))}"

    def add(self, signatures: Iterable[Signature]) -> Note:
        """Return the note with further signatures, each once."""
        known = {(one.name, one.key_id) for one in self.signatures}
        more = [one for one in signatures if (one.name, one.key_id) not in known]
        return replace(self, signatures=(*self.signatures, *more))

    def find(self, key: VerifierKey) -> Signature | None:
        """Return the signature of a key, verified; None if it has not signed.

        Raises:
            NoteError: what stands there in its name is wrong.
        """
        for one in self.signatures:
            if (one.name, one.key_id) == (key.name, key.id):
                if not key.verifies(one.data, self.text):
                    raise NoteError(f"The signature of {key.name} is wrong.", _HINT)
                return one
        return None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a log: who it belongs to, how many entries it has, and the root over them."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a note.

        Raises:
            NoteError: it is no checkpoint.
        """
        lines = text.split("\n")
        if len(lines) >= 4 and lines[0] and re.fullmatch(r"0|[1-9][0-9]{0,17}", lines[1]):
            root = decode(lines[2])
            if len(root) == HASH_BYTES:
                return cls(lines[0], int(lines[1]), root)
        raise NoteError("This is no checkpoint of a log.", _HINT)

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def make_id(public: bytes) -> str:
    """Return the short name of a key: the start of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def open_checkpoint(note: Note, key: VerifierKey) -> Checkpoint:
    """Return the checkpoint that a log has signed.

    Raises:
        NoteError: it is none, of another log, or not signed by this key.
    """
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != key.name:
        raise NoteError(f"This checkpoint is of {checkpoint.origin}, not of {key.name}.", _HINT)
    if note.find(key) is None:
        raise NoteError(f"This checkpoint is not signed by {key.name}.", _HINT)
    return checkpoint


def sign(key: VerifierKey, private: Ed25519PrivateKey, text: str, time: int = 0) -> Signature:
    """Sign a text; with a key that cosigns, the text of a checkpoint at a ``time`` in seconds since 1970."""
    if key.kind == COSIGNATURE:
        signature = time.to_bytes(8, "big") + private.sign(_make_cosigned(text, time))
    else:
        signature = private.sign(text.encode())
    return Signature(key.name, key.id, signature)


def decode(text: str) -> bytes:
    """Decode base64.

    Raises:
        NoteError: it is none.
    """
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        raise NoteError("The proof is damaged: a part of it is not base64.", _HINT) from error


def _make_cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _parse_signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).removesuffix("\n").partition(" ")
    data = decode(encoded)
    if not line.startswith(_DASH) or not _NAME.fullmatch(name) or len(data) < 5:
        raise NoteError("A signature of this note is none.", _HINT)
    return Signature(name, data[:4], data[4:])
