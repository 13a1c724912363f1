"""Exchanges and passages as text, for the state database. What cannot be read back is None: then it is not reused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from edge.prompt.conversation import Exchange
from edge.types import Box, Passage


def dump_passages(passages: Sequence[Passage]) -> str:
    """Return everything of passages but their closeness to a question."""
    return _require_text([_load_passage(passage) for passage in passages])


def load_passages(text: str) -> tuple[Passage, ...] | None:
    """Return the passages that `dump_passages` wrote."""
    try:
        return tuple(map(_make_passage, json.loads(text)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def dump_exchange(exchange: Exchange) -> str:
    """Return an exchange with its passages."""
    return _require_text(
        {**asdict(replace(exchange, passages=())), "passages": list(map(_load_passage, exchange.passages))}
    )


def load_exchange(text: str) -> Exchange | None:
    """Return the exchange that `dump_exchange` wrote."""
    try:
        values: dict[str, Any] = json.loads(text)
        exchange = Exchange(**{**values, "passages": tuple(map(_make_passage, values["passages"]))})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    texts = (exchange.user, exchange.assistant, exchange.scope)
    right = all(isinstance(one, str) for one in texts) and type(exchange.first) is int
    return exchange if right and isinstance(exchange.before, int | None) else None


def _require_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _load_passage(passage: Passage) -> dict[str, Any]:
    values = asdict(replace(passage, closeness={}))
    del values["closeness"]
    return values


def _make_passage(values: dict[str, Any]) -> Passage:
    boxes = tuple(Box(**box) for box in values["boxes"])
    passage = Passage(**{**values, "boxes": boxes, "chunks": tuple(values["chunks"])})
    texts = (passage.pack, passage.version, passage.document, passage.heading, passage.text)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("not text")
    return passage
