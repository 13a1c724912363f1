"""One sequence state as a file: which model and tokens it belongs to, then llama.cpp's bytes, all of it checksummed.

A state is worth nothing when a bit of it is wrong, and costs only time when it is missing. So a file is either taken
whole or not at all.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import BinaryIO

from edge.files import read_blocks

MAX_TOKENS = 2**20
TOKEN_BYTES = 4
DIGEST_BYTES = 32

_MAGIC = b"EDGE-KV1"
_HEAD = struct.Struct(
    f"<8s{DIGEST_BYTES}sIQ{DIGEST_BYTES}s"
)  # magic, key, tokens, bytes of the state, its SHA-256
_BLOCK = 2**20


class BadFile(Exception):
    """This is not, or no longer, what was written."""


@dataclass(frozen=True, slots=True)
class Header:
    """The head of a file, about its state.

    Args:
        key: digest of everything that must be the same for the state to be of use.
        tokens: the tokens, as 32-bit integers.
        size: bytes of the state.
        digest: SHA-256 of the state.
    """

    key: bytes
    tokens: bytes
    size: int
    digest: bytes

    @property
    def total(self) -> int:
        """Bytes of the whole file."""
        return _HEAD.size + len(self.tokens) + DIGEST_BYTES + self.size

    def encode(self) -> bytes:
        """Encode the beginning of the file, up to the state."""
        count = len(self.tokens) // TOKEN_BYTES
        head = _HEAD.pack(_MAGIC, self.key, count, self.size, self.digest) + self.tokens
        return head + hashlib.sha256(head).digest()


def read_header(file: BinaryIO, file_bytes: int) -> Header:
    """Read up to the state.

    Raises:
        BadFile: damaged, foreign or not of this length.
    """
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise BadFile("too short")
    magic, key, count, size, digest = _HEAD.unpack(head)
    if magic != _MAGIC or not 0 < count <= MAX_TOKENS:
        raise BadFile("foreign")
    tokens = file.read(count * TOKEN_BYTES)
    header = Header(key, tokens, size, digest)
    if file.read(DIGEST_BYTES) != hashlib.sha256(head + tokens).digest() or header.total != file_bytes:
        raise BadFile("damaged")
    return header


def write(file: BinaryIO, header: Header, state: memoryview) -> None:
    """Write all of it. Raises ``OSError`` as writing does."""
    file.write(header.encode())
    for start in range(0, header.size, _BLOCK):
        file.write(state[start : min(start + _BLOCK, header.size)])


def copy_state(file: BinaryIO, header: Header, target: memoryview) -> None:
    """Copy the state, which comes next in the file, into memory.

    Raises:
        BadFile: it is not what was written; the memory then holds anything.
    """
    digest, done = hashlib.sha256(), 0
    for block in read_blocks(file, header.size):
        digest.update(block)
        target[done : done + len(block)] = block
        done += len(block)
    if digest.digest() != header.digest:
        raise BadFile("damaged")
