"""A hybrid query over 100,000 chunks: time, where it goes, and what the vector arm misses."""

from __future__ import annotations

import random
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing

import numpy as np

from edge.engine.interface import Embedder, Vectors
from edge.evaluation import load_questions
from edge.packs.pack import Pack
from edge.packs.vectors import quantise
from edge.retrieval import keyword, retriever, vector, vocabulary
from edge.retrieval.retriever import Retriever
from edge.retrieval.scope import Scope
from edge.text.words import find_content_words
from edge.types import Question
from tests.bench.figures import Figure, compute_mean, compute_percentile
from tests.bench.large import Large, make_large_pack
from tests.bench.manuals import fetch_available
from tests.bench.packs import STARTER, build_pack, make_query_embedder, open_starter
from tests.bench.program import main, say
from tests.bench.stopwatch import Stopwatch

CHUNKS = 100_000
QUESTIONS = 200
WARM_UP = 20
PASSAGES = 5
TOP = 10


def run(options: Namespace) -> Iterator[Figure]:
    """Time and recall at 100,000 chunks; the peer scans all vectors, then lets FTS5 order by rank."""
    with ExitStack() as stack:
        packs = [stack.enter_context(open_starter())]
        sets = [STARTER.with_name("starter.questions.jsonl")]
        for manual, data in fetch_available(options.full):
            packs.append(stack.enter_context(build_pack(manual.name, {manual.document: data})))
            sets.append(manual.questions)
        large = make_large_pack(packs, CHUNKS)
        pack = stack.enter_context(Pack.open(large.path))
        embedder = stack.enter_context(closing(make_query_embedder()))
        asked = [labelled.question for path in sets for labelled in load_questions(path)]
        questions = random.Random(0).sample(asked, min(QUESTIONS, len(asked)))
        say(f"{pack.chunk_count:,} chunks, {pack.size / 1e6:.0f} MB, {len(questions)} questions")
        yield from _measure_times(pack, embedder, questions)
        yield from _measure_recall(pack, large, embedder.embed([question.text for question in questions]))


def _measure_times(pack: Pack, embedder: Embedder, questions: Sequence[Question]) -> Iterator[Figure]:
    with closing(Retriever(lambda: [pack], embedder)) as ours:
        timed = _time_questions(lambda question: ours.search(question, PASSAGES), questions)
        peer = _time_questions(lambda question: _ask_peer(pack, embedder, question.text), questions)
        yield Figure(
            "hybrid query p50", compute_percentile(timed, 50), "ms", "", compute_percentile(peer, 50)
        )
        yield Figure(
            "hybrid query p95", compute_percentile(timed, 95), "ms", "<= 40", compute_percentile(peer, 95)
        )
        watch = Stopwatch(
            spelling=(Retriever, "_slips"),
            keyword=(keyword, "candidates"),
            embedding=(embedder, "embed"),
            frequencies=(vocabulary, "frequencies"),
            vector=(vector, "search"),
            neighbours=(retriever, "readable"),
            closeness=(vector, "closeness"),
            related=(vocabulary, "related"),
            tokens=(keyword, "tokens"),
            ranking=(retriever, "ranked"),
            completion=(retriever, "completed"),
        )
        with watch.watch():
            for question in questions:
                ours.search(question, PASSAGES)
                watch.lap()
    for part, laps in watch.laps.items():
        yield Figure(f"  {part} mean", compute_mean(laps), "ms")
        yield Figure(f"  {part} p95", compute_percentile(laps, 95), "ms")


def _time_questions(ask: Callable[[Question], object], questions: Sequence[Question]) -> list[float]:
    """Return milliseconds of every question, after a few that only warm up."""
    for question in questions[:WARM_UP]:
        ask(question)
    times = []
    for question in questions:
        start = time.perf_counter()
        ask(question)
        times.append((time.perf_counter() - start) * 1000)
    return times


def _ask_peer(pack: Pack, embedder: Embedder, text: str) -> None:
    """Do what sqlite-vec and FTS5 do by themselves, one after the other."""
    asked = embedder.embed([text])[0]
    nearest = f"SELECT rowid FROM vector WHERE embedding MATCH vec_int8(?) AND k = {vector.CANDIDATES}"
    pack.query(nearest, (quantise(asked).tobytes(),))
    any_word = " OR ".join(f'"{word}"' for word in find_content_words(text))
    best = f"SELECT rowid FROM keyword WHERE keyword MATCH ? ORDER BY rank LIMIT {keyword.CANDIDATES}"
    pack.query(best, (any_word,))


def _measure_recall(pack: Pack, large: Large, asked: Vectors) -> Iterator[Figure]:
    """Measure the share of the ten chunks nearest by exact float search that the vector arm has among its first ten."""
    shares = []
    for one in asked:
        cosines = vector.search(Scope(pack), one)
        found = sorted(cosines, key=lambda chunk: -cosines[chunk])[:TOP]
        exact = np.argsort(-(large.vectors @ one))[:TOP] + 1
        shares.append(len({int(chunk) for chunk in exact}.intersection(found)) / TOP)
    yield Figure("vector arm recall@10", compute_mean(shares), "", ">= 0.97")
    yield Figure("share of cells read", vector.FURTHER[0], "")


if __name__ == "__main__":
    main(run)
