"""One row of the log, and the bytes that its leaf of the Merkle tree is over. Pure.

The leaf is over a short text. It names the sealed payload by its SHA-256, so that the log verifies without any key, and
holds a commitment to the receipt, so that whoever has the receipt can show that the row is about it:

    edge.audit/row@v1
    time 1764561234567                          milliseconds since 1970, by this device's clock
    subject 00112233445566778899aabbccddeeff    a random number for who asked
    epoch 3                                     which of the subject's keys
    payload BASE64                              SHA-256 of nonce and ciphertext
    receipt BASE64                              SHA-256 of salt and receipt; of the salt alone where there is none
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass

VERSION = "edge.audit/row@v1"


@dataclass(frozen=True, slots=True)
class NewRow:
    """What is to become a row: who asked, the time in ms since 1970, the commitment, and the payload still open."""

    subject: str
    time: int
    receipt: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it lies in the log. ``payload`` is the nonce and what was sealed with it."""

    index: int
    time: int
    subject: bytes
    epoch: int
    receipt: bytes
    payload: bytes

    @property
    def entry(self) -> bytes:
        """The bytes of its leaf."""
        return format_entry(
            self.time, self.subject, self.epoch, hashlib.sha256(self.payload).digest(), self.receipt
        )


def format_entry(time: int, subject: bytes, epoch: int, payload_sha256: bytes, receipt: bytes) -> bytes:
    """Return the bytes that a leaf is over."""
    return (
        f"{VERSION}\ntime {time}\nsubject {subject.hex()}\nepoch {epoch}\n"
        f"payload {b64encode(payload_sha256).decode()}\nreceipt {b64encode(receipt).decode()}\n"
    ).encode()


def make_associated_data(time: int, subject: bytes, epoch: int) -> bytes:
    """Return what a payload is sealed together with."""
    return f"{VERSION}\n{time}\n{subject.hex()}\n{epoch}".encode()


def make_commitment(salt: bytes, receipt: bytes) -> bytes:
    """Return the commitment to a receipt. Without the salt, nobody can try out what it might say."""
    return hashlib.sha256(salt + receipt).digest()
