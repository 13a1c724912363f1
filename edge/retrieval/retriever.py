"""Retrieval as one call: a question in, evidence out. The steps are this package's other modules.

Chunks are found, passages are ranked: each arm proposes chunks pack by pack, these grow into readable passages, and
the passages of all packs are scored together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from threadpoolctl import threadpool_limits

from edge.engine.interface import Embedder, Vectors
from edge.errors import EdgeError, EngineError, NothingInstalledError, PackError
from edge.packs.pack import Pack
from edge.retrieval import keyword, vector, vocabulary
from edge.retrieval.fusion import fuse
from edge.retrieval.keyword import Terms
from edge.retrieval.passages import complete, make_passages
from edge.retrieval.query import Query, choose_expansions, find_missing_codes, strip_mark, weigh
from edge.retrieval.ranking import Candidate, Ranked, is_lookup, rank_passages
from edge.retrieval.rerank import Reranking
from edge.retrieval.rewrite import make_standalone
from edge.retrieval.scope import Scope, find_scopes
from edge.retrieval.spelling import find_corrections
from edge.retrieval.vocabulary import Related
from edge.text.identifiers import find_asked_identifiers
from edge.text.words import Stems, find_content_words, make_title_words, split_words
from edge.types import Evidence, Passage, Question

PROPOSED = 40
"""Passages that are scored, shared among the packs; twice as many as are asked for, if those are more."""
SENTENCE_SHARE = 0.7
"""Weight of the closest sentence against the whole chunk: +4 points of MRR on manuals against the chunk alone."""
PROPOSED_AT_LEAST = 12
"""Passages of each pack, however many packs there are."""
MAX_UNKNOWN = 16
"""Words without a match that are corrected, or embedded for relatives: each takes 10 to 20 ms. A question of 1,000
such words took 23 s."""
MIN_WORD = 3
"""Letters of a word that has relatives."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: the evidence to show, and what tells whether it answers.

    Attributes:
        query: the words and codes that were looked for, each with its weight.
        ranked: every passage that was scored, best first, as keywords and vectors ordered them.
    """

    evidence: Evidence
    query: Query
    ranked: Sequence[Ranked]


class Retriever:
    """Searches packs with both arms. Safe to use from several threads.

    Args:
        packs: the packs installed now; asked anew for every question.
        embedder: None searches by keyword alone.
        reranking: gives the best passages another order; None leaves it.
        set_aside_unsound: takes unsound packs out of ``packs``; False when there was none.
    """

    def __init__(
        self,
        packs: Callable[[], Sequence[Pack]],
        embedder: Embedder | None,
        reranking: Reranking | None = None,
        set_aside_unsound: Callable[[], bool] = lambda: False,
    ) -> None:
        self._packs = packs
        self._set_aside_unsound = set_aside_unsound
        self._embedder = embedder
        self._reranking = reranking
        # A question's matrices are small: BLAS threads spinning between them cost the other arm 10 ms.
        threadpool_limits(limits=1, user_api="blas")
        self._threads = ThreadPoolExecutor(thread_name_prefix="by-meaning")
        self._scans = ThreadPoolExecutor(thread_name_prefix="scan")

    def list_versions(self) -> dict[str, str]:
        """Return the version of each pack that answers now."""
        return {pack.manifest.name: pack.manifest.version for pack in self._packs()}

    def search(self, question: Question, limit: int) -> Found:
        """Return the best ``limit`` passages for a question.

        Raises:
            NothingInstalledError: there is no pack at all.
            NotFoundError: the question names a pack or equipment that is not there.
        """
        try:
            return self._search(question, limit)
        except Exception as error:  # a pack that lies can make any step fail, in any way
            refused = isinstance(error, EdgeError) and not isinstance(error, PackError)
            if refused or not self._set_aside_unsound():
                raise
            return self.search(question, limit)

    def _search(self, question: Question, limit: int) -> Found:
        packs = self._packs()
        if not packs:
            raise NothingInstalledError("No knowledge pack is installed.", "edge pack install FILE.kpack")
        where = find_scopes(packs, question.packs, question.equipment)
        return self.search_scopes(where, make_standalone(question.text, question.history), limit)

    def search_scopes(self, where: Sequence[Scope], text: str, limit: int) -> Found:
        """Return the best passages for a text within these scopes."""
        stems = Stems()
        slips = self._find_slips(where, text, stems)
        by_meaning = self._threads.submit(self._search_by_meaning, where, _mend(text, slips))
        words = [slips.get(word, word) for word in find_content_words(text)]
        terms = Terms(tuple(words), tuple(find_asked_identifiers(text)))
        said = [stem for word in split_words(_mend(text, slips)) for stem in stems.split(word)]
        related = self._find_related(where, words, said, stems)
        query, by_words = _search_by_words(where, terms, related, stems)
        asked, by_vector = by_meaning.result()
        proposed = max(max(PROPOSED, 2 * limit) // max(len(where), 1), PROPOSED_AT_LEAST)
        found = [
            _Found(
                scope.pack,
                make_passages(scope.pack, fuse(lexical, dense), proposed),
                asked if dense else None,
            )
            for scope, lexical, dense in zip(where, by_words, by_vector, strict=True)
        ]
        candidates = [
            Candidate(passage, _tokenise(stems, query.has_codes, passage), one.measure_similarity(passage))
            for one in found
            for passage in one.passages
        ]
        best = rank_passages(candidates, query)
        query = _check_codes(query, best, stems)
        order = best
        if self._reranking and not is_lookup(text, best):
            order = self._reranking.order(_mend(text, slips), best)
        of = {one.pack.manifest.name: one for one in found}
        passages = tuple(of[r.passage.pack].complete(r.passage) for r in order[:limit])
        evidence = Evidence(text, passages, slips, find_missing_codes(where, text, query))
        return Found(evidence, query, best)

    def close(self) -> None:
        """Stop the threads; embedder and reranker belong to whoever made them."""
        self._threads.shutdown()
        self._scans.shutdown()

    def _search_by_meaning(
        self, where: Sequence[Scope], text: str
    ) -> tuple[Vectors | None, list[dict[int, float]]]:
        """Return the question's vector, and the nearest chunks of each scope: none where vectors cannot be compared."""
        vectors = self._embed([text])
        asked: Vectors | None = vectors[0] if vectors is not None else None
        return asked, [
            vector.search(scope, asked, run=self._scans.map)
            if asked is not None and self._is_comparable(scope.pack)
            else {}
            for scope in where
        ]

    def _is_comparable(self, pack: Pack) -> bool:
        """Tell whether the pack's vectors were made by our embedder."""
        try:
            return self._embedder is not None and pack.embedder == self._embedder.fingerprint
        except EdgeError:  # its file is gone
            return False

    def _embed(self, texts: Sequence[str]) -> Vectors | None:
        """Return their vectors; None when there is no embedder or it fails: keyword search goes on alone."""
        if self._embedder is None:
            return None
        try:
            return self._embedder.embed(texts)
        except EngineError:
            return None

    def _find_related(
        self, where: Sequence[Scope], words: Sequence[str], said: Sequence[str], stems: Stems
    ) -> Related:
        """Return the stems of the packs that mean about the same as those of these words, or as phrases of all stems
        that were said.
        """
        packs = [scope.pack for scope in where if self._is_comparable(scope.pack)]
        word_of = {stem: word for word in words if _is_word(word) for stem in stems.split(word)[:1]}
        asked = vocabulary.read_vectors(packs, list(word_of))
        strange = [stem for stem in word_of if stem not in asked][:MAX_UNKNOWN]
        if packs and strange and (vectors := self._embed([word_of[stem] for stem in strange])) is not None:
            asked |= dict(zip(strange, vectors, strict=True))
        stated = vocabulary.find_synonyms([scope.pack for scope in where], said)
        return vocabulary.merge_related(stated, vocabulary.find_related(packs, asked))

    def _find_slips(self, where: Sequence[Scope], text: str, stems: Stems) -> dict[str, str]:
        """Corrections for words that no pack in question has."""
        packs = [scope.pack for scope in where]
        stem_of = {word: stem for word in find_content_words(text) for stem in stems.split(word)[:1]}
        counts = vocabulary.count_chunks(packs, stem_of.values())
        unknown = [word for word, stem in stem_of.items() if not counts[stem]][:MAX_UNKNOWN]
        if not unknown:
            return {}
        known: Counter[str] = Counter()
        for pack in packs:
            known.update(vocabulary.read_words(pack))
            known.update(dict.fromkeys(vocabulary.list_synonyms(pack), 0))
        return find_corrections(unknown, known, self._are_english)

    def _are_english(self, words: Sequence[str]) -> list[bool]:
        """Return which of these are words and not slips: the embedder's vocabulary of 30,000 holds those whole."""
        if self._embedder is None:
            return [False] * len(words)
        try:
            return [count == 1 for count in self._embedder.count_tokens(words)]
        except EngineError:
            return [False] * len(words)


def _tokenise(stems: Stems, with_codes: bool, passage: Passage) -> tuple[str, ...]:
    """Return a passage's tokens, its title as the keyword index holds it."""
    title = make_title_words(passage.title, passage.document)
    return tuple(keyword.make_tokens(stems, title, passage.heading, passage.text, with_codes))


def _is_word(word: str) -> bool:
    return len(word) >= MIN_WORD and word.isalpha()


class _Found:
    """The passages proposed from one pack, with how close their chunks come to the question."""

    def __init__(self, pack: Pack, passages: Sequence[Passage], asked: Vectors | None) -> None:
        self.pack = pack
        self.passages = passages
        chunks = [chunk for passage in passages for chunk in passage.chunks]
        self._closeness = vector.measure_closeness(pack, chunks, asked) if asked is not None else {}

    def measure_similarity(self, passage: Passage) -> float | None:
        """Measure how close it comes as a whole and in its closest sentence; None without vectors."""
        chunks = [self._closeness[chunk] for chunk in passage.chunks if chunk in self._closeness]
        if not chunks:
            return None
        whole = max(chunk.whole for chunk in chunks)
        closest = max((unit for chunk in chunks for unit in chunk.units), default=whole)
        return SENTENCE_SHARE * closest + (1 - SENTENCE_SHARE) * whole

    def complete(self, passage: Passage) -> Passage:
        """Return the passage with what its reader needs."""
        return complete(self.pack, passage, self._closeness)


def _search_by_words(
    where: Sequence[Scope], terms: Terms, related: Related, stems: Stems
) -> tuple[Query, list[dict[int, float]]]:
    """Return the tokens asked for, each with its weight over all packs searched, and the candidates of each scope."""
    tokens = terms.make_tokens(stems)
    asked = list(map(strip_mark, tokens))
    indexed = {code: stem for code in terms.codes for stem in stems.split(code)[:1]}
    nearest = choose_expansions(related, asked)
    terms = replace(terms, related=tuple(relative.word for relative in nearest))
    wanted = [*asked, *indexed.values(), *(relative.stem for relative in nearest)]
    counts = [vocabulary.count_chunks([scope.pack], wanted) for scope in where]
    found = [
        keyword.find_candidates(scope, keyword.limit_terms(terms, stems, held))
        for scope, held in zip(where, counts, strict=True)
    ]
    total = sum(scope.pack.chunk_count for scope in where)
    held = {word: sum(each[indexed.get(word, word)] for each in counts) for word in wanted}
    return weigh(tokens, nearest, related, held, total), found


def _check_codes(query: Query, best: Sequence[Ranked], stems: Stems) -> Query:
    """Count a code as unknown if only another one shares its stem: the index stores ``NU206-E`` as ``nu206``."""
    held = frozenset(token for ranked in best for token in ranked.tokens)
    strange = {
        token
        for token in query.weights.keys() - query.words.keys() - held
        if stems.split(strip_mark(token)) != [strip_mark(token)]
    }
    return replace(query, unknown=query.unknown | strange)


def _mend(text: str, slips: Mapping[str, str]) -> str:
    """Return the text with its slips corrected, for the embedder."""
    return re.sub(r"\w+", lambda match: slips.get(match[0].lower(), match[0]), text)
