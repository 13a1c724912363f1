"""Questions and packs in; the features of every unit that could answer, with its label, out."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.app import make_embedder
from edge.config import load_settings
from edge.packs.pack import Pack
from edge.reading.asked import Asked, analyse
from edge.reading.candidates import PASSAGES, Candidate, list_candidates
from edge.reading.features import Features, read_features
from edge.retrieval.retriever import Retriever
from edge.types import Evidence, Message, Question


@dataclass(frozen=True, slots=True)
class Search:
    """The question taken apart, and what was found for it."""

    asked: Asked
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Example:
    """One question as the reader sees it.

    Attributes:
        row: the line of its set.
        labels: whether each candidate answers, shape ``(n,)``.
        answerable: whether any unit of the pack does, found or not.
    """

    row: dict[str, Any]
    candidates: Sequence[Candidate]
    features: Features
    labels: np.ndarray[Any, np.dtype[np.bool_]]
    answerable: bool
    search: Search


def collect(packs: Sequence[Path], questions: Path, pack: str = "") -> list[Example]:
    """Search and read every question of a set, or those of a ``pack``, in these packs."""
    rows = [json.loads(line) for line in questions.read_text(encoding="utf-8").splitlines() if line.strip()]
    rows = [row for row in rows if row.get("pack", "") == pack]
    opened = [Pack.open(path) for path in packs]
    embedder = make_embedder(load_settings())
    found = []
    with closing(Retriever(lambda: opened, embedder)) as retriever:
        for row in rows:
            history = tuple(Message(m["role"], m["content"]) for m in row.get("history", []))
            found_now = retriever.search(Question(row["question"], history=history), PASSAGES)
            candidates = list_candidates(found_now.evidence.passages)
            asked = analyse(found_now.evidence.query, found_now.query)
            features = read_features(asked, candidates)
            labels = np.array([is_right(row, candidate) for candidate in candidates], dtype=bool)
            search = Search(asked, found_now.evidence)
            found.append(Example(row, candidates, features, labels, is_answerable(row), search))
    if embedder:
        embedder.close()
    for each in opened:
        each.close()
    return found


def is_answerable(row: dict[str, Any]) -> bool:
    """Tell whether a unit of the pack answers, if only with a restriction."""
    return bool(row.get("answerable", row.get("gold"))) and bool(
        row.get("unit") or row.get("contains") or row.get("gold")
    )


def is_right(row: dict[str, Any], candidate: Candidate) -> bool:
    """Tell whether a candidate is a unit that the set names."""
    if not _is_at(row, candidate):
        return False
    text = flatten(candidate.text)
    if units := row.get("unit"):
        return any(
            wanted in text or (len(text) > 20 and text in wanted) for wanted in map(flatten, units) if wanted
        )
    return any(flatten(wanted) in text for wanted in row.get("contains", []) if flatten(wanted))


def _is_at(row: dict[str, Any], candidate: Candidate) -> bool:
    passage = candidate.passage
    headings = passage.heading.split(" > ")
    for place in row.get("gold", []):
        if place["document"].rsplit("/", 1)[-1] != passage.document.rsplit("/", 1)[-1]:
            continue
        heading, pages = place.get("heading"), place.get("pages")
        if heading is not None and any(flatten(heading) == flatten(h) for h in [*headings, passage.title]):
            return True
        if pages and any(passage.page_from <= page <= passage.page_to for page in pages):
            return True
    return False


def flatten(text: str) -> str:
    """Return a text without marks of tables, lists and emphasis, in lower case."""
    text = re.sub(r"^\s*>\s?", "", text)
    text = re.sub(r"[*`_|–]+|^\s*(?:[-•]|\d{1,2}[.)])\s+", " ", text, flags=re.MULTILINE)
    return " ".join(text.split()).lower()
