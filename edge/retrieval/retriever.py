"""Retrieval as one call: a question in, evidence out. The steps are this package's other modules.

Chunks are found, passages are ranked: each arm proposes chunks pack by pack, these grow into readable passages, and
the passages of all packs are scored together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from edge.engine.interface import Embedder, Vectors
from edge.errors import EngineError, NothingInstalledError
from edge.packs.pack import Pack
from edge.retrieval import keyword, vector, vocabulary
from edge.retrieval.confidence import confidence
from edge.retrieval.fusion import fuse
from edge.retrieval.keyword import Terms
from edge.retrieval.passages import completed, readable
from edge.retrieval.ranking import Candidate, Query, ranked
from edge.retrieval.rewrite import standalone
from edge.retrieval.scope import Scope, scopes
from edge.retrieval.spelling import corrections
from edge.text import bm25
from edge.text.identifiers import asked_identifiers
from edge.text.words import Stems, content_words, title_words
from edge.types import Evidence, Passage, Question

PROPOSED = 40
"""Passages that are scored, shared among the packs."""
SENTENCE_SHARE = 0.7
"""Weight of the closest sentence against the whole chunk: +4 points of MRR on manuals against the chunk alone."""
PROPOSED_AT_LEAST = 12
"""Passages of each pack, however many packs there are."""


class Retriever:
    """Searches packs with both arms. Safe to use from several threads.

    Args:
        packs: the packs installed now; asked anew for every question.
        embedder: None searches by keyword alone.
    """

    def __init__(self, packs: Callable[[], Sequence[Pack]], embedder: Embedder | None) -> None:
        self._packs = packs
        self._embedder = embedder
        self._threads = ThreadPoolExecutor(thread_name_prefix="embed")

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
        return self.search_scopes(where, standalone(question.text, question.history), limit)

    def search_scopes(self, where: Sequence[Scope], text: str, limit: int) -> Evidence:
        """The best passages for a text within these scopes."""
        stems = Stems()
        slips = self._slips(where, text, stems)
        by_meaning = self._threads.submit(self._by_meaning, where, _mended(text, slips))
        words = [slips.get(word, word) for word in content_words(text)]
        terms = Terms(tuple(words), tuple(asked_identifiers(text)))
        query, by_words = _by_words(where, terms, stems)
        asked, by_vector = by_meaning.result()
        proposed = max(PROPOSED // max(len(where), 1), PROPOSED_AT_LEAST)
        candidates = [
            candidate
            for scope, lexical, dense in zip(where, by_words, by_vector, strict=True)
            for candidate in _propose(scope.pack, lexical, dense, asked, proposed, stems)
        ]
        best = ranked(candidates, query)
        packs = {scope.pack.manifest.name: scope.pack for scope in where}
        passages = tuple(completed(packs[r.passage.pack], r.passage) for r in best[:limit])
        return Evidence(text, passages, confidence(text, query, best), slips)

    def close(self) -> None:
        """Stop the threads; the embedder belongs to whoever made it."""
        self._threads.shutdown()

    def _by_meaning(self, where: Sequence[Scope], text: str) -> tuple[Vectors | None, list[dict[int, float]]]:
        """The question's vector, and the nearest chunks of each scope: none where vectors cannot be compared."""
        asked = self._embed(text)
        return asked, [
            vector.search(scope, asked) if asked is not None and self._comparable(scope.pack) else {}
            for scope in where
        ]

    def _comparable(self, pack: Pack) -> bool:
        """Whether the pack's vectors were made by our embedder."""
        return self._embedder is not None and pack.embedder == self._embedder.fingerprint

    def _embed(self, text: str) -> Vectors | None:
        """The question's vector; None when there is no embedder or it fails: keyword search goes on alone."""
        if self._embedder is None:
            return None
        try:
            vectors = self._embedder.embed([text])
        except EngineError:
            return None
        asked: Vectors = vectors[0]
        return asked

    def _slips(self, where: Sequence[Scope], text: str, stems: Stems) -> dict[str, str]:
        """Corrections for words that no pack in question has."""
        packs = [scope.pack for scope in where]
        stem_of = {word: stem for word in content_words(text) for stem in stems.of(word)[:1]}
        counts = vocabulary.frequencies(packs, stem_of.values())
        unknown = [word for word, stem in stem_of.items() if not counts[stem]]
        if not unknown:
            return {}
        known: Counter[str] = Counter()
        for pack in packs:
            known.update(vocabulary.words(pack))
        return corrections(unknown, known, self._is_english)

    def _is_english(self, words: Sequence[str]) -> list[bool]:
        """A word that the embedder's vocabulary of 30,000 holds whole is a word, not a slip."""
        if self._embedder is None:
            return [False] * len(words)
        try:
            return [count == 1 for count in self._embedder.count_tokens(words)]
        except EngineError:
            return [False] * len(words)


def _titles(passage: Passage) -> str:
    """The title as the keyword index holds it."""
    return title_words(passage.title, passage.document)


def _similarity(passage: Passage, dense: Mapping[int, float], sentences: Mapping[int, float]) -> float:
    """How close a passage comes to the question, as a whole and in its closest sentence.

    A chunk that the vector arm did not find is no closer than the last one that it did.
    """
    floor = min(dense.values())
    whole = max(dense.get(chunk, floor) for chunk in passage.chunks)
    closest = max((sentences[chunk] for chunk in passage.chunks if chunk in sentences), default=floor)
    return SENTENCE_SHARE * closest + (1 - SENTENCE_SHARE) * whole


def _by_words(where: Sequence[Scope], terms: Terms, stems: Stems) -> tuple[Query, list[dict[int, float]]]:
    """The tokens asked for, each with its weight over all packs searched, and the candidates of each scope."""
    bare = {token: token.lstrip(keyword.CODE_MARK) for token in terms.tokens(stems)}
    counts = [vocabulary.frequencies([scope.pack], bare.values()) for scope in where]
    found = [
        keyword.candidates(scope, keyword.affordable(terms, stems, held))
        for scope, held in zip(where, counts, strict=True)
    ]
    total = sum(scope.pack.chunk_count for scope in where)
    held = {word: sum(each[word] for each in counts) for word in bare.values()}
    weights = {token: bm25.inverse_frequency(held[word], total) for token, word in bare.items()}
    return Query(weights, frozenset(token for token, word in bare.items() if not held[word])), found


def _propose(
    pack: Pack,
    lexical: Mapping[int, float],
    dense: Mapping[int, float],
    asked: Vectors | None,
    limit: int,
    stems: Stems,
) -> list[Candidate]:
    """The passages around the best chunks of one pack."""
    passages = readable(pack, fuse(lexical, dense), limit)
    chunks = [chunk for passage in passages for chunk in passage.chunks]
    sentences = vector.closest_sentences(pack, chunks, asked) if asked is not None and dense else {}
    return [
        Candidate(
            passage,
            tuple(keyword.tokens(stems, _titles(passage), passage.heading, passage.text)),
            _similarity(passage, dense, sentences) if dense else None,
        )
        for passage in passages
    ]


def _mended(text: str, slips: Mapping[str, str]) -> str:
    """The text with its slips corrected, for the embedder."""
    return re.sub(r"\w+", lambda match: slips.get(match[0].lower(), match[0]), text)
