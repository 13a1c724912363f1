"""What passages state and sentences claim: a clause of prose, or a cell of a table with its row and head. Pure."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from edge.guard.wording import (
    Bound,
    are_alternatives,
    find_bounds,
    find_negated,
    find_neighbours,
    find_words,
    name_kinds,
    write_plainly,
)
from edge.text.measures import read_bracketed_unit, read_unit
from edge.text.units import CELL, EMPTY, Unit, split_units
from edge.text.values import Value, find_values
from edge.types import ChunkKind

OWN = 1.0
SAME_SENTENCE = 0.9
HEADING = 0.5
SENTENCE_BEFORE = 0.3
"""Weights of words that stand near a statement, not in it: less than its own, or neighbours would be equal."""

_CLAUSE = re.compile(
    r"(?:[,:]|\s(?:but|while|whereas|then|instead of|rather than)|(?P<and>\s(?:and|und)))\s+"
    r"(?:and\s+|but\s+|then\s+)?",
    re.IGNORECASE,
)
_NUMBERS = re.compile(
    r"(?:(?:above|below|under|over|max\.?|min\.?|up to|[<>≤≥])\s*)?"
    r"[±+-]?\d+(?:[.,]\d+)*(?:\s?(?:-|to|bis|\.\.\.?)\s?[+-]?\d+(?:[.,]\d+)*)?",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\b(?:between|zwischen)\b[^,;]*$", re.IGNORECASE)
_ORDINAL = re.compile(r"\s*(?:step\s+)?\(?(\d{1,2})[.):]\s+(?=[^\W\d])", re.IGNORECASE)
_PRONOUN = re.compile(r"\b(?:it|its|they|them|their)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Statement:
    """Something that is stated.

    Attributes:
        text: its words.
        values: what stands in it.
        words: what it is about, with weights: its words, the values that it proves, and what stands near it.
        bounds: the limit that a value is, by the form of the value.
        negated: the words that it denies.
        own: its own words and forms of values.
        subject: those of earlier clauses of its sentence.
        contrasts: words of its own with those that stand in their place in its neighbours: other rows, other columns.
    """

    text: str
    values: tuple[Value, ...]
    words: Mapping[str, float]
    bounds: Mapping[str, Bound]
    negated: frozenset[str]
    own: frozenset[str]
    subject: frozenset[str] = frozenset()
    contrasts: tuple[tuple[frozenset[str], frozenset[str]], ...] = ()

    def holds(self, forms: Iterable[str]) -> bool:
        """Tell whether it gives one of the forms of a value, itself or for an earlier clause of its sentence."""
        return any(
            self.words[form] < OWN or any(form in value.proves for value in self.values)
            for form in forms
            if form in self.words
        )


@lru_cache(256)
def read_statements(text: str, kind: ChunkKind, heading: str) -> tuple[Statement, ...]:
    """Read all statements of a passage, and its heading as one."""
    around = _weigh(heading, HEADING)
    units = split_units(text, kind)
    found: list[Statement] = []
    before: list[str] = []
    for (unit_kind, _), part in itertools.groupby(units, lambda unit: (unit.kind, unit.header)):
        if unit_kind == "row":
            found += _read_table(list(part), around)
            continue
        prose: list[Statement] = []
        for unit in part:
            sentence = write_plainly(unit.text)
            weight = SAME_SENTENCE if _PRONOUN.search(sentence) else SENTENCE_BEFORE
            ordinal = _ORDINAL.match(sentence)
            near = [*before, ordinal[1]] if ordinal else before
            sentence = sentence[ordinal.end() :] if ordinal else sentence
            prose += read_clauses(sentence, around | dict.fromkeys(near, weight))
            before = find_words(sentence)
        found += _contrast(prose)
    return (*found, *read_clauses(write_plainly(heading), around))


def read_clauses(
    sentence: str, around: Mapping[str, float], inherited: float = SAME_SENTENCE
) -> list[Statement]:
    """Divide a sentence into clauses; each has the words of those before it that its own do not replace."""
    found: list[Statement] = []
    subject: dict[str, float] = {}
    for part in sentence.split("; "):
        subject = {word: weight for word, weight in subject.items() if not any(map(str.isdigit, word))}
        for clause in _split_clauses(part):
            values = tuple(find_values(clause, ordinals=True))
            own = _weigh(clause, OWN, values)
            subject = {w: s for w, s in subject.items() if not any(are_alternatives(w, mine) for mine in own)}
            proved = {form: OWN for value in values for form in value.proves}
            words = {**around, **subject, **proved, **own}
            bounds, negated = find_bounds(clause, values), find_negated(clause)
            found.append(
                Statement(clause, values, words, bounds, negated, frozenset(own), frozenset(subject))
            )
            subject |= dict.fromkeys(own, inherited)
    return found


def _weigh(text: str, weight: float, values: Sequence[Value] | None = None) -> dict[str, float]:
    """Collect the words of a text and the forms of its values; the units of these are no words."""
    text = text if values is not None else write_plainly(text)
    values = find_values(text, ordinals=True) if values is None else values
    rest = text
    for value in values:
        rest = rest.replace(value.text, " . ", 1)
    return dict.fromkeys([*find_words(rest), *(value.form for value in values)], weight)


def _split_clauses(sentence: str) -> list[str]:
    """Divide a sentence behind a value where another of its kind follows: there a new thing begins."""
    clauses, begin = [], 0
    for mark in _CLAUSE.finditer(sentence):
        before, behind = sentence[begin : mark.start()], sentence[mark.end() :]
        if _list_kinds(before) & _list_kinds(behind) and not (mark["and"] and _joins_values(before, behind)):
            clauses.append(before)
            begin = mark.end()
    return [clause for clause in (*clauses, sentence[begin:]) if clause.strip()]


def _joins_values(before: str, behind: str) -> bool:
    """Tell whether an "and" joins two values of one thing: ``V1 and V2``, ``between 5 and 8 mm``."""
    if _BETWEEN.search(before):
        return True
    last, first = find_values(before, ordinals=True)[-1:], find_values(behind, ordinals=True)[:1]
    beside = last and first and before.endswith(last[0].text) and behind.startswith(first[0].text)
    return bool(beside and name_kinds(last[0].form) & name_kinds(first[0].form))


@lru_cache(2_000)
def _list_kinds(text: str) -> frozenset[object]:
    return frozenset(kind for value in find_values(text, ordinals=True) for kind in name_kinds(value.form))


def _contrast(prose: Sequence[Statement]) -> Iterator[Statement]:
    """Give each clause the words that stand in the place of its own in others: "red lamp" and "green lamp"."""
    places: dict[tuple[str, str], set[str]] = defaultdict(set)
    placed = [[*find_neighbours(statement.text)] for statement in prose]
    for first, second in itertools.chain.from_iterable(placed):
        places["before", second].add(first)
        places["behind", first].add(second)
    for statement, pairs in zip(prose, placed, strict=True):
        contrasts = [
            (frozenset({word}), frozenset(found - {word}))
            for first, second in pairs
            for word, found in ((first, places["before", second]), (second, places["behind", first]))
            if len(found) > 1
        ]
        yield replace(statement, contrasts=tuple(contrasts))


def _read_table(rows: Sequence[Unit], around: Mapping[str, float]) -> Iterator[Statement]:
    """Read the cells of a table, each with its row and the head of its column."""
    heads = _split_row(rows[0].header)
    table = [_split_row(row.text) for row in rows]
    words = [[frozenset(_weigh(cell, OWN)) for cell in row] for row in table]
    for number, row in enumerate(table):
        others = [other for n, other in enumerate(words) if n != number and len(other) == len(row)]
        columns = [
            (mine, frozenset[str]().union(*(o[n] for o in others)) - mine)
            for n, mine in enumerate(words[number])
        ]
        yield from _read_row(row, heads if len(heads) == len(row) else [""] * len(row), columns, around)


def _split_row(text: str) -> list[str]:
    return [cell.strip() for cell in write_plainly(text).split(CELL)]


def _read_row(
    row: Sequence[str],
    heads: Sequence[str],
    columns: Sequence[tuple[frozenset[str], frozenset[str]]],
    around: Mapping[str, float],
) -> Iterator[Statement]:
    """Read a row; its first cell stands for the whole of it. Heads of columns with values of a kind are contrasts."""
    cells = _add_units(row, heads)
    heads = [head.partition("(")[0].strip() if read_bracketed_unit(head) else head for head in heads]
    values = [tuple(find_values(cell, ordinals=True)) for cell in cells]
    own = {word for cell, found in zip(cells, values, strict=True) for word in _weigh(cell, OWN, found)}
    proved = {form for found in values for value in found for form in value.proves}
    named = [frozenset(_weigh(head, OWN)) for head in heads]
    kinds = [_list_kinds(cell) for cell in cells]
    for n, (cell, head) in enumerate(zip(cells, heads, strict=True)):
        if cell in ("", EMPTY):
            continue
        text = f"{head}: {cell}" if n and head else cell
        rivals = [named[k] for k in range(1, len(cells)) if n and k != n and kinds[k] & kinds[n]]
        beside = named[n] if n else frozenset[str]().union(*named)
        yield Statement(
            f"{row[0]} | {text}" if n else CELL.join(cells),
            (*find_values(head), *values[n]) if n else values[n],
            {**around, **dict.fromkeys(own | proved | beside, OWN)},
            find_bounds(text, values[n]),
            find_negated(cell if n else CELL.join(cells)),
            frozenset(own | beside),
            contrasts=(*columns, (named[n], frozenset[str]().union(*rivals) - named[n])),
        )


def _add_units(cells: Sequence[str], heads: Sequence[str]) -> list[str]:
    """Add the unit to each number without one: that of the cell on its right, its head, its row or the row's name."""
    columns = [n for n, head in enumerate(heads) if head.lower() in ("unit", "units", "einheit")]
    row = (
        cells[columns[0]]
        if columns
        else read_bracketed_unit(cells[0]) or (cells[0] if _is_unit(cells[0]) else "")
    )
    found = []
    for n, (cell, following) in enumerate(itertools.zip_longest(cells, cells[1:], fillvalue="")):
        unit = (
            (following if _is_unit(following) else "") or read_bracketed_unit(heads[n]) or (row if n else "")
        )
        found.append(f"{cell} {unit}".rstrip() if _NUMBERS.fullmatch(cell) else cell)
    return found


def _is_unit(text: str) -> bool:
    unit = read_unit(text, 0)
    return bool(unit and unit[1] == len(text))
