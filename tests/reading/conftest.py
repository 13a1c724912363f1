"""Readings made by hand: what decides is tested apart from the network that judges."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge.reading.asked import analyse
from edge.reading.candidates import list_candidates
from edge.reading.reader import Reading
from edge.retrieval.query import Query
from edge.text.words import Stems
from edge.types import ChunkKind, Passage

MakeReading = Callable[..., Reading]


def make_passage(text: str, heading: str = "Pump > Torque", kind: ChunkKind = "text") -> Passage:
    return Passage("pumps", "1.0", "manual.md", "Manual", 1, 1, None, heading, text, 1.0, kind)


@pytest.fixture
def make_reading() -> MakeReading:
    """``make_reading(question, likeliest, *passages)``: what begins with ``likeliest`` has most of the chance."""

    def make(question: str, likeliest: str, *passages: Passage, unanswered: float = 0.0) -> Reading:
        query = Query(dict.fromkeys(Stems().split_content(question), 1.0))
        candidates = list_candidates(passages)
        chances = [
            0.8 if c.text.startswith(likeliest) or (likeliest == c.kind == "procedure") else 0.01
            for c in candidates
        ]
        return Reading(analyse(question, query), candidates, chances, unanswered)

    return make
