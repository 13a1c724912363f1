"""Retrieval as one call: a question in, evidence out. The steps are this package's other modules."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from edge.engine.interface import Embedder
from edge.errors import EngineError, NothingInstalledError
from edge.packs.pack import Chunk, Pack
from edge.retrieval import keyword, vector, vocabulary
from edge.retrieval.confidence import confidence
from edge.retrieval.fusion import fuse
from edge.retrieval.keyword import Terms
from edge.retrieval.passages import readable
from edge.retrieval.rewrite import standalone
from edge.retrieval.scope import Scope, scopes
from edge.retrieval.spelling import corrections
from edge.text import bm25
from edge.text.identifiers import asked_identifiers
from edge.text.words import Stems, content_words
from edge.types import Evidence, Question

Key = tuple[Pack, int]
"""A chunk: the pack it stands in and its id there."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Chunks best first with their fused score, and what each arm gave them."""

    fused: Mapping[Key, float]
    keyword: Mapping[Key, float]
    dense: Mapping[Key, float]
    weights: Mapping[str, float]


class Retriever:
    """Searches packs with both arms. Safe to use from several threads.

    Args:
        packs: the packs installed now; asked anew for every question.
        embedder: None searches by keyword alone.
    """

    def __init__(self, packs: Callable[[], Sequence[Pack]], embedder: Embedder | None) -> None:
        self._packs = packs
        self._embedder = embedder
        self._arms = ThreadPoolExecutor(thread_name_prefix="vector-arm")

    def search(self, question: Question, limit: int) -> Evidence:
        """The best ``limit`` passages for a question.

        Raises:
            NothingInstalledError: there is no pack at all.
            NotFoundError: the question names a pack or equipment that is not there.
        """
        packs = self._packs()
        if not packs:
            raise NothingInstalledError("No knowledge pack is installed.", "edge pack install FILE.kpack")
        where = scopes(packs, question.packs, question.equipment)
        text = standalone(question.text, question.history)
        stems = Stems()
        slips = self._slips(where, text, stems)
        ranking = self.rank(where, text, slips, stems)
        chunks = {(pack, chunk.id): chunk for pack, chunk in _fetch(list(ranking.fused)[:FETCHED])}
        ranked = [(key[0], chunks[key], ranking.fused[key]) for key in ranking.fused if key in chunks]
        passages = readable(ranked, limit)
        return Evidence(text, passages, confidence(ranking, passages), slips)

    def rank(self, where: Sequence[Scope], text: str, slips: Mapping[str, str], stems: Stems) -> Ranking:
        """All chunks that either arm finds in these scopes, best first."""
        meaning = self._arms.submit(self._dense, where, _replaced(text, slips))
        words = (*content_words(text), *slips.values())
        terms = Terms(words, tuple(asked_identifiers(text)))
        lexical, weights = _lexical(where, terms, stems)
        dense = meaning.result()
        return Ranking(fuse(lexical, dense), lexical, dense, weights)

    def close(self) -> None:
        """Stop the threads; the embedder belongs to whoever made it."""
        self._arms.shutdown()

    def _dense(self, where: Sequence[Scope], text: str) -> dict[Key, float]:
        """Cosines of the vector arm; nothing when there is no embedder, or it fails: keyword search goes on alone."""
        usable = [s for s in where if self._embedder and s.pack.embedder == self._embedder.fingerprint]
        if not usable or self._embedder is None:
            return {}
        try:
            (vector_of_question,) = self._embedder.embed([text])
        except EngineError:
            return {}
        return {
            (scope.pack, chunk): cosine
            for scope in usable
            for chunk, cosine in vector.search(scope, vector_of_question).items()
        }

    def _slips(self, where: Sequence[Scope], text: str, stems: Stems) -> dict[str, str]:
        """Corrections for words that no pack in question has."""
        packs = [scope.pack for scope in where]
        stem_of = {word: stem for word in content_words(text) for stem in stems.of(word)[:1]}
        counts = vocabulary.frequencies(packs, stem_of.values())
        unknown = [word for word, stem in stem_of.items() if not counts[stem]]
        if not unknown:
            return {}
        known = {word: n for pack in packs for word, n in vocabulary.words(pack).items()}
        return corrections(unknown, known, self._is_english)

    def _is_english(self, words: Sequence[str]) -> list[bool]:
        """A word that the embedder's vocabulary of 30,000 holds whole is a word, not a slip."""
        if self._embedder is None:
            return [False] * len(words)
        try:
            return [count == 1 for count in self._embedder.count_tokens(words)]
        except EngineError:
            return [False] * len(words)


FETCHED = 60
"""Chunks read for a handful of passages: several may merge into one."""


def _lexical(where: Sequence[Scope], terms: Terms, stems: Stems) -> tuple[dict[Key, float], dict[str, float]]:
    """BM25 of the keyword arm's candidates, and the weight of each token asked for."""
    found = [(scope.pack, chunk) for scope in where for chunk in keyword.candidates(scope, terms)]
    query = terms.tokens(stems)
    packs = [scope.pack for scope in where]
    total = sum(pack.chunk_count for pack in packs)
    counts = vocabulary.frequencies(packs, [token.lstrip(keyword.CODE_MARK) for token in query])
    weights = {
        token: bm25.inverse_frequency(counts[token.lstrip(keyword.CODE_MARK)], total) for token in query
    }
    titles = {(pack, document.id): document.title for pack in packs for document in pack.documents()}
    corpus = [
        keyword.chunk_tokens(stems, titles[pack, chunk.document], chunk.heading, chunk.text)
        for pack, chunk in _fetch(found)
    ]
    scores = bm25.score(corpus, query, weights)
    return dict(zip(found, scores, strict=True)), weights


def _fetch(keys: Sequence[Key]) -> list[tuple[Pack, Chunk]]:
    """The chunks of these keys, in order."""
    by_pack: dict[Pack, list[int]] = {}
    for pack, chunk in keys:
        by_pack.setdefault(pack, []).append(chunk)
    chunks = {(pack, chunk.id): chunk for pack, ids in by_pack.items() for chunk in pack.chunks(ids)}
    return [(key[0], chunks[key]) for key in keys]


def _replaced(text: str, slips: Mapping[str, str]) -> str:
    """The text with its slips mended, for the embedder."""
    return re.sub(r"\w+", lambda match: slips.get(match[0].lower(), match[0]), text)
