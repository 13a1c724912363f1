"""What changed between two versions of a pack: in documents, rows and sentences, and above all in values.

A text that stands on another page, or whose step has another number, has not changed. Values are compared by meaning:
``1,450 rpm`` and ``1450 r/min`` are the same.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from itertools import zip_longest
from typing import Literal

from edge.packs.pack import Chunk, Document, Pack
from edge.packs.store import PackStore
from edge.text.measures import read_bracketed_unit
from edge.text.units import CELL, EMPTY, HEADER, Unit, split_units
from edge.text.values import Value, find_values, normalise_characters
from edge.text.words import find_content_words

Kind = Literal["value", "wording", "added", "removed"]
DocumentKind = Literal["added", "removed", "renamed", "changed"]

SAME_DOCUMENT, SAME_TITLE = 0.5, 0.2
"""Share of equal texts from which a document that is gone and a new one are the same; of one title less will do."""
ALIKE, SHORTER_ALIKE = 0.5, 0.75
"""Share of the words of two sentences, and of the shorter one's, that stand in both where one became the other."""
MOST_PAIRS = 250_000
"""Sentences compared one with another; beyond that only those under one heading are."""

_ORDINAL = re.compile(r"^\s*(?:step\s+\d{1,2}[.:)]?|\(?\d{1,3}[.)]|[a-z][.)]|[-•*])\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A value and what it is now, as the pages write them; one of the two is empty for a value that came or went."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Change:
    """A sentence, or a cell of a row, that changed.

    Attributes:
        kind: ``value`` where a value did, ``wording`` where only words did.
        document: its name, in the new version unless it was removed.
        heading: the breadcrumb above it. ``row`` and ``column`` say which cell; empty for prose.
        old, new: the texts; one of them is empty for what was added or removed.
        old_page, new_page: 1-based; None where there is none.
        place: anchor or row, in a file without pages.
    """

    kind: Kind
    document: str
    heading: str
    row: str
    column: str
    old: str
    new: str
    old_page: int | None
    new_page: int | None
    place: str = ""
    values: tuple[ValueChange, ...] = ()

    @property
    def said(self) -> str:
        """One line that says it: ``88 Nm is now 95 Nm, manual.pdf page 41 (Torque, M12, Dry)``."""
        where = f"{self.document} {self.place or f'page {self.new_page or self.old_page}'}"
        about = ", ".join(filter(None, (self.heading.rsplit(" > ", 1)[-1], self.row, self.column)))
        return f"{self._say_what()}, {where}{f' ({about})' if about else ''}"

    def _say_what(self) -> str:
        if self.kind == "value":
            return "; ".join(map(_say_value, self.values))
        if self.kind == "wording":
            return f'"{self.old}" is now "{self.new}"'
        return f'Added "{self.new}"' if self.kind == "added" else f'Removed "{self.old}"'


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """A document that came, went, changed or has another name; ``was`` is the name it had."""

    kind: DocumentKind
    name: str
    was: str = ""


@dataclass(frozen=True, slots=True)
class PackChanges:
    """What changed from one version of a pack to another. Changes of values come first."""

    name: str
    old_version: str
    new_version: str
    old_digest: str
    new_digest: str
    documents: tuple[DocumentChange, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Piece:
    """A sentence or row of a document, and where it stands."""

    text: str
    heading: str
    header: str
    is_row: bool
    page: int
    chunk: int

    @cached_property
    def cells(self) -> tuple[str, ...]:
        """The cells of a row."""
        return tuple(cell.strip() for cell in self.text.split(CELL)) if self.is_row else ()

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The heads of its columns; as many empty ones as it has cells where the table has none."""
        heads = tuple(head.strip() for head in self.header.split(CELL))
        return heads if len(heads) == len(self.cells) else ("",) * len(self.cells)

    @cached_property
    def key(self) -> tuple[str, ...]:
        """What is equal for equal pieces: the text without its number, the cells each with the unit of its column."""
        if self.is_row:
            return tuple(f"{cell} [{unit}]" for cell, unit in zip(self.cells, self.units, strict=True))
        return (" ".join(_ORDINAL.sub("", self.text).split()),)

    @cached_property
    def units(self) -> tuple[str, ...]:
        """The unit that the head of each column gives; empty for none."""
        return tuple(read_bracketed_unit(normalise_characters(head)) for head in self.columns)

    @cached_property
    def words(self) -> frozenset[str]:
        """The words that carry meaning, without values."""
        return frozenset(w for w in find_content_words(self.text) if not any(map(str.isdigit, w)))

    @cached_property
    def skeleton(self) -> str:
        """The text with ``#`` for each value."""
        text = normalise_characters(self.key[0])
        for value in find_values(text):
            for written in (value.text, value.text.split()[0]):
                if written in text:
                    text = text.replace(written, "#", 1)
                    break
        return text

    @property
    def spoken(self) -> str:
        """The text as it is quoted."""
        return Unit(0, "row" if self.is_row else "sentence", self.text, self.header).spoken


def compare(old: Pack, new: Pack) -> PackChanges:
    """Compare two versions of a pack.

    Raises:
        PackError: one of them is damaged.
    """
    documents: list[DocumentChange] = []
    changes: list[Change] = []
    olds = {document.name: document for document in old.list_documents()}
    news = {document.name: document for document in new.list_documents()}
    renamed = _find_renamed(old, new, olds, news)
    for name, document in news.items():
        before = olds.get(renamed.get(name, name))
        if before is None:
            documents.append(DocumentChange("added", name))
            continue
        found = [] if before.sha256 == document.sha256 else _compare_documents(old, before, new, document)
        changes += found
        if name in renamed:
            documents.append(DocumentChange("renamed", name, renamed[name]))
        elif before.sha256 != document.sha256:
            documents.append(DocumentChange("changed", name))
    gone = olds.keys() - news.keys() - set(renamed.values())
    documents += [DocumentChange("removed", name) for name in olds if name in gone]
    order = {"value": 0, "removed": 1, "added": 2, "wording": 3}
    return PackChanges(
        name=new.manifest.name,
        old_version=old.version,
        new_version=new.version,
        old_digest=old.digest,
        new_digest=new.digest,
        documents=tuple(documents),
        changes=tuple(sorted(changes, key=lambda change: order[change.kind])),
    )


def compare_versions(store: PackStore, name: str, old: str = "", new: str = "") -> PackChanges:
    """Compare two versions of an installed pack.

    Args:
        old, new: their numbers; empty for the one before and the one in use.

    Raises:
        NotFoundError: there is no such pack or version.
        PackError: one of them is damaged.
    """
    with (
        store.open_version(name, new) if new else store.open(name) as after,
        store.open_version(name, old) if old else store.open_previous(name) as before,
    ):
        return compare(before, after)


def read_pieces(pack: Pack, document: Document) -> list[Piece]:
    """Return the sentences and rows of a document in order; a line that a later chunk repeats is read once."""
    chunks = pack.get_chunks(range(document.first_chunk, document.last_chunk + 1))
    pieces: list[Piece] = []
    section, lines = -1, set[str]()
    for chunk in chunks:
        if chunk.section != section:
            section, lines = chunk.section, set()
        pieces += _read_chunk(chunk, lines)
        lines |= set(chunk.text.split("\n"))
    return pieces


def compare_pieces(
    old: Sequence[Piece],
    new: Sequence[Piece],
    document: str,
    find_place: Callable[[int], str] = lambda chunk: "",
) -> Iterator[Change]:
    """Yield what changed from some pieces to others.

    Args:
        document: its name.
        find_place: anchor or row of the chunk of a new piece.
    """
    left, right = _drop_common(old, new)
    pairs = [*_pair_rows(left, right), *_pair_sentences(left, right)]
    paired = {id(piece) for pair in pairs for piece in pair}
    for before, after in sorted(pairs, key=lambda pair: pair[1].chunk):
        yield from _describe_pair(before, after, document, find_place(after.chunk))
    for piece in left:
        if id(piece) not in paired:
            yield Change("removed", document, piece.heading, "", "", piece.spoken, "", piece.page, None)
    for piece in right:
        if id(piece) not in paired:
            place = find_place(piece.chunk)
            yield Change("added", document, piece.heading, "", "", "", piece.spoken, None, piece.page, place)


def _compare_documents(old: Pack, before: Document, new: Pack, after: Document) -> list[Change]:
    places = new.find_places(after.first_chunk, after.last_chunk)
    pieces = read_pieces(old, before), read_pieces(new, after)
    return list(compare_pieces(*pieces, after.name, lambda chunk: places.get(chunk, "")))


def _read_chunk(chunk: Chunk, known: set[str]) -> Iterator[Piece]:
    lines = chunk.text.split("\n")
    repeated = len(lines) > 1 and lines[0] in known
    for unit in split_units(chunk.text, chunk.kind):
        if unit.kind == "sentence" and repeated and unit.line == 0:
            continue
        yield Piece(unit.text, chunk.heading, unit.header, unit.kind == "row", chunk.page_from, chunk.id)
    for line in lines:
        if line.startswith(HEADER) and line not in known:
            yield Piece(line.removeprefix(HEADER), chunk.heading, "", False, chunk.page_from, chunk.id)


def _find_renamed(
    old: Pack, new: Pack, olds: dict[str, Document], news: dict[str, Document]
) -> dict[str, str]:
    """Return the name before of each document that has another name now: the same file, or most of its texts."""
    gone = [olds[name] for name in olds if name not in news]
    came = [news[name] for name in news if name not in olds]
    if not gone or not came:
        return {}
    texts = {d.name: _list_keys(old, d) for d in gone}
    found: dict[str, str] = {}
    for document in came:
        keys = _list_keys(new, document)
        for before in gone:
            shared = len(keys & texts[before.name]) / max(min(len(keys), len(texts[before.name])), 1)
            needed = SAME_TITLE if before.title == document.title else SAME_DOCUMENT
            if (before.sha256 == document.sha256 or shared >= needed) and before.name not in found.values():
                found[document.name] = before.name
                break
    return found


def _list_keys(pack: Pack, document: Document) -> set[tuple[str, ...]]:
    return {piece.key for piece in read_pieces(pack, document)}


def _drop_common(old: Sequence[Piece], new: Sequence[Piece]) -> tuple[list[Piece], list[Piece]]:
    """Drop the pieces that stand in both, first under the same heading, then anywhere."""
    left, right = list(old), list(new)
    for name in (lambda piece: (piece.heading, piece.key), lambda piece: piece.key):
        here, there = Counter(map(name, left)), Counter(map(name, right))
        common = here & there
        left, right = _take_away(left, name, Counter(common)), _take_away(right, name, Counter(common))
    return left, right


def _take_away(
    pieces: Iterable[Piece], name: Callable[[Piece], object], common: Counter[object]
) -> list[Piece]:
    kept: list[Piece] = []
    for piece in pieces:
        if common[name(piece)] > 0:
            common[name(piece)] -= 1
        else:
            kept.append(piece)
    return kept


def _pair_rows(left: Sequence[Piece], right: Sequence[Piece]) -> list[tuple[Piece, Piece]]:
    """Pair rows of one name, first under the same heading; then rows that only their name tells apart."""
    pairs: list[tuple[Piece, Piece]] = []
    ways: tuple[Callable[[Piece], object], ...] = (
        lambda row: (row.heading, row.cells[0]),
        lambda row: row.cells[0],
        lambda row: (row.heading, row.key[1:]) if len(row.cells) > 1 else id(row),
    )
    rows, others = [p for p in left if p.is_row], [p for p in right if p.is_row]
    for way in ways:
        waiting: dict[object, list[Piece]] = defaultdict(list)
        for row in others:
            waiting[way(row)].append(row)
        for row in list(rows):
            same = waiting[way(row)]
            if same:
                best = max(same, key=lambda other: len(set(row.key) & set(other.key)))
                same.remove(best)
                pairs.append((row, best))
                rows.remove(row)
                others.remove(best)
    return pairs


def _pair_sentences(left: Sequence[Piece], right: Sequence[Piece]) -> list[tuple[Piece, Piece]]:
    """Pair sentences that differ in values only, then those that share most of their words; the most alike first."""
    pairs: list[tuple[Piece, Piece]] = []
    sentences, others = [p for p in left if not p.is_row], [p for p in right if not p.is_row]
    scored = sorted(_score_pairs(sentences, others), key=lambda pair: -pair[0])
    used: set[int] = set()
    for _, before, after in scored:
        if id(before) not in used and id(after) not in used:
            used |= {id(before), id(after)}
            pairs.append((before, after))
    return pairs


def _score_pairs(left: Sequence[Piece], right: Sequence[Piece]) -> Iterator[tuple[float, Piece, Piece]]:
    few = len(left) * len(right) <= MOST_PAIRS
    by_heading: dict[str, list[Piece]] = defaultdict(list)
    by_skeleton: dict[str, list[Piece]] = defaultdict(list)
    for piece in right:
        by_heading[piece.heading].append(piece)
        by_skeleton[piece.skeleton].append(piece)
    for before in left:
        near = [*by_skeleton[before.skeleton], *(right if few else by_heading[before.heading])]
        for after in near:
            if score := _measure_likeness(before, after):
                yield score + 0.5 * (before.heading == after.heading), before, after


def _measure_likeness(before: Piece, after: Piece) -> float:
    if before.skeleton == after.skeleton:
        return 2.0
    shared, every = len(before.words & after.words), len(before.words | after.words)
    shorter = min(len(before.words), len(after.words))
    if not shorter or shared / every < ALIKE or shared / shorter < SHORTER_ALIKE:
        return 0.0
    return shared / every


def _describe_pair(before: Piece, after: Piece, document: str, place: str) -> Iterator[Change]:
    pages = before.page, after.page
    if not after.is_row:
        values = tuple(_compare_values(find_values(before.key[0]), find_values(after.key[0])))
        kind: Kind = "value" if values else "wording"
        yield Change(
            kind, document, after.heading, "", "", before.spoken, after.spoken, *pages, place, values
        )
        return
    for column, old, new in _pair_cells(before, after):
        values = tuple(_compare_values(find_values(old), find_values(new)))
        kind = "value" if values else "wording"
        row = after.cells[0]
        if len(before.cells) == len(after.cells) or (old and new):
            yield Change(kind, document, after.heading, row, column, old, new, *pages, place, values)
        else:
            kind = "added" if new else "removed"
            yield Change(kind, document, after.heading, row, column, old, new, *pages, place)


def _pair_cells(before: Piece, after: Piece) -> Iterator[tuple[str, str, str]]:
    """Yield column, old cell and new cell where they differ, each with its unit; empty where there is no such cell."""
    old = [_write_cell(cell, unit) for cell, unit in zip(before.cells, before.units, strict=True)]
    new = [_write_cell(cell, unit) for cell, unit in zip(after.cells, after.units, strict=True)]
    if len(old) == len(new) or not (any(before.columns) and any(after.columns)):
        triples = zip_longest(after.columns, old, new, fillvalue="")
    else:
        was, now = dict(zip(before.columns, old, strict=True)), dict(zip(after.columns, new, strict=True))
        triples = ((column, was.get(column, ""), now.get(column, "")) for column in {**was, **now})  # type: ignore[assignment]
    yield from (triple for triple in triples if triple[1] != triple[2])


def _write_cell(cell: str, unit: str) -> str:
    """Write a cell with the unit that its column gives to bare numbers."""
    if cell == EMPTY:
        return ""
    values = find_values(cell, ordinals=True)
    is_bare = len(values) == 1 and values[0].text == cell and " " not in values[0].form
    return f"{cell} {unit}" if unit and is_bare else cell


def _compare_values(old: Sequence[Value], new: Sequence[Value]) -> Iterator[ValueChange]:
    """Yield the values that changed, those of one unit paired."""
    matcher = SequenceMatcher(None, [v.form for v in old], [v.form for v in new], autojunk=False)
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag != "equal":
            yield from _pair_values(old[i:j], new[k:m])


def _pair_values(old: Sequence[Value], new: Sequence[Value]) -> Iterator[ValueChange]:
    came = list(new)
    for position, value in enumerate(old):
        same = [other for other in came if _read_unit(other) == _read_unit(value)]
        if not same and len(old) == len(new):
            same = [new[position]] if new[position] in came else []
        if same:
            came.remove(same[0])
        yield ValueChange(value.text, same[0].text if same else "")
    yield from (ValueChange("", value.text) for value in came)


def _read_unit(value: Value) -> str:
    return value.form.partition(" ")[2]


def _say_value(value: ValueChange) -> str:
    if value.old and value.new:
        return f"{value.old} is now {value.new}"
    return f"{value.old} is no longer given" if value.old else f"{value.new} is new"
