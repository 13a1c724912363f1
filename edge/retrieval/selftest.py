"""Does a pack find its own text? Sampled sentences and codes are searched for; most must bring up their own page."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from edge.engine.interface import Embedder
from edge.errors import SourceError
from edge.packs.pack import Chunk, Pack
from edge.packs.vectors import quantise
from edge.text.sentences import split_sentences as split
from edge.text.units import CELL

Find = Callable[[Pack, str], Sequence[Sequence[int]]]
"""The results that a search of one pack finds for a question, best first; each is the ids of its chunks."""

SAMPLES = 30
TOP = 5
REQUIRED = 0.9
RRF_K = 60
_WORD = re.compile(r"\w+")
_DIGIT = re.compile(r"\d")


MIN_SENTENCE = 6
"""Words of a sentence worth asking for."""
MIN_OPENING = 4
"""Words of the opening of a text without such a sentence."""
MAX_WORDS = 25
MAX_KEY = 4
"""Words of a first cell that may name its row."""


@dataclass(frozen=True, slots=True)
class Miss:
    """A sentence or code that did not find its page. ``is_row``: it stands in a table or list."""

    document: str
    page: int
    sentence: str
    is_row: bool = False


@dataclass(frozen=True, slots=True)
class SelfTest:
    """How many sentences were searched for, and those that did not find their page."""

    asked: int
    misses: tuple[Miss, ...]

    @property
    def found(self) -> int:
        """Sentences that found their page among the first five results."""
        return self.asked - len(self.misses)

    @property
    def passed(self) -> bool:
        """True if enough did."""
        return self.found >= REQUIRED * self.asked


def run(pack: Pack, find: Find) -> SelfTest:
    """Search for up to 30 sentences of all documents; which ones depends on the pack's bytes alone."""
    sample = _sample(pack)
    misses = [
        Miss(pack.get_document_of(chunk.id).name, chunk.page_from, sentence, CELL in chunk.text)
        for chunk, sentence in sample
        if not _is_found(
            pack, chunk, sentence, [id for result in find(pack, sentence)[:TOP] for id in result]
        )
    ]
    return SelfTest(len(sample), tuple(misses))


def require(result: SelfTest) -> None:
    """Refuse a pack that does not find its own text.

    Raises:
        SourceError: under 90 % of the sentences found their page.
    """
    if result.passed:
        return
    counts = Counter(miss.document for miss in result.misses)
    documents = ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()))
    raise SourceError(
        f"The pack finds only {result.found} of {result.asked} of its own sentences; missed in: {documents}.",
        f"{_explain(result.misses)} With --allow-poor the pack is built all the same, and marked.",
    )


def _explain(misses: Sequence[Miss]) -> str:
    rows = [miss.sentence for miss in misses if miss.is_row]
    if 2 * len(rows) > len(misses):
        return (
            f'Rows of their tables are too alike to be told apart ("{rows[0]}"): give each a name of its own.'
        )
    return "These documents may hold garbled text (scans, broken fonts): replace them or leave them out."


def make_plain_find(embedder: Embedder | None) -> Find:
    """Return a search by words and vectors fused by rank, for builds without the assistant around them."""

    def find(pack: Pack, question: str) -> list[tuple[int, ...]]:
        arms = [_search_by_words(pack, question)]
        if embedder is not None and pack.embedder == embedder.fingerprint:
            arms.append(_search_by_vector(pack, embedder, question))
        scores: dict[int, float] = {}
        for arm in arms:
            for rank, chunk in enumerate(arm):
                scores[chunk] = scores.get(chunk, 0.0) + 1 / (RRF_K + rank)
        return [(chunk,) for chunk in sorted(scores, key=lambda chunk: (-scores[chunk], chunk))]

    return find


def _search_by_words(pack: Pack, question: str) -> list[int]:
    match = " OR ".join(f'"{word}"' for word in dict.fromkeys(_WORD.findall(question)))
    sql = "SELECT rowid, bm25(keyword) AS score FROM keyword WHERE keyword MATCH ? ORDER BY score LIMIT 10"
    return [row[0] for row in pack.query(sql, (match,))]


def _search_by_vector(pack: Pack, embedder: Embedder, question: str) -> list[int]:
    vector = quantise(embedder.embed([question]))[0]
    sql = "SELECT rowid FROM vector WHERE embedding MATCH vec_int8(?) AND k = 10 ORDER BY distance"
    return [row[0] for row in pack.query(sql, (np.ascontiguousarray(vector).tobytes(),))]


def _sample(pack: Pack) -> list[tuple[Chunk, str]]:
    """Return a sentence each of up to 30 chunks, the documents taking turns."""
    chance = random.Random(pack.digest)
    documents = chance.sample(pack.list_documents(), len(pack.list_documents()))[:SAMPLES]
    ranges = [range(document.first_chunk, document.last_chunk + 1) for document in documents]
    drawn = [chance.sample(ids, min(SAMPLES, len(ids))) for ids in ranges]
    ids = [id for turn in zip_longest(*drawn) for id in turn if id is not None][:SAMPLES]
    sentences = ((chunk, _choose_question(chunk, chance)) for chunk in pack.get_chunks(ids))
    return [(chunk, sentence) for chunk, sentence in sentences if sentence]


def _choose_question(chunk: Chunk, chance: random.Random) -> str:
    """Choose what a reader of the chunk would ask for: a row by the code that names it, prose by a sentence."""
    first, bar, rest = chunk.text.partition(CELL)
    is_record = bool(bar) and "\n" not in rest
    if is_record and _DIGIT.search(first) and len(_WORD.findall(first)) <= MAX_KEY:
        return first.replace(": ", " ")
    return _choose_sentence(chunk.text, chance)


def _choose_sentence(text: str, chance: random.Random) -> str:
    """Choose a sentence of at least six words, else the opening of the text; empty when that is too short to be
    found."""
    complete = [sentence for sentence in split(text) if len(_WORD.findall(sentence)) >= MIN_SENTENCE]
    words = (chance.choice(complete) if complete else text).split()
    return " ".join(words[:MAX_WORDS]) if len(words) >= MIN_OPENING else ""


def _is_found(pack: Pack, wanted: Chunk, sentence: str, ids: Sequence[int]) -> bool:
    """Return the chunk itself, another on its page, or one that says the same (repeated text)."""
    pages = pack.get_document_of(wanted.id).pages
    return any(
        chunk.id == wanted.id
        or (pages > 1 and _share_page(chunk, wanted))
        or sentence in " ".join(chunk.text.split())
        for chunk in pack.get_chunks(ids)
    )


def _share_page(one: Chunk, other: Chunk) -> bool:
    return (
        one.document == other.document and one.page_from <= other.page_to and other.page_from <= one.page_to
    )
