"""What leaves edge as JSON, whichever way: one function a shape. Plain dicts, so that the command line needs no
web framework; ``server.schema`` documents the same shapes for OpenAPI.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from edge.types import Answer, Box, Evidence, EvidenceFound, Passage

if TYPE_CHECKING:
    from edge.packs.store import InstalledPack, Problem

Json = dict[str, Any]
SIDES = ("left", "top", "right", "bottom")
TIMINGS = ("evidence", "first_token", "total")


def answer_json(answer: Answer) -> Json:
    """A finished turn. ``notice`` is there when it is set; a time that was never reached is null."""
    shape: Json = {
        "answer": answer.text,
        "refused": answer.refused,
        "mode": answer.mode,
        "citations": [{"n": citation.n, **passage_json(citation.passage)} for citation in answer.citations],
        "warnings": [{"text": warning.text, "citation": warning.citation} for warning in answer.warnings],
        "unverified": list(answer.unverified),
        "conversation_id": answer.conversation_id,
        "engine": answer.engine,
        "timings_ms": {name: answer.timings_ms.get(name) for name in TIMINGS},
    }
    if answer.notice:
        shape["notice"] = answer.notice
    return shape


def passage_json(passage: Passage) -> Json:
    """A passage and where it stands, down to the boxes of its lines on the pages of a PDF. ``page_label`` is there
    where the printed label differs from the position."""
    shape: Json = {
        "pack": passage.pack,
        "version": passage.version,
        "document": passage.document,
        "page_from": passage.page_from,
        "page_to": passage.page_to,
    }
    if passage.page_label is not None:
        shape["page_label"] = passage.page_label
    return shape | {
        "heading": passage.heading,
        "text": passage.text,
        "score": round(passage.score, 4),
        "signed": passage.signed,
        "boxes": [box_json(box) for box in passage.boxes],
    }


def box_json(box: Box) -> Json:
    """A rectangle on a page, in fractions of it."""
    return {"page": box.page} | {side: round(getattr(box, side), 4) for side in SIDES}


def search_json(evidence: Evidence, ms: float) -> Json:
    """The result of a search that took ``ms`` milliseconds; ``missing`` is there when codes are mentioned nowhere."""
    shape: Json = {"results": [passage_json(passage) for passage in evidence.passages], "ms": round(ms, 1)}
    if evidence.missing:
        shape["missing"] = list(evidence.missing)
    return shape


def evidence_json(found: EvidenceFound) -> Json:
    """What is known before anything is written: passage [1] first."""
    passages = [passage_json(passage) for passage in found.evidence.passages]
    return {"passages": passages, "ms": round(found.elapsed_ms, 1)}


def packs_json(packs: Iterable[InstalledPack], problems: Iterable[Problem]) -> Json:
    """The packs in use, and those that cannot be used with what to do about it."""
    return {
        "packs": [
            {
                "name": pack.name,
                "version": pack.version,
                "title": pack.title,
                "digest": pack.digest,
                "size": pack.size,
                "signed": pack.signed,
                "previous": pack.previous,
                "place": pack.place,
            }
            for pack in packs
        ],
        "problems": [
            {"name": problem.name, "detail": problem.error.message, "hint": problem.error.hint}
            for problem in problems
        ],
    }


def encode(value: Json) -> bytes:
    """JSON in UTF-8, on one line. What UTF-8 cannot hold (half a surrogate pair) becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
