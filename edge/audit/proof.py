"""The proof that an entry is in a log, in the form of https://c2sp.org/tlog-proof. Pure."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from edge.audit.merkle import HASH_BYTES, check_inclusion, hash_leaf
from edge.audit.note import Checkpoint, Note, NoteError, VerifierKey, decode, open_checkpoint

VERSION = "c2sp.org/tlog-proof@v1"
MOST_HASHES = 64


@dataclass(frozen=True, slots=True)
class Proof:
    """Where an entry is, the hashes from its sibling up, and the signed checkpoint that they lead to."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: Note

    @classmethod
    def parse(cls, text: str) -> Proof:
        """Read a proof.

        Raises:
            NoteError: it is none.
        """
        head, gap, note = text.partition("\n\n")
        lines = [line for line in head.split("\n") if not line.startswith("extra ")]
        index = re.fullmatch(r"index (0|[1-9][0-9]{0,17})", lines[1]) if len(lines) > 1 else None
        hashes = tuple(decode(line) for line in lines[2:])
        sound = gap and lines[0] == VERSION and len(hashes) <= MOST_HASHES
        if not sound or not index or any(len(each) != HASH_BYTES for each in hashes):
            raise NoteError("This is no proof of a log.", "Get it again from whom it came.")
        return cls(int(index[1]), hashes, Note.parse(note))

    def __str__(self) -> str:
        lines = [VERSION, f"index {self.index}", *(b64encode(each).decode() for each in self.hashes)]
        return "\n".join(lines) + f"\n\n{self.checkpoint}"

    def check(self, entry: bytes, key: VerifierKey) -> Checkpoint:
        """Check that a log, by its key, holds an entry; return the checkpoint that says so.

        Raises:
            NoteError: it does not, or the checkpoint is not that log's.
        """
        checkpoint = open_checkpoint(self.checkpoint, key)
        if not check_inclusion(hash_leaf(entry), self.index, checkpoint.size, self.hashes, checkpoint.root):
            raise NoteError("The log does not hold this.", "Receipt or proof was changed.")
        return checkpoint


def list_cosigners(note: Note, keys: Sequence[VerifierKey]) -> list[tuple[VerifierKey, int]]:
    """Return those of the keys that have cosigned a checkpoint, with the time in seconds since 1970.

    Raises:
        NoteError: a cosignature in the name of one of them is wrong.
    """
    found = [(key, note.find(key.to_cosigner())) for key in keys]
    return [(key, signature.time) for key, signature in found if signature]
