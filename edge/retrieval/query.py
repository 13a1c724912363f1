"""What is asked for: the words and codes of a question, what each weighs, and the words looked for beside them. Pure
but for the titles that are asked whether they name a code.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from edge.retrieval.keyword import CODE_MARK
from edge.retrieval.scope import Scope
from edge.retrieval.vocabulary import Related, Relative, count_chunks
from edge.text import bm25
from edge.text.identifiers import find_named_codes, normalise
from edge.text.measures import read_unit
from edge.text.words import Stems

_LETTERS_AND_DIGITS = re.compile(r"([A-Za-z]{2,}) ?(\d{2,})")

EXPANSIONS = 3
EXPANSIONS_IN_ALL = 8
EXPANDED_FROM = 0.57
EXPANSION_WEIGHT = 0.3
"""Related words searched for beside each word of a question, how close they must be, and what they count against it.
For every word of a long question they were more noise than help (CACM). What a pack states counts in full."""


@dataclass(frozen=True, slots=True)
class Query:
    """Each token (stem or marked code) with its weight, the inverse of its frequency.

    Attributes:
        unknown: the tokens that no chunk holds, nor a word that the packs state for it.
        related: stems that mean about the same as an asked one, with their closeness (0 to 1).
        expansion: weights of those related stems that count as found words.
    """

    weights: Mapping[str, float]
    unknown: frozenset[str] = frozenset()
    related: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    expansion: Mapping[str, float] = field(default_factory=dict)

    @property
    def words(self) -> dict[str, float]:
        """The weights of the stems alone: what was asked in words, without the codes it may mean."""
        return {token: weight for token, weight in self.weights.items() if not token.startswith(CODE_MARK)}

    @property
    def has_codes(self) -> bool:
        """True if it asks for a code that a chunk holds."""
        return any(token.startswith(CODE_MARK) for token in self.weights.keys() - self.unknown)


def strip_mark(token: str) -> str:
    """Return a token as the pack's vocabulary has it."""
    return token.removeprefix(CODE_MARK)


def choose_expansions(related: Related, asked: Collection[str]) -> list[Relative]:
    """Choose the related stems to search for, each once: those that a pack states, then the nearest of the nearest few
    of each asked one."""
    chosen: list[Relative] = []
    for others in related.values():
        near = [other for other in others if other.closeness >= EXPANDED_FROM and other.stem not in asked]
        chosen += near[: max(EXPANSIONS, sum(other.stated for other in near))]
    found: dict[str, Relative] = {}
    for other in sorted(chosen, key=lambda other: not other.stated):
        found.setdefault(other.stem, other)
    return sorted(found.values(), key=lambda other: (not other.stated, -other.closeness))[:EXPANSIONS_IN_ALL]


def weigh(
    tokens: Sequence[str],
    nearest: Sequence[Relative],
    related: Related,
    held: Mapping[str, int],
    total: int,
) -> Query:
    """Return the query of these tokens and of the ``nearest`` of their ``related`` stems.

    Args:
        held: number of chunks that hold each of them, by its bare token.
        total: number of chunks searched.
    """
    weights = {token: bm25.compute_idf(held[strip_mark(token)], total) for token in tokens}
    expansion = {
        other.stem: (1.0 if other.stated else EXPANSION_WEIGHT)
        * other.closeness
        * min(weights[other.of], bm25.compute_idf(held[other.stem], total))
        for other in nearest
    }
    close = {stem: {other.stem: other.closeness for other in others} for stem, others in related.items()}
    known = _find_known(nearest, held)
    unknown = frozenset(
        token for token in tokens if not held[strip_mark(token)] and strip_mark(token) not in known
    )
    return Query(weights, unknown, close, expansion)


def _find_known(nearest: Sequence[Relative], held: Mapping[str, int]) -> set[str]:
    """Return the asked stems that the packs hold in the words of a synonym: in one word, or in all of a phrase."""
    stated: dict[str, list[Relative]] = {}
    for other in nearest:
        if other.stated:
            stated.setdefault(other.of, []).append(other)
    return {
        of
        for of, others in stated.items()
        if all(held[other.stem] for other in others)
        or any(held[other.stem] and other.closeness == 1.0 for other in others)
    }


def _is_written_otherwise(where: Sequence[Scope], name: str) -> bool:
    """Tell whether what looks like a code is none, or stands in the packs in parts.

    ``mm2`` is a unit, ``C 230V`` a class and a value; ``DN80`` may be a row 80 of a column DN, ``P12-P15`` two codes.
    """
    if _is_unit(name) or _is_unit(name.partition(" ")[2].lstrip("0123456789")):
        return True
    letters = _LETTERS_AND_DIGITS.fullmatch(name)
    parts = letters.groups() if letters else re.split(r"[-/]", name)
    if len(parts) < 2 or not all(len(part) > 1 for part in parts):
        return False
    stems = {part: "".join(Stems().split(part.lower())) for part in parts}
    held = count_chunks([scope.pack for scope in where], stems.values())
    return all(held[stem] for stem in stems.values())


def _is_unit(text: str) -> bool:
    unit = read_unit(text, 0)
    return unit is not None and unit[1] == len(text)


def find_missing_codes(where: Sequence[Scope], text: str, query: Query) -> tuple[str, ...]:
    """Return the codes of a text, as it writes them, that no chunk and no title holds, and no pack is about."""
    missing = {
        code: name for code, name in find_named_codes(text).items() if CODE_MARK + code in query.unknown
    }
    missing = {code: name for code, name in missing.items() if not _is_written_otherwise(where, name)}
    if not missing:
        return ()
    manifests = [scope.pack.manifest for scope in where]
    documents = [document for scope in where for document in scope.pack.list_documents()]
    named = [title for m in manifests for title in (m.title, *m.applies_to)]
    named += [title for d in documents for title in (d.title, d.name, *d.applies_to)]
    everything = normalise(" ".join(named))
    return tuple(name for code, name in missing.items() if code not in everything)
