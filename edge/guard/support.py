"""Which passages support a sentence, and which of its values none of them gives for what it names. Pure.

A clause is compared with each statement of the passages. One gives a value if nothing in the clause excludes it, no
other row, column, unit, limit or opposite; and if no neighbour with a value of the kind fits the clause better.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from edge.guard.statements import SENTENCE_BEFORE, Statement, read_clauses, read_statements
from edge.guard.wording import (
    LIMITING,
    agree_in_number,
    are_alternatives,
    find_ranges,
    find_words,
    name_kinds,
    write_plainly,
)
from edge.text.measures import read_unit
from edge.text.sentences import split_sentences
from edge.text.units import split_units
from edge.text.values import Value
from edge.types import Passage

INHERITED = 0.5
"""Weight of what earlier clauses of a sentence name."""

SAID = 0.5
"""How much less a neighbour fits whose value the same sentence gives elsewhere."""

ELSEWHERE = 1.0
"""How much better another passage must fit than the one that has the value: documents speak of different things."""

SUPPORTED = 0.6
SUPPORTED_WITH_VALUE = 0.4
"""Share of a sentence's words and values that its passage must have."""

_ORDINAL = re.compile(r"\s*(?:[-*•]\s+)?(?:step\s+)?\(?(\d{1,2})[.):](?:\s+|$)", re.IGNORECASE)
_TIMES = re.compile(r"(\d+)\s?x\s?(\w+(?:[.,]\d+)?)", re.IGNORECASE)
_ROMAN = re.compile(
    r"\b(?=[IVXLCDM]{2,})M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})(?![^\W\d_])\s?"
)
_FROM_TO = re.compile(r"\bfrom\b(.+?)\bto\b(.+)", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?:;\n]\s*$")


@dataclass(frozen=True, slots=True)
class Support:
    """Passages (from 1) that say what a sentence says, best first, and its values that none of them gives so.

    Any one of the passages will do, unless it takes them all ``together``.
    """

    passages: tuple[int, ...]
    unverified: tuple[str, ...] = ()
    together: bool = False


class Sources:
    """The passages of an answer, read once for all its sentences."""

    def __init__(self, passages: Iterable[Passage]) -> None:
        self._passages = tuple(passages)
        read = [read_statements(p.text, p.kind, _describe(p)) for p in self._passages]
        self._statements = [(number, s) for number, found in enumerate(read, 1) for s in found]
        self._words = [frozenset(word for s in found for word in s.words) for found in read]
        self._pages = [_name_pages(passage) for passage in self._passages]
        self._quotable = [_list_quotable(passage) for passage in self._passages]

    def find_support(self, sentence: str, before: str = "") -> Support:
        """Find what supports a sentence without citations; ``before`` is the one whose subject it goes on about."""
        if quoted := self.find_quoted(sentence):
            return Support(quoted)
        around = dict.fromkeys(find_words(before), SENTENCE_BEFORE)
        clauses = [
            c for s in split_sentences(write_plainly(sentence)) for c in read_clauses(s, around, INHERITED)
        ]
        said = frozenset(value.form for clause in clauses for value in clause.values)
        missing = list(_find_roman(sentence))
        holders: list[set[int]] = []
        for clause in clauses:
            for value in clause.values:
                found = self._find_holders(clause, value, said)
                if not found:
                    missing.append(value.text)
                holders.append(found)
        if missing or any(self._is_denied(clause) for clause in clauses):
            return Support((), tuple(dict.fromkeys(missing)))
        return self._choose(clauses, holders)

    def find_quoted(self, sentence: str) -> tuple[int, ...]:
        """Find the passages in which the sentence stands word for word, from the beginning of one to an end."""
        wanted = " ".join(sentence.split()).rstrip(" .")
        if not wanted:
            return ()
        return tuple(n for n, text in enumerate(self._quotable, 1) if _stands_in(wanted, text))

    def _find_holders(self, clause: Statement, value: Value, said: frozenset[str]) -> set[int]:
        """Find the passages that give the value for what the clause names; empty if none does."""
        if value.form.startswith("page "):
            return {n for n, pages in enumerate(self._pages, 1) if value.form in pages}
        forms = {value.form, value.form.partition(" ")[0]} if value.text not in clause.text else {value.form}
        holding = [(n, s) for n, s in self._statements if s.holds(forms)]
        giving = [(_fit(clause, s, value), n, s) for n, s in holding if _gives(clause, s, value)]
        best = max((fit for fit, _, _ in giving), default=0.0)
        proving = (v.form for _, s in holding for v in s.values if value.form in v.proves)
        kinds = name_kinds(value.form).union(*map(name_kinds, proving))
        here = {other.form for other in clause.values} - {value.form}
        for number, statement in self._statements:
            others = {v.form for v in statement.values if kinds & name_kinds(v.form)} - here
            holds = statement.holds(forms)
            if (not others and not holds) or any(statement is s for _, _, s in giving):
                continue
            margin = 0.0 if any(number == n for _, n, _ in giving) else ELSEWHERE
            margin += 0.0 if holds or others - said else SAID
            fit = _fit(clause, statement, value)
            if fit > best + margin and (holds or not _excludes(clause, statement, but=value.form)):
                return set()
        return {number for fit, number, _ in giving if fit == best}

    def _is_denied(self, clause: Statement) -> bool:
        """Tell whether all statements that a clause may come from exclude it."""
        denying = [s for _, s in self._statements if clause.negated and clause.negated <= s.own]
        candidates = denying or [s for _, s in self._statements]
        fitting = [
            (sum(statement.words.get(word, 0.0) for word in clause.own), statement)
            for statement in candidates
        ]
        most = max((fit for fit, _ in fitting), default=0.0)
        known = sum(any(word in s.own for _, s in self._statements) for word in clause.own)
        return known > 1 and all(_excludes(clause, s) for fit, s in fitting if fit == most)

    def _choose(self, clauses: Sequence[Statement], holders: Sequence[set[int]]) -> Support:
        """Choose the passages that have all values, else those that have them together, and enough of the words."""
        words = {word for clause in clauses for word in find_words(clause.text)}
        if not holders and len(words) < 2:
            return Support(())
        needed = SUPPORTED_WITH_VALUE if holders else SUPPORTED
        size = len(words) + len(holders)
        shares = {n: (len(words & known) + len(holders)) / size for n, known in enumerate(self._words, 1)}
        whole = set(shares).intersection(*holders)
        ranked = sorted((n for n in whole if shares[n] >= needed), key=lambda n: (-shares[n], n))
        if ranked or not holders:
            return Support(tuple(ranked))
        parts = sorted({min(some, key=lambda n: (-shares[n], n)) for some in holders})
        known = frozenset[str]().union(*(self._words[n - 1] for n in parts))
        enough = len(words & known) + len(holders) >= needed * size
        return Support(tuple(parts), together=True) if enough else Support(())


def read_lines(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines without the numbers of a list: those that count on from the one before, and are no quantity."""
    expected = None
    for line in lines:
        plain = " ".join(write_plainly(line).splitlines())
        ordinal = _ORDINAL.match(plain)
        rest = plain[ordinal.end() :] if ordinal else plain
        if ordinal and int(ordinal[1]) in (1, expected or int(ordinal[1])) and not _begins_with_unit(rest):
            expected = int(ordinal[1]) + 1
            yield rest
        else:
            yield plain


def _begins_with_unit(text: str) -> bool:
    unit = read_unit(text, 0)
    return bool(unit and unit[1] > 1)


def _describe(passage: Passage) -> str:
    return f"{passage.title} {passage.heading} {passage.document}"


def _name_pages(passage: Passage) -> frozenset[str]:
    pages = {f"page {n}" for n in range(passage.page_from, min(passage.page_to, passage.page_from + 50) + 1)}
    return frozenset(pages | {f"page {passage.page_label}", f"page {passage.page_to}"})


def _list_quotable(passage: Passage) -> tuple[str, ...]:
    rows = [unit.spoken for unit in split_units(passage.text, passage.kind) if unit.kind == "row"]
    lines = passage.text.split("\n")
    heading = passage.heading.rsplit(" > ", 1)[-1]
    return tuple(" ".join(text.split()) for text in [" ".join(lines), *lines, *rows, heading] if text)


def _stands_in(wanted: str, texts: Sequence[str]) -> bool:
    for text in texts:
        start = text.find(wanted)
        while start >= 0:
            behind = text[start + len(wanted) :]
            begins = not start or _SENTENCE_END.search(text[:start])
            if begins and (not behind or re.match(r"[.!?;:](?!\d)", behind)):
                return True
            start = text.find(wanted, start + 1)
    return False


def _find_roman(sentence: str) -> Iterator[str]:
    for match in _ROMAN.finditer(sentence):
        if match[0].strip() and (unit := read_unit(sentence, match.end())):
            yield sentence[match.start() : unit[1]]


def _fit(clause: Statement, statement: Statement, value: Value) -> float:
    """Return how much of what a clause says beside the value is said by a statement."""
    said = sum(
        weight * statement.words.get(word, 0.0)
        for word, weight in clause.words.items()
        if word not in value.proves
    )
    bound, kinds = clause.bounds.get(value.form), name_kinds(value.form)
    return said + any(form == bound and kinds & name_kinds(of) for of, form in statement.bounds.items())


def _gives(clause: Statement, statement: Statement, value: Value) -> bool:
    """Tell whether a statement that has a value gives it for what the clause names, as the limit that it names."""
    bounds = {clause.bounds.get(value.form), statement.bounds.get(value.form)} - {None}
    if len(bounds) > 1 or not agree_in_number(clause.text, statement.text):
        return False
    ranges = (
        {low.form, high.form} for low, high in find_ranges(clause.text, clause.values) if value in (low, high)
    )
    if not all(ends <= statement.words.keys() for ends in ranges):
        return False
    return not _excludes(clause, statement) and _agree_neighbours(clause.text, statement.text, value)


def _excludes(clause: Statement, statement: Statement, but: str = "") -> bool:
    """Tell whether a clause says something else where the statement says something: a swap, or a "not" too many."""
    if _deny(clause, statement):
        return True
    known = {word for word, weight in statement.words.items() if weight > SENTENCE_BEFORE}
    said = (clause.own | clause.subject) - known - {but}
    if clause.bounds and statement.bounds:
        said -= LIMITING
    unsaid = statement.own - clause.words.keys()
    return (
        any(are_alternatives(one, other) for one in said for other in unsaid)
        or any(said & theirs and unsaid & mine for mine, theirs in statement.contrasts)
        or _repeats(clause, statement, unsaid)
        or _reverses(clause.text, statement.text)
    )


def _repeats(clause: Statement, statement: Statement, unsaid: Iterable[str]) -> bool:
    """Tell whether a clause says a word again where the statement has its opposite: "raise ... before you raise"."""
    words, there = find_words(clause.text), find_words(statement.text)
    again = [word for word in {*words} if words.count(word) > there.count(word) > 0]
    return any(are_alternatives(word, other) for word in again for other in unsaid)


def _reverses(one: str, other: str) -> bool:
    """Tell whether one text goes from what the other goes to."""
    here, there = _FROM_TO.search(one), _FROM_TO.search(other)
    if not here or not there:
        return False
    begin, end, start, goal = (set(find_words(part)) for part in (*here.groups(), *there.groups()))
    return bool(begin & goal and end & start)


def _deny(clause: Statement, statement: Statement) -> bool:
    """Tell whether one of two denies what the other says."""
    return any(
        word in one.own and word not in one.negated
        for one, other in ((clause, statement), (statement, clause))
        for word in other.negated
    )


def _agree_neighbours(clause: str, statement: str, value: Value) -> bool:
    """Tell whether ``switch 17`` and ``2 x 50`` stand so in the statement, where it counts such things at all."""
    times = [f"{a}x{b}".lower() for a, b in _TIMES.findall(clause)]
    if times and not set(times) <= {f"{a}x{b}".lower() for a, b in _TIMES.findall(statement)}:
        return False
    if not value.text.isdigit():
        return True
    return _agree_word(rf"(\w+)\s+{value.text}\b", r"\b{}\w*\s+(\d+)\b", clause, statement, value.text) and (
        _agree_word(rf"\b{value.text}\s+([a-z]\w+)", r"\b(\d+)\s+{}", clause, statement, value.text)
    )


def _agree_word(written: str, counted: str, clause: str, statement: str, number: str) -> bool:
    match = re.search(written, clause, re.IGNORECASE)
    if not match or not find_words(match[1]):
        return True
    there = re.findall(counted.format(re.escape(match[1].rstrip("s"))), statement, re.IGNORECASE)
    return not there or number in there
