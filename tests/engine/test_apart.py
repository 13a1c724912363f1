"""Questions are embedded and passages ranked in processes of their own: a long prompt of the language model may share
the processor with them, but they never wait for it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from edge.engine.embedder import LlamaEmbedder
from edge.engine.llama import LlamaEngine
from edge.engine.reranker import LlamaReranker
from tests.engine import rank_model
from tests.engine.chain_model import write_chain_model
from tests.engine.conftest import make_prompt
from tests.engine.rank_model import write_rank_model
from tests.engine.workers import make_writer

CONTEXT = 2**14
QUERIES = ("How tight are the bolts?", "What does E-207 mean?", "Where is the vent screw?")
WORDS = ("vent", "screw", "bolts")


@pytest.fixture(scope="module")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reads 16,384 tokens, which takes it seconds, since each looks at all before it."""
    path = tmp_path_factory.mktemp("models") / "slow.gguf"
    return write_chain_model(path, "123456789", endless=True, context=CONTEXT)


@pytest.fixture(scope="module")
def reranker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaReranker]:
    path = tmp_path_factory.mktemp("models") / "rank.gguf"
    with closing(LlamaReranker(write_rank_model(path, WORDS, rank_model.draw_weights(WORDS)))) as reranker:
        yield reranker


@contextmanager
def reading(model: Path) -> Iterator[tuple[LlamaEngine, Future[str]]]:
    """Give an engine that is at a long prompt, and the first piece of its answer."""
    give_up = threading.Event()
    with closing(LlamaEngine(make_writer(model, CONTEXT))) as engine, ThreadPoolExecutor(1) as threads:
        "".join(engine.stream(make_prompt("Ready?", max_tokens=1)))
        pieces = engine.stream(make_prompt("o" * (CONTEXT * 11 // 16), max_tokens=4), give_up.is_set)
        first: Future[str] = threads.submit(next, pieces, "")
        try:
            yield engine, first
        finally:
            give_up.set()


def test_neither_waits_for_a_long_prompt(
    slow_model: Path, embedder: LlamaEmbedder, reranker: LlamaReranker
) -> None:
    vectors, scores = embedder.embed(QUERIES), reranker.score(QUERIES[0], QUERIES)
    with reading(slow_model) as (_, first):
        for _ in range(3):
            assert np.array_equal(embedder.embed(QUERIES), vectors)
            assert reranker.score(QUERIES[0], QUERIES) == scores
        assert not first.done(), "the prompt was too short to prove anything"


def test_neither_waits_for_a_language_model_that_hangs(
    slow_model: Path, embedder: LlamaEmbedder, reranker: LlamaReranker
) -> None:
    vectors, scores = embedder.embed(QUERIES), reranker.score(QUERIES[0], QUERIES)
    with reading(slow_model) as (engine, first):
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGSTOP)
        try:
            assert np.array_equal(embedder.embed(QUERIES), vectors)
            assert reranker.score(QUERIES[0], QUERIES) == scores
            assert not first.done()
        finally:
            os.kill(engine.pid, signal.SIGCONT)
