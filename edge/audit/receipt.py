"""The receipt of an answer: what it says, and the proof that the log of a device holds it. One text, below 8 KB.

Four parts with an empty line between: key and salt; what was answered, as JSON; the row of the log, whose last line is
the SHA-256 of salt and JSON; and a proof in the form of https://c2sp.org/tlog-proof that the row is in the log.
Checking needs nothing else, and no device. Pure.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge.audit.entry import make_commitment
from edge.audit.note import Checkpoint, NoteError, VerifierKey
from edge.audit.proof import Proof

VERSION = "edge.audit/receipt@v1"
MOST_FILE = 65_536
MOST_BODY = 5000
MOST_NAME, MOST_QUESTION, MOST_WARNING = 120, 600, 240
SIZES = ((2400, 8), (1200, 5), (400, 2))
"""Bytes of the answer, and the most items of a list: the first pair that fits. The digest is of the whole answer."""

_HINT = "Get it again from whom it came; it must not be changed in any way."


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt, taken apart. ``body`` is JSON; ``row`` the bytes of the leaf, as text.

    The key is the one that the receipt names: whose it is, a person has to know (its fingerprint).
    """

    key: VerifierKey
    salt: bytes
    body: str
    row: str
    proof: Proof

    @classmethod
    def parse(cls, text: str) -> Receipt:
        """Read a receipt. Nothing is checked.

        Raises:
            NoteError: it is none.
        """
        head, *parts = text.replace("\r\n", "\n").lstrip("\ufeff").split("\n\n", 3)
        found = re.fullmatch(rf"{re.escape(VERSION)}\nkey (\S+)\nsalt ([0-9a-f]{{32}})", head.strip())
        if found is None or len(parts) != 3:
            raise NoteError("This is no receipt of an answer.", "edge ask --receipt FILE writes one.")
        body, row, proof = parts
        return cls(VerifierKey.parse(found[1]), bytes.fromhex(found[2]), body, f"{row}\n", Proof.parse(proof))

    def __str__(self) -> str:
        head = f"{VERSION}\nkey {self.key}\nsalt {self.salt.hex()}"
        return f"{head}\n\n{self.body}\n\n{self.row}\n{self.proof}"

    def require_key(self, known: Sequence[VerifierKey]) -> None:
        """Check that the log is one of those known; any will do where none is.

        Raises:
            NoteError: it is another one.
        """
        if known and self.key not in known:
            raise NoteError(
                f"This receipt is of {self.key.name}, whose key is another one.", "Name the right --key."
            )

    def check(self) -> Checked:
        """Check everything that can be checked without the device.

        Raises:
            NoteError: what the receipt says is not what the log holds.
        """
        commitment = make_commitment(self.salt, self.body.encode())
        fields = dict(line.split(" ", 1) for line in self.row.splitlines()[1:] if " " in line)
        if fields.get("receipt") != b64encode(commitment).decode():
            raise NoteError("What this receipt says was changed.", _HINT)
        checkpoint = self.proof.check(self.row.encode(), self.key)
        try:
            return Checked(_read_body(self.body), int(fields["time"]), checkpoint)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise NoteError("This receipt cannot be read.", _HINT) from error


@dataclass(frozen=True, slots=True)
class Checked:
    """What a receipt that holds says: the turn, its time in ms since 1970 by the device's clock, the log's state."""

    body: Mapping[str, Any]
    time: int
    checkpoint: Checkpoint


def write_body(record: Mapping[str, Any]) -> str:
    """Return what a receipt says about a turn, from its record: JSON, a field a line."""
    for most_answer, most_items in SIZES:
        body = _select(record, most_answer, most_items)
        fields = [
            f" {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in body.items()
        ]
        text = ("{\n" + ",\n".join(fields) + "\n}").encode("utf-8", "replace").decode()
        if len(text.encode()) <= MOST_BODY:
            break
    return text


def _select(record: Mapping[str, Any], most_answer: int, most_items: int) -> dict[str, Any]:
    answer, scope = record["answer"], record["scope"]
    body = {
        "question": shorten(record["question"], MOST_QUESTION),
        "question_sha256": hash_text(record["question"]),
        "equipment": scope["equipment"],
        "in_packs": scope["packs"][:most_items],
        "answer": shorten(answer["text"], most_answer),
        "answer_sha256": hash_text(answer["text"]),
        "mode": answer["mode"],
        "citations": [
            {
                "n": one["n"], "pack": one["pack"], "version": one["version"],
                "document": shorten(one["document"], MOST_NAME), "page": one["page"], "sha256": one["sha256"],
            }
            for one in answer["citations"][:most_items]
        ],
        "warnings": [shorten(one["text"], MOST_WARNING) for one in answer["warnings"][:most_items]],
        "unverified": [shorten(one, MOST_NAME) for one in answer["unverified"][:most_items]],
        "packs": record["packs"][:most_items],
        "engine": record["engine"],
        "model_sha256": record["model_sha256"],
        "sampler": record.get("sampler", {}),
        "max_tokens": record.get("max_tokens", 0),
    }  # fmt: skip
    if len(scope["packs"]) > most_items:
        body["left_out"] = len(scope["packs"]) - most_items
    if "history" in record:
        body["history_sha256"] = hash_text(json.dumps(record["history"], ensure_ascii=False))
    return body


def _read_body(text: str) -> dict[str, Any]:
    """Read what a receipt says, with all that others rely on. Raises as reading JSON of another shape does."""
    said = dict(json.loads(text))
    for name in ("question", "question_sha256", "answer", "answer_sha256", "mode", "engine", "model_sha256"):
        said[name] = str(said[name])
    for name in ("in_packs", "warnings", "unverified"):
        said[name] = [str(one) for one in said[name]]
    for name, keys in (
        ("citations", ("pack", "version", "document", "sha256")),
        ("packs", ("name", "version", "digest")),
    ):
        said[name] = [{**one, **{key: str(one[key]) for key in keys}} for one in said[name]]
    for one in said["citations"]:
        one["n"], one["page"] = int(one["n"]), int(one["page"])
    said["equipment"] = None if said["equipment"] is None else str(said["equipment"])
    return said


def shorten(text: str, most: int) -> str:
    """Return a text, cut where its JSON would have more than ``most`` bytes."""
    while len(json.dumps(text, ensure_ascii=False).encode("utf-8", "replace")) > most:
        text = text[: len(text) * 9 // 10].rstrip() + " …"
    return text


def hash_text(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
