"""The engine without a language model: it quotes the steps, the table row or the best two sentences, word for word.

Sentences of the first passages are scored by rank-bm25 and MiniLM, half each: the best two hold the answer in .88 of
SQuAD's questions where either alone reaches .80 (``make bench-retrieval``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edge.text import bm25
from edge.text.identifiers import find_identifiers
from edge.text.units import Unit, put_in_context, split_units
from edge.text.words import Stems
from edge.types import Passage, Prompt, never

EXTRACTIVE = "extractive"
PASSAGES = 3
MAX_UNITS = 40
FIRST = ("1", "a", "A", "Step 1")
RANK_DISCOUNT = 0.15
"""What each further passage costs its sentences: the first is right three times out of four."""
MAX_FOLLOWING = 3
MAX_WORDS = 70
"""Bounds of what is quoted from one place. The wanted string is in the quotation of 69 % of the questions to two
manuals (47 % without what follows); it is in the first passage, three times as long, of 77 %."""
SECOND_AT_LEAST = 0.6
"""A second sentence is quoted when it scores this share of the first."""

NUMBER_BONUS = 0.5

_NUMBER = re.compile(r"(?<![\w.,-])\d+(?:[.,]\d+)?(?![\w])")
_STEP = re.compile(r"^\s*(\d{1,2}[.)]|[a-z][.)]|Step \d+[:.]?)\s+\S")
_ASKS_STEPS = re.compile(
    r"\b(how (do|can|should|would|to)|how does one|steps?|procedure|instructions?|what (do|should|must) (i|we|you) do"
    r"|what to do|walk me through|guide|way to)\b"
)


@dataclass(frozen=True, slots=True)
class Quotable:
    """A unit of passage ``n`` (from 1), and what it is judged by: its words in context, its cosine where known."""

    n: int
    unit: Unit
    context: str
    cosine: float | None


class ExtractiveEngine:
    """Quotes passages. Needs no model: retrieval has compared their sentences with the question already."""

    @property
    def name(self) -> str:
        """``extractive``."""
        return EXTRACTIVE

    def fits(self, prompt: Prompt) -> bool:
        """Quoting has no context to overflow."""
        return True

    def stream(self, prompt: Prompt, cancelled: Callable[[], bool] = never) -> Iterator[str]:
        """Yield one quotation after another, each with its citation."""
        lines = quotations(prompt.question, prompt.passages)
        for position, line in enumerate(lines):
            if cancelled():
                return
            yield line if position == 0 else f"\n{line}"

    def close(self) -> None:
        """There is nothing to end."""


def quotations(question: str, passages: Sequence[Passage]) -> list[str]:
    """The lines of the answer: a whole procedure, or the best rows and sentences with what follows them.

    Steps are quoted whole and from one procedure: half of one continued by another would be followed by somebody.
    """
    found = [
        Quotable(n, unit, put_in_context(passage.heading, unit), passage.closeness.get(unit.text))
        for n, passage in enumerate(passages[:PASSAGES], 1)
        for unit in split_units(passage.text, passage.kind)
    ][:MAX_UNITS]
    if not found:
        return []
    if _ASKS_STEPS.search(question.lower()) and (steps := _steps(passages[0].text.split("\n"))):
        return _procedure(steps, passages[0], 1)
    scores = _scores(question, found)
    scores = [
        s - RANK_DISCOUNT * (quotable.n - 1) + _agreement(quotable.unit, question)
        for s, quotable in zip(scores, found, strict=True)
    ]
    best, *others = sorted(range(len(found)), key=lambda i: (-scores[i], i))[:2]
    first = found[best]
    if steps := _steps(passages[first.n - 1].text.split("\n"), first.unit.line):
        return _procedure(steps, passages[first.n - 1], first.n)
    codes = set(find_identifiers(question)) & set(find_identifiers(first.unit.text))
    chosen = [
        i
        for i in others
        if scores[i] >= SECOND_AT_LEAST * scores[best]
        and codes <= set(find_identifiers(found[i].unit.text))
        and not _STEP.match(found[i].unit.text)
    ]
    quoted = {i for start in (best, *chosen) for i in _continued(found, start)}
    return _written(found, sorted(quoted, key=lambda i: (found[i].n != first.n, i)))


def _agreement(unit: Unit, question: str) -> float:
    """What speaks for a unit that holds the question's numbers, and against a table row that holds none of them.

    The row for 250 °C is no answer to a question for 100 °C, however much its words agree. Of a row the codes (M10)
    count like numbers.
    """
    marks = _numbers_and_codes if unit.kind == "row" else _numbers
    asked = marks(question)
    if not asked:
        return 0.0
    share = len(asked & marks(unit.text)) / len(asked)
    return NUMBER_BONUS * share if share or unit.kind == "sentence" else -NUMBER_BONUS


def _numbers(text: str) -> frozenset[str]:
    return frozenset(_NUMBER.findall(text))


def _numbers_and_codes(text: str) -> frozenset[str]:
    return _numbers(text).union(find_identifiers(text))


def _continued(found: Sequence[Quotable], start: int) -> Iterator[int]:
    """A sentence with those that follow it in its passage, while that stays short; rows stand alone.

    What follows is often the answer: the value behind a colon, the solution behind the problem.
    """
    yield start
    words = len(found[start].unit.text.split())
    for i in range(start + 1, min(start + 1 + MAX_FOLLOWING, len(found))):
        words += len(found[i].unit.text.split())
        if (
            "row" in (found[start].unit.kind, found[i].unit.kind)
            or found[i].n != found[start].n
            or words > MAX_WORDS
        ):
            return
        yield i


def _written(found: Sequence[Quotable], order: Sequence[int]) -> list[str]:
    """The quotations as lines: what stands in one line of the manual stays together, cited once."""
    lines: list[str] = []
    for position, i in enumerate(order):
        quotable, before = found[i], found[order[position - 1]] if position else None
        joins = before is not None and order[position - 1] == i - 1 and before.n == quotable.n
        if joins and before is not None and before.unit.line == quotable.unit.line:
            lines[-1] = f"{lines[-1].removesuffix(_cited(before))} {quotable.unit.spoken}{_cited(quotable)}"
        else:
            lines.append(quotable.unit.spoken + _cited(quotable))
    return lines


def _cited(quotable: Quotable) -> str:
    return f" [{quotable.n}]"


def _steps(lines: Sequence[str], within: int | None = None) -> list[str]:
    """The first numbered procedure among these lines, or that around line ``within``, with the line that introduces it.

    Nothing if it has fewer than two steps. Dots stand for steps that another passage begins with.
    """
    runs: list[list[int]] = []
    for i, line in enumerate(lines):
        if match := _STEP.match(line):
            if not runs or match[1].rstrip(".):") in FIRST:
                runs.append([])
            runs[-1].append(i)
    run = next((run for run in runs if len(run) > 1 and (within is None or within in run)), None)
    if run is None:
        return []
    before = lines[run[0] - 1].rstrip() if run[0] else ""
    begins = _STEP.match(lines[run[0]])
    lead = [before] if before.endswith(":") else []
    if begins and begins[1].rstrip(".):") not in FIRST:
        lead.append("…")
    return [*lead, *lines[run[0] : run[-1] + 1]]


def _procedure(steps: Sequence[str], passage: Passage, n: int) -> list[str]:
    """The steps under the name of what they do: whoever follows the wrong procedure must be able to see that it is."""
    name = passage.heading.rsplit(" > ", 1)[-1]
    return [*([f"{name}:"] if name else []), *steps[:-1], f"{steps[-1]} [{n}]"]


def _scores(question: str, found: Sequence[Quotable]) -> list[float]:
    """Half words, half meaning; words alone where nothing was compared."""
    lexical = _scaled(_bm25(question, [quotable.context for quotable in found]))
    cosines = [quotable.cosine for quotable in found if quotable.cosine is not None]
    if not cosines:
        return lexical
    semantic = _scaled([min(cosines) if q.cosine is None else q.cosine for q in found])
    return [(a + b) / 2 for a, b in zip(lexical, semantic, strict=True)]


def _bm25(question: str, texts: Sequence[str]) -> list[float]:
    stems = Stems()
    query = stems.content(question)
    corpus = [stems.of(text) for text in texts]
    holding = {token: sum(token in tokens for tokens in corpus) for token in query}
    weights = {token: bm25.compute_idf(count, len(corpus)) for token, count in holding.items()}
    return bm25.score(corpus, query, weights)


def _scaled(scores: Sequence[float]) -> list[float]:
    low, high = min(scores), max(scores)
    return (
        [float(s) for s in (np.asarray(scores) - low) / (high - low)] if high > low else [0.5] * len(scores)
    )
