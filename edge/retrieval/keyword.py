"""The keyword arm: FTS5 finds candidates in one pack; what they are worth among those of all packs is ranking's work.

At 100,000 chunks rank-bm25 alone took 720 ms where FTS5 took 22, so it only ever sees the candidates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge.retrieval.scope import Scope
from edge.text.identifiers import find_identifiers
from edge.text.words import Stems

CANDIDATES = 100
HEADING_WEIGHT = 3
CODE_WEIGHT = 3
COLUMN_WEIGHTS = (1.0, float(HEADING_WEIGHT), 1.0, float(CODE_WEIGHT))
"""bm25 weights of title, heading, body and identifiers while FTS5 looks for candidates."""

MAX_POSTINGS = 10_000
"""Chunks that FTS5 may have to score; nothing is left out of a pack of a few thousand. At 100,000 chunks the
labelled questions find as much with it as without, in a third of the time."""
ALWAYS_KEPT = 2

CODE_MARK = "#"
"""Distinguishes the code ``e207`` from a word in the token lists that are scored."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What to look for: the ``words`` that carry meaning, ``codes`` in normalised spelling, ``related`` words."""

    words: tuple[str, ...]
    codes: tuple[str, ...] = ()
    related: tuple[str, ...] = ()

    def make_tokens(self, stems: Stems) -> list[str]:
        """Return the stems and marked codes to score with."""
        words = [stem for word in self.words for stem in stems.split(word)]
        return list(dict.fromkeys(words + [CODE_MARK + code for code in self.codes]))


def limit_terms(terms: Terms, stems: Stems, counts: Mapping[str, int]) -> Terms:
    """Return the terms that FTS5 shall look for: the rarest words first, as long as few enough chunks hold them.

    A word that stands everywhere costs most and tells least; ranking counts it all the same. Related words get what
    those of the question leave.

    Args:
        counts: number of chunks that hold each stem.
    """
    words = (*terms.words, *terms.related)
    held = {word: max((counts.get(stem, 0) for stem in stems.split(word)), default=0) for word in words}
    kept: list[str] = []
    total = 0
    for word in sorted(held, key=lambda word: (word not in terms.words, held[word])):
        total += held[word]
        if total > MAX_POSTINGS and len(kept) >= ALWAYS_KEPT:
            break
        kept.append(word)
    return Terms(
        tuple(word for word in terms.words if word in kept),
        terms.codes,
        tuple(word for word in terms.related if word in kept),
    )


def find_candidates(scope: Scope, terms: Terms, limit: int = CANDIDATES) -> dict[int, float]:
    """Return chunk id to FTS5's bm25 (higher is better) for the best ``limit`` chunks of a scope."""
    if not terms.words and not terms.codes:
        return {}
    weights = ", ".join(map(str, COLUMN_WEIGHTS))
    sql = f"SELECT rowid, bm25(keyword, {weights}) AS score FROM keyword WHERE keyword MATCH ?"
    if scope.ranges is not None:
        sql += f" AND ({' OR '.join(f'rowid BETWEEN {low} AND {high}' for low, high in scope.ranges)})"
    sql += f" ORDER BY score LIMIT {limit}"
    return {row: -score for row, score in scope.pack.query(sql, (make_match_expression(terms),))}


def make_match_expression(terms: Terms) -> str:
    """Return the FTS5 query: any word or related word in heading, text or title, or any code among the identifiers.

    The title is asked apart: its words stand in every row of a document, and counted together with the text they
    would make those words worthless.
    """
    parts = []
    if terms.words:
        any_word = " OR ".join(map(_quote, terms.words + terms.related))
        parts += [f"{{heading body}} : ({any_word})", f"title : ({any_word})"]
    if terms.codes:
        any_code = " OR ".join(map(_quote, terms.codes))
        parts.append(f"identifiers : ({any_code})")
    return " OR ".join(parts)


def make_tokens(stems: Stems, title: str, heading: str, text: str, with_codes: bool = True) -> list[str]:
    """Return a passage as the tokens that are scored: words of its heading and codes count several times.

    Args:
        with_codes: False saves most of the time where no code is asked for.
    """
    codes = [CODE_MARK + code for code in find_identifiers(f"{heading}\n{text}")] if with_codes else []
    return stems.split(f"{title} {text}") + stems.split(heading) * HEADING_WEIGHT + codes * CODE_WEIGHT


def _quote(word: str) -> str:
    """Return an FTS5 string. Words of a question hold no quotation marks; a correction comes out of a pack, and may."""
    return '"' + word.replace('"', '""') + '"'
