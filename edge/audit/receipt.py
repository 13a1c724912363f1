"""The receipt of an answer: what it says, and the proof that the log of a device holds it. One text, below 8 KB.

Four parts with an empty line between: key and salt; what was answered, as JSON; the row of the log, whose last line is
the SHA-256 of salt and JSON; and a proof in the form of https://c2sp.org/tlog-proof that the row is in the log.
Checking needs nothing else, and no device. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

VERSION = "edge.audit/receipt@v1"
PROOF_VERSION = "c2sp.org/tlog-proof@v1"
MOST_BYTES = 8000
MOST_BODY = 5000
MOST_NAME, MOST_QUESTION, MOST_WARNING, MOST_CITATIONS = 120, 600, 240, 8
ANSWERS = (2400, 1200, 500)
"""Bytes of the answer in a receipt, the first that fits; its digest is that of all of it."""


def write_body(record: Mapping[str, Any]) -> str:
    """Return what a receipt says about a turn, from its record: JSON in lines."""
    answer, scope = record["answer"], record["scope"]
    citations, warnings = answer["citations"], answer["warnings"]
    for most in ANSWERS:
        body: dict[str, Any] = {
            "question": shorten(record["question"], MOST_QUESTION),
            "question_sha256": hash_text(record["question"]),
            "equipment": scope["equipment"],
            "in_packs": scope["packs"][:MOST_CITATIONS],
            "answer": shorten(answer["text"], most),
            "answer_sha256": hash_text(answer["text"]),
            "mode": answer["mode"],
            "citations": [
                {
                    "n": one["n"], "pack": one["pack"], "version": one["version"],
                    "document": shorten(one["document"], MOST_NAME), "page": one["page"], "sha256": one["sha256"],
                }
                for one in citations[:MOST_CITATIONS]
            ],
            "warnings": [shorten(one["text"], MOST_WARNING) for one in warnings[: MOST_CITATIONS // 2]],
            "unverified": [shorten(one, MOST_NAME) for one in answer["unverified"][:MOST_CITATIONS]],
            "packs": record["packs"][:MOST_CITATIONS],
            "engine": record["engine"],
            "model_sha256": record["model_sha256"],
            "sampler": record.get("sampler", {}),
            "max_tokens": record.get("max_tokens", 0),
        }  # fmt: skip
        if "history" in record:
            body["history_sha256"] = hash_text(json.dumps(record["history"], ensure_ascii=False))
        text = json.dumps(body, ensure_ascii=False, indent=1).encode("utf-8", "replace").decode()
        if len(text.encode()) <= MOST_BODY:
            break
    return text


def shorten(text: str, most: int) -> str:
    """Return a text, cut where its JSON would have more than ``most`` bytes."""
    while len(json.dumps(text, ensure_ascii=False).encode("utf-8", "replace")) > most:
        text = text[: len(text) * 9 // 10].rstrip() + " …"
    return text


def hash_text(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
