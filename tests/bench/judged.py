"""Retrieval quality on judged collections, through the real product: builder, pack, retriever."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import log2

from edge.engine.interface import Embedder
from edge.retrieval.retriever import Retriever
from edge.types import Question
from tests.bench.collections import COLLECTIONS, FOLDER, Collection
from tests.bench.figures import Figure, compute_mean
from tests.bench.packs import build_pack, make_query_embedder
from tests.bench.peer import PlainBm25
from tests.bench.program import main, say

TARGETS = {"cranfield": ">= 0.57", "cacm": ">= 0.53", "squad": ">= 0.915"}
DEPTH = 10
PASSAGES = 50
"""Passages asked for: several may come from one document."""


def run(options: Namespace) -> Iterator[Figure]:
    """nDCG@10 and hit@1 of each collection; the peer ranks whole documents."""
    if not FOLDER.is_dir():
        say(f"skipped: there are no judged collections in {FOLDER}; EDGE_EVAL names another folder")
        return
    with closing(make_query_embedder()) as embedder:
        for name, load in COLLECTIONS.items():
            yield from _measure(name, load(), embedder)


@dataclass(frozen=True)
class Score:
    """How well the documents of one question were ranked."""

    ndcg: float
    hit: bool


def score(found: Sequence[str], gains: Mapping[str, int]) -> Score:
    """Score a ranking; documents that were not judged gain nothing."""
    gained = _discount([gains.get(document, 0) for document in found[:DEPTH]])
    best = _discount(sorted(gains.values(), reverse=True)[:DEPTH])
    return Score(gained / best, bool(found) and gains.get(found[0], 0) > 0)


def _discount(gains: Sequence[int]) -> float:
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, 1))


def _measure(name: str, collection: Collection, embedder: Embedder) -> Iterator[Figure]:
    say(f"{name}: {len(collection.documents):,} documents, {len(collection.judgements):,} judged questions")
    plain = PlainBm25({key: " ".join(parts) for key, parts in collection.documents.items()})
    ours, peers = [], []
    with (
        build_pack(name, _make_files(collection)) as pack,
        closing(Retriever(lambda: [pack], embedder)) as retriever,
    ):
        for query, gains in collection.judgements.items():
            question = collection.queries[query]
            passages = retriever.search(Question(question), PASSAGES).evidence.passages
            found = list(dict.fromkeys(passage.document.removesuffix(".md") for passage in passages))
            ours.append(score(found, gains))
            peers.append(score(plain.rank(question, DEPTH), gains))
    yield Figure(
        f"{name} nDCG@10",
        compute_mean(s.ndcg for s in ours),
        "",
        TARGETS[name],
        compute_mean(s.ndcg for s in peers),
    )
    yield Figure(
        f"{name} hit@1", compute_mean(s.hit for s in ours), "", "", compute_mean(s.hit for s in peers)
    )


def _make_files(collection: Collection) -> dict[str, bytes]:
    """Return each document as Markdown: its title as heading, or as its only text."""
    return {
        f"{key}.md": (f"# {title}\n\n{text}\n" if title and text else f"{title}{text}\n").encode()
        for key, (title, text) in collection.documents.items()
        if title or text
    }


if __name__ == "__main__":
    main(run)
