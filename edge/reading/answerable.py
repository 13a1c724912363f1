"""How likely it is that the passages found answer the question: when to say "not in these manuals". Pure.

A logistic regression over seven signals that any manual has, fitted on 599 labelled questions over five collections
(``tests/golden/*.questions.jsonl`` and the starter pack's) so that answerable and unanswerable ones weigh the same.
Judged on each of four manuals with weights fitted on everything else, refusals were right in 80 % and 76 % of the
unanswerable questions were refused; ``python -m tests.bench.calibrate`` fits and judges again. A passage may be all
about the right thing and lack the one value asked for, so questions for a value need better evidence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from edge.retrieval.keyword import CODE_MARK
from edge.retrieval.query import Query
from edge.retrieval.ranking import Ranked, is_lookup
from edge.text.identifiers import find_named_codes
from edge.text.quantities import find_asked_quantity

REFUSE_BELOW = 0.44
"""Answers less likely than this to be in the passages are refused."""

_ASKS_VALUE = re.compile(
    r"\b(how (many|much|long|often|far|fast|heavy|high|deep|big|hot|wide|thick|old|large)"
    r"|what (is the )?(size|voltage|current|torque|temperature|pressure|speed|value|number|distance|length|weight"
    r"|rate|frequency|address|price|cost|max|min|limit|default)"
    r"|which (size|number|value|port|pin|version)|max(imum)?|min(imum)?|default|number of|cost|price|weight|torque)\b"
)
_NEXT_BEST = slice(5, 30)
_FIRST = 3


@dataclass(frozen=True, slots=True)
class Signals:
    """What tells a question with an answer from one without.

    Attributes:
        coverage: share of the weight of the question's words that one of the first passages holds; a word that
            means about the same counts in part.
        unknown: share of the question's words that no chunk holds, as far as none means about the same.
        lead: how far the nearest passage's cosine is above that of the 6th to 30th.
        numbers_missing: numbers of the question that the best passage does not hold.
        codes_missing: codes of the question that none of the first passages holds.
        asks_value: 1 if the question asks for a value.
        quantity_missing: 1 if it asks for a kind of quantity that none of the first passages states.
    """

    coverage: float
    unknown: float
    lead: float
    numbers_missing: float
    codes_missing: float
    asks_value: float
    quantity_missing: float


WEIGHTS = Signals(
    coverage=4.17,
    unknown=-7.55,
    lead=17.07,
    numbers_missing=-2.07,
    codes_missing=-0.56,
    asks_value=-1.6,
    quantity_missing=-5.23,
)
BIAS = -4.11
WEIGHTS_BY_WORDS = Signals(
    coverage=4.92,
    unknown=-2.46,
    lead=0,
    numbers_missing=-1.52,
    codes_missing=-1.28,
    asks_value=-0.84,
    quantity_missing=-3.22,
)
BIAS_BY_WORDS = -1.49
"""Where no passage was compared by vectors: there is no embedder, or the packs were made with another one."""


def compute_confidence(question: str, query: Query, best: Sequence[Ranked]) -> float:
    """Probability (0 to 1) that the best passages answer the question."""
    if not best:
        return 0.0
    if is_lookup(question, best):
        return 1.0
    by_meaning = any(passage.dense for passage in best)
    weights, bias = (WEIGHTS, BIAS) if by_meaning else (WEIGHTS_BY_WORDS, BIAS_BY_WORDS)
    found = read_signals(question, query, best)
    evidence = bias + sum(w * s for w, s in zip(astuple(weights), astuple(found), strict=True))
    return 1 / (1 + math.exp(min(-evidence, 700)))  # a question may hold a thousand numbers


def read_signals(question: str, query: Query, best: Sequence[Ranked]) -> Signals:
    """The signals of one search; ``best`` is not empty."""
    words = query.words
    cosines = sorted((passage.dense for passage in best), reverse=True)
    others = cosines[_NEXT_BEST] or cosines[1:] or cosines
    return Signals(
        coverage=max(_measure_coverage(passage, query) for passage in best[:_FIRST]),
        unknown=sum(_measure_lacking(stem, query) for stem in words) / max(len(words), 1),
        lead=cosines[0] - _average(others),
        numbers_missing=sum(stem.isdigit() and stem not in best[0].tokens for stem in words),
        codes_missing=sum(
            not any(CODE_MARK + code in ranked.tokens for ranked in best[:_FIRST])
            for code in find_named_codes(question)
        ),
        asks_value=float(_ASKS_VALUE.search(question.lower()) is not None),
        quantity_missing=float(_lacks_quantity(question, best[:_FIRST])),
    )


def _measure_coverage(passage: Ranked, query: Query) -> float:
    weights = {stem: weight for stem, weight in query.words.items() if not stem.isdigit()}
    total = sum(weights.values())
    return (
        sum(weight * _measure_held(stem, passage, query) for stem, weight in weights.items()) / total
        if total
        else 0.0
    )


def _measure_held(stem: str, passage: Ranked, query: Query) -> float:
    """1 for a stem that the passage holds, else the closeness of the nearest one that it holds."""
    if stem in passage.tokens:
        return 1.0
    related = query.related.get(stem, {})
    return max((related[other] for other in related.keys() & passage.tokens), default=0.0)


def _measure_lacking(stem: str, query: Query) -> float:
    """0 for a stem that the packs hold, up to 1 for one that they hold nothing like."""
    if stem not in query.unknown or stem.isdigit():
        return 0.0
    return 1.0 - max(query.related.get(stem, {}).values(), default=0.0)


def _lacks_quantity(question: str, best: Sequence[Ranked]) -> bool:
    quantity = find_asked_quantity(question)
    return quantity is not None and not any(quantity.stated.search(ranked.passage.text) for ranked in best)


def _average(values: Sequence[float]) -> float:
    return sum(values) / len(values)
