"""Settings in, a working assistant out: the only place where the parts meet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing

from edge.assistant import Assistant, Limits
from edge.config import Settings
from edge.conversations import Conversations
from edge.embedded.checked import checked
from edge.engine.embedder import LlamaEmbedder, embedder_file
from edge.engine.interface import Embedder, Engine, PrefillEngine
from edge.engine.machine.resources import physical_cores
from edge.engine.reranker import LlamaReranker, reranker_file
from edge.errors import EdgeError
from edge.models.integrity import Guard, read_record
from edge.models.store import ModelStore
from edge.packs.library import Library
from edge.packs.pack import Pack
from edge.packs.store import PackStore
from edge.plugins import AUTO, maker
from edge.popular import PopularPassages
from edge.retrieval.rerank import Reranking
from edge.retrieval.retriever import Retriever
from edge.types import Question

FOUND = 5
"""Passages that a search for a pack's self-test returns."""
LOAD_S = 2.0
"""How long a command that asks one question waits for the reranker to be loaded. A server never does."""
CHECK_S = 2.0
"""How long a question to a server waits for the first check of a model that came along. A command waits to its end."""
QUERIES = 4
"""Questions embedded, or passages ranked, at a time, as far as there are cores: more would only take turns."""


class Edge:
    """Everything that answering needs, made when first used and closed together.

    Args:
        settings: see ``edge.config``.
        remember: keep conversations in the state database (the server does), not only while this lives.
    """

    def __init__(self, settings: Settings, remember: bool = False) -> None:
        self.settings = settings
        self.packs = PackStore(settings)
        self.models = ModelStore(settings)
        self.embedder = make_embedder(settings, min(physical_cores(), QUERIES))
        self.library = Library(self.packs)
        self.reranker = make_reranker(settings, 0.0 if remember else LOAD_S)
        reranking = Reranking(self.reranker, settings.rerank_ms / 1000) if self.reranker else None
        self.retriever = Retriever(self.library.packs, self.embedder, reranking)
        self.conversations = Conversations(settings.state_file if remember else None)
        self.popular = PopularPassages(settings.state_file) if remember else None
        self.assistant = Assistant(
            self.retriever,
            self.engine,
            self.conversations,
            Limits(
                question_bytes=settings.max_question_bytes,
                answer_tokens=settings.max_answer_tokens,
                passages=settings.passages,
            ),
            settings.engine,
            self.popular,
        )
        self._lock = threading.Lock()
        self._engines: dict[str, Engine] = {}

    def engine(self, name: str) -> Engine:
        """The engine of a name, made once; ``auto`` is the active model when there is one, else extractive.

        Raises:
            UsageError: no engine has this name.
            NotFoundError: it needs a model and none is installed.
        """
        if name == AUTO:
            name = "llama" if self.models.active() else "extractive"
        with self._lock:
            if name not in self._engines:
                self._engines[name] = maker(name)(self.settings)
                self._hurry(self._engines[name])
            return self._engines[name]

    def _hurry(self, engine: Engine) -> None:
        """A server quotes while a model is checked for the first time; a command of one question waits for it."""
        from edge.engine.llama import LlamaEngine

        if self.popular is not None and isinstance(engine, LlamaEngine):
            engine.wait_for_check(CHECK_S)

    def prefiller(self) -> PrefillEngine | None:
        """The engine that answers when none is named, if it can compute prompts ahead."""
        try:
            engine = self.engine(self.settings.engine)
        except EdgeError:
            return None
        return engine if isinstance(engine, PrefillEngine) else None

    def engines(self) -> list[Engine]:
        """Those made so far. Does not wait for one that is being made."""
        return list(self._engines.values())

    def warm_up(self) -> None:
        """Start embedder and reranker now, so that the first question does not wait for them."""
        if self.embedder is not None:
            self.embedder.start()
        if self.reranker is not None:
            self.reranker.start()

    def close(self) -> None:
        """End worker processes and close files."""
        self.retriever.close()
        for engine in self._engines.values():
            engine.close()
        if self.embedder is not None:
            self.embedder.close()
        if self.reranker is not None:
            self.reranker.close()
        self.conversations.close()
        if self.popular is not None:
            self.popular.close()
        self.library.close()

    def __enter__(self) -> Edge:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def make_embedder(settings: Settings, threads: int = 1) -> LlamaEmbedder | None:
    """The embedder of the settings; None when there is none, and search is by keyword alone."""
    path = embedder_file(settings)
    return LlamaEmbedder(path, threads) if path else None


def make_reranker(settings: Settings, load_s: float = 0.0) -> LlamaReranker | None:
    """The reranker of the settings; None when there is none, and passages stay in the order they were found in."""
    path = reranker_file(settings)
    if path is None:
        return None
    known = checked(settings.home)
    guard = Guard((path,), checked=known) if read_record(path, known) else None
    return LlamaReranker(path, min(physical_cores(), QUERIES), guard, load_s)


def make_find(embedder: Embedder | None) -> Callable[[Pack, str], list[int]]:
    """The real search of one pack, as chunk ids best first: what a new pack is tested with."""

    def search(pack: Pack, text: str) -> list[int]:
        with closing(Retriever(lambda: [pack], embedder)) as retriever:
            evidence = retriever.search(Question(text), FOUND).evidence
        return [chunk for passage in evidence.passages for chunk in passage.chunks]

    return search


def build(settings: Settings, remember: bool = False) -> Edge:
    """Wire everything together."""
    return Edge(settings, remember)
