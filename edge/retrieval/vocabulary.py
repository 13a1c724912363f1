"""What a pack knows of words: how many chunks hold a stem, which words there are, and which mean about the same.

A pack holds the vector of one word of each stem. Words close to a word of the question are looked for beside it, so
that "proof" finds "verify", and count for it when the question's answerability is judged.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np

from edge.engine.interface import Vectors
from edge.packs.pack import Pack
from edge.text.words import STOP_WORDS, Stems, split_words
from edge.types import DIMENSIONS

UNRELATED = 0.45
"""Cosine of two words below which they have nothing in common: most pairs of words lie between .1 and .4."""
OF_A_PHRASE = 0.7
"""Closeness of one word of a phrase to what the whole phrase means."""
SAME = 0.8
"""Cosine from which on two words mean the same: "mail" and "email"."""

_words: WeakKeyDictionary[Pack, dict[str, int]] = WeakKeyDictionary()
_synonyms: WeakKeyDictionary[Pack, _Synonyms] = WeakKeyDictionary()
_meanings: WeakKeyDictionary[Pack, _Meanings] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Relative:
    """A stem of a pack that is near to the asked stem ``of``: its word, and how near (0 unrelated, 1 the same).

    ``stated`` tells that the pack says so; else their vectors do.
    """

    stem: str
    word: str
    closeness: float
    of: str
    stated: bool = False


Related = Mapping[str, Sequence[Relative]]
"""The relatives of each asked stem: those that a pack states, then the nearest first."""

_Phrase = Mapping[str, str]
"""The words of a phrase by their stems."""
_Synonyms = Mapping[str, Sequence[tuple[_Phrase, Sequence[_Phrase]]]]
"""The phrases of a pack by their first stem, each with all that mean the same."""


@dataclass(frozen=True, slots=True)
class _Meanings:
    stems: list[str]
    words: list[str]
    vectors: Vectors


def count_chunks(packs: Sequence[Pack], stems: Iterable[str]) -> dict[str, int]:
    """Return the number of chunks that hold each stem in their heading, text or codes, over all packs.

    Titles are left out: their words stand in every row of a document.
    """
    counts = dict.fromkeys(stems, 0)
    for pack in packs:
        sql = "SELECT stem, chunks FROM stem WHERE stem IN (SELECT value FROM json_each(?))"
        for stem, chunks in pack.query(sql, (json.dumps(list(counts)),)):
            counts[stem] += chunks
    return counts


def read_words(pack: Pack) -> dict[str, int]:
    """Return all words of a pack as written, lower case, with the number of chunks that hold them. Read once."""
    if pack not in _words:
        _words[pack] = {word: chunks for word, chunks in pack.query("SELECT word, chunks FROM word")}
    return _words[pack]


def read_vectors(packs: Sequence[Pack], stems: Sequence[str]) -> dict[str, Vectors]:
    """Return the unit vectors, each of shape ``(384,)``, of those of these stems that a pack has one for."""
    sql = (
        "SELECT stem, vector FROM stem WHERE vector IS NOT NULL AND stem IN (SELECT value FROM json_each(?))"
    )
    rows = [row for pack in packs for row in pack.query(sql, (json.dumps(stems),))]
    return {stem: _normalise(vector)[0] for stem, vector in rows}


def find_related(packs: Sequence[Pack], asked: Mapping[str, Vectors]) -> Related:
    """Return the stems of these packs that mean about the same as each asked one, itself left out.

    Args:
        asked: unit vectors of stems, each of shape ``(384,)``.
    """
    found: dict[str, dict[str, Relative]] = {stem: {} for stem in asked}
    for pack in packs if asked else ():
        known = _read_stems(pack)
        cosines = known.vectors @ np.stack(list(asked.values())).T
        for column, stem in enumerate(asked):
            for at in np.flatnonzero(cosines[:, column] > UNRELATED):
                closeness = min(1.0, (float(cosines[at, column]) - UNRELATED) / (SAME - UNRELATED))
                if stem != known.stems[at]:
                    found[stem][known.stems[at]] = Relative(known.stems[at], known.words[at], closeness, stem)
    return {
        stem: sorted(others.values(), key=lambda other: -other.closeness) for stem, others in found.items()
    }


def find_synonyms(packs: Sequence[Pack], asked: Iterable[str]) -> Related:
    """Return the stems of the phrases that these packs say mean the same as a phrase of the question.

    Stop words belong to a phrase ("safe torque off") but are never looked for: "no" (normally open) stands everywhere.

    Args:
        asked: all stems of the question, those of stop words too.
    """
    said = dict.fromkeys(asked)
    found: dict[str, dict[str, Relative]] = {}
    for phrase, group in (
        each for pack in packs for stem in said for each in _read_synonyms(pack).get(stem, ())
    ):
        if not phrase.keys() <= said.keys():
            continue
        for of in (stem for stem, word in phrase.items() if word not in STOP_WORDS):
            for other in group:
                closeness = 1.0 if len(other) == 1 else OF_A_PHRASE
                for stem, word in other.items():
                    if stem not in phrase and word not in STOP_WORDS:
                        found.setdefault(of, {})[stem] = Relative(stem, word, closeness, of, stated=True)
    return {stem: list(others.values()) for stem, others in found.items()}


def list_synonyms(pack: Pack) -> Iterator[str]:
    """Yield the words that a pack says have synonyms, in lower case: they are none that somebody mistyped."""
    for phrases in _read_synonyms(pack).values():
        yield from (word for phrase, _ in phrases for word in phrase.values())


def merge_related(*several: Related) -> Related:
    """Join relatives, the stated ones first; of two for the same pair the nearer one."""
    found: dict[str, dict[str, Relative]] = {}
    for others in (other for related in several for other in related.values()):
        for other in others:
            known = found.setdefault(other.of, {}).get(other.stem)
            nearer = other if known is None or known.closeness < other.closeness else known
            is_stated = other.stated or (known is not None and known.stated)
            found[other.of][other.stem] = replace(nearer, stated=is_stated)
    return {
        stem: sorted(others.values(), key=lambda other: (not other.stated, -other.closeness))
        for stem, others in found.items()
    }


def _read_synonyms(pack: Pack) -> _Synonyms:
    """Return what a pack says means the same. Read once."""
    if pack not in _synonyms:
        stems, found = Stems(), defaultdict[str, list[tuple[_Phrase, Sequence[_Phrase]]]](list)
        for written in pack.read_synonyms():
            words = [split_words(phrase) for phrase in written]
            group = [{stem: word for word in phrase for stem in stems.split(word)} for phrase in words]
            for phrase in filter(None, group):
                found[next(iter(phrase))].append((phrase, group))
        _synonyms[pack] = dict(found)
    return _synonyms[pack]


def _read_stems(pack: Pack) -> _Meanings:
    """Return all stems of a pack that have a vector. Read once."""
    if pack not in _meanings:
        rows = pack.query("SELECT stem, word, vector FROM stem WHERE vector IS NOT NULL")
        _meanings[pack] = _Meanings(
            [row[0] for row in rows], [row[1] for row in rows], _normalise(b"".join(row[2] for row in rows))
        )
    return _meanings[pack]


def _normalise(stored: bytes) -> Vectors:
    rows = np.frombuffer(stored, np.int8).reshape(-1, DIMENSIONS).astype(np.float32)
    unit: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return unit
