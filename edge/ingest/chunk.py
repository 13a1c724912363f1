"""Blocks to chunks of about a hundred words, never across headings, never through a warning, a step or a table row.

Pure apart from ``count_tokens``, which is called with whole batches. Token counts add up over pieces of a text (a
word-piece tokenizer never joins across a line break), so that a chunk's size is known before its text is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil

from edge.ingest.document import Block, SourceDocument
from edge.packs.record import Record
from edge.text.units import HEADER
from edge.types import Box, ChunkKind

MAX_TOKENS = 220
WHOLE_TOKENS = 180
"""A section that fits in this is not divided."""
TARGET_WORDS = 100
MAX_LEAD_IN = 40
"""Tokens of a sentence that is repeated in front of every part of the list it announces."""

CountTokens = Callable[[Sequence[str]], list[int]]
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[^\sa-zà-ÿ])|\n")
_LINE_END = re.compile(r"\n")
_STEP_NUMBER = re.compile(r"(\d{1,3})\. ")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A block, or a part of one that is too long. ``tokens`` and ``words`` are those of ``block.text``."""

    block: Block
    tokens: int

    @property
    def words(self) -> int:
        return len(self.block.text.split())


@dataclass(frozen=True, slots=True)
class _Section:
    number: int
    heading: str
    pieces: tuple[_Piece, ...]


def chunk(document: SourceDocument, count_tokens: CountTokens) -> list[Record]:
    """Divide a document into records of at most ``MAX_TOKENS`` tokens, in reading order.

    Args:
        document: what a reader returned.
        count_tokens: tokens of each text, without special ones.
    """
    counted = _counted(document.blocks, count_tokens)
    heads = sorted({block.header for block in document.blocks if block.header})
    headers = dict(zip(heads, count_tokens([HEADER + head for head in heads]), strict=True))
    records: list[Record] = []
    for section in _sections(document, counted):
        for group in _divide(section.pieces, headers):
            records.append(_record(section, group, headers))
    return _bounded(records, count_tokens)


# -- pieces


def _counted(blocks: Sequence[Block], count_tokens: CountTokens) -> list[_Piece]:
    """Every block with its tokens; a block that is too long for one chunk is cut."""
    counts = count_tokens([block.text for block in blocks]) if blocks else []
    long = [
        block
        for block, count in zip(blocks, counts, strict=True)
        if count > _room(block) and block.kind != "heading"
    ]
    parts = {id(block): _parts(block) for block in long}
    flat = [part.text for block in long for part in parts[id(block)]]
    part_counts = iter(count_tokens(flat) if flat else [])
    pieces: list[_Piece] = []
    for block, count in zip(blocks, counts, strict=True):
        if id(block) in parts:
            small = [_Piece(part, next(part_counts)) for part in parts[id(block)]]
            pieces += _refilled(block, small)
        else:
            pieces.append(_Piece(block, count))
    return pieces


def _room(block: Block) -> int:
    return MAX_TOKENS - (60 if block.header else 0)


def _parts(block: Block) -> list[Block]:
    """The sentences of a block, those of more than 40 words cut at words, and words of more than 100 characters cut."""
    cut = _LINE_END if block.kind == "code" else _SENTENCE_END
    sentences = [s for s in cut.split(block.text) if s.strip()]
    texts: list[str] = []
    for sentence in sentences:
        words = [word[i : i + 100] for word in sentence.split(" ") for i in range(0, max(len(word), 1), 100)]
        texts += (
            [" ".join(words[i : i + 40]) for i in range(0, len(words), 40)]
            if len(words) > 40
            else [" ".join(words)]
        )
    return [replace(block, text=text) for text in texts]


def _refilled(block: Block, parts: list[_Piece]) -> list[_Piece]:
    """Join sentences again up to the room a chunk has, and give each piece its share of the lines."""
    glue = "\n" if block.kind == "code" else " "
    groups: list[list[_Piece]] = []
    total = 0
    for part in parts:
        if groups and total + part.tokens <= min(_room(block), WHOLE_TOKENS):
            groups[-1].append(part)
            total += part.tokens
        else:
            groups.append([part])
            total = part.tokens
    length = sum(len(p.block.text) for p in parts) or 1
    pieces, done = [], 0
    for group in groups:
        size = sum(len(p.block.text) for p in group)
        boxes = _share(block.boxes, done / length, (done + size) / length)
        done += size
        text = glue.join(p.block.text for p in group)
        page = boxes[0].page if boxes else block.page
        pieces.append(_Piece(replace(block, text=text, boxes=boxes, page=page), sum(p.tokens for p in group)))
    return pieces


def _share(boxes: tuple[Box, ...], start: float, end: float) -> tuple[Box, ...]:
    """The lines that hold the stretch of a block between two fractions of its length."""
    if not boxes:
        return ()
    first = min(int(start * len(boxes)), len(boxes) - 1)
    last = min(max(first + 1, -int(-end * len(boxes) // 1)), len(boxes))
    return boxes[first:last]


# -- sections


def _sections(document: SourceDocument, pieces: Sequence[_Piece]) -> Iterator[_Section]:
    """Text under one heading, with the headings above it as a breadcrumb."""
    trail: list[tuple[int, str]] = []
    number = 0
    current: list[_Piece] = []
    for piece in pieces:
        if piece.block.kind != "heading":
            current.append(piece)
            continue
        if current:
            yield _Section(number, _breadcrumb(document, trail), tuple(current))
            current = []
        number += 1
        while trail and trail[-1][0] >= piece.block.level:
            trail.pop()
        trail.append((piece.block.level, piece.block.text))
    if current:
        yield _Section(number, _breadcrumb(document, trail), tuple(current))


def _breadcrumb(document: SourceDocument, trail: Sequence[tuple[int, str]]) -> str:
    return " > ".join(text for _, text in trail) or document.title


# -- chunks of a section


def _divide(pieces: Sequence[_Piece], headers: dict[str, int]) -> Iterator[list[_Piece]]:
    """Fill chunks with whole units (a paragraph, a list, a table) and divide only the units that are too large."""
    if pieces[0].block.kind == "record":
        yield from ([piece] for piece in pieces)
    elif _size(pieces, headers) <= WHOLE_TOKENS:
        yield list(pieces)
    else:
        groups: list[list[_Piece]] = []
        target = _even_share(_words(pieces))
        for unit in _units(pieces):
            for part in _unit_parts(unit, headers):
                if groups and not _closes(groups[-1], part, target, headers):
                    groups[-1] = groups[-1] + part
                else:
                    groups.append(part)
        yield from _without_scraps(groups, headers)


def _even_share(words: int) -> float:
    """Words a chunk, so that the last one is not much smaller than the others."""
    return words / max(1, ceil(words / (1.15 * TARGET_WORDS)))


def _without_scraps(groups: list[list[_Piece]], headers: dict[str, int]) -> Iterator[list[_Piece]]:
    """Join a last group of a few words to the one before it where both fit."""
    if len(groups) > 1 and _words(groups[-1]) < 0.3 * TARGET_WORDS:
        last = [piece for piece in groups[-1] if piece not in groups[-2]]
        if _size([*groups[-2], *last], headers) <= MAX_TOKENS:
            groups = [*groups[:-2], groups[-2] + last]
    yield from groups


def _units(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    """Runs of pieces that belong together: a lead-in with its list, the steps of a procedure, the rows of a table."""
    units: list[list[_Piece]] = []
    for piece in pieces:
        if units and _belongs(units[-1][-1].block, piece.block):
            units[-1].append(piece)
        elif since := _procedure_begun(units, piece.block):
            units[-since:] = [[each for unit in units[-since:] for each in unit] + [piece]]
        else:
            units.append([piece])
    return units


def _belongs(before: Block, block: Block) -> bool:
    leads_in = before.kind == "paragraph" and before.text.endswith(":")
    match block.kind:
        case "item" | "step":
            return leads_in or before.kind in ("item", "step")
        case "code":
            return leads_in or before.kind in ("item", "step", "code")
        case "row":
            return before.kind == "row" and before.header == block.header
    return False


def _procedure_begun(units: list[list[_Piece]], block: Block) -> int:
    """How many units back the step before this one stands, if code, a remark or a warning came between; else 0."""
    if block.kind != "step" or not (match := _STEP_NUMBER.match(block.text)):
        return 0
    wanted = f"{int(match[1]) - 1}. "
    for since, unit in enumerate(reversed(units[-3:]), 1):
        steps = [piece.block.text for piece in unit if piece.block.kind == "step"]
        if steps:
            return since if steps[-1].startswith(wanted) else 0
    return 0


def _unit_parts(unit: list[_Piece], headers: dict[str, int]) -> Iterator[list[_Piece]]:
    """The unit, whole if it fits; else parts of it, each with the lead-in of the list in front."""
    if _size(unit, headers) <= MAX_TOKENS:
        yield unit
        return
    part: list[_Piece] = []
    lead: list[_Piece] = []
    target = _even_share(_words(unit))
    for at, piece in enumerate(unit):
        too_long = _size([*part, piece], headers) > MAX_TOKENS
        enough = _words(part) + 0.5 * piece.words > target and not (part and _leads_in(part[-1], piece))
        if len(part) > len(lead) and (too_long or enough):
            yield part
            part = lead = _lead_in(unit, at)
            if _size([*part, piece], headers) > MAX_TOKENS:
                part = lead = []
        part = [*part, piece]
    yield part


def _lead_in(unit: list[_Piece], at: int) -> list[_Piece]:
    """What leads into the list that goes on at ``at``: no list stands without its lead-in, or under that of another.

    Between the steps of a procedure other lists may stand, which have lead-ins of their own.
    """
    kind = unit[at].block.kind
    for before, following in zip(reversed(unit[:at]), reversed(unit[1 : at + 1]), strict=True):
        if following.block.kind == kind and before.block.kind != kind:
            if _leads_in(before, following):
                return [before] if before.tokens <= MAX_LEAD_IN else []
            if kind != "step":
                return []
    return []


def _leads_in(before: _Piece, piece: _Piece) -> bool:
    return before.block.text.endswith(":") and piece.block.kind in ("item", "step", "code")


def _closes(group: list[_Piece], part: list[_Piece], target: float, headers: dict[str, int]) -> bool:
    """Whether the chunk is full before this part."""
    if _size([*group, *part], headers) > MAX_TOKENS:
        return True
    if part[0].block.kind == "warning" or group[-1].block.text.endswith(":"):
        return False
    return _words(group) + 0.5 * _words(part) > target


def _words(pieces: Sequence[_Piece]) -> int:
    return sum(piece.words for piece in pieces)


def _size(pieces: Sequence[_Piece], headers: dict[str, int]) -> int:
    """Tokens of a chunk made of these pieces, its header rows included."""
    tokens, header = 0, ""
    for piece in pieces:
        if piece.block.header and piece.block.header != header:
            tokens += headers[piece.block.header]
        header = piece.block.header
        tokens += piece.tokens
    return tokens


# -- records


def _record(section: _Section, pieces: Sequence[_Piece], headers: dict[str, int]) -> Record:
    lines: list[str] = []
    header = ""
    fits = _size(pieces, headers) <= MAX_TOKENS
    for piece in pieces:
        if piece.block.header and piece.block.header != header and fits:
            lines.append(HEADER + piece.block.header)
        header = piece.block.header
        lines.append(piece.block.text)
    boxes = tuple(box for piece in pieces for box in piece.block.boxes)
    pages = [piece.block.page for piece in pieces] + [box.page for box in boxes]
    return Record(
        kind=_kind([piece.block for piece in pieces]),
        heading=section.heading,
        text="\n".join(lines),
        page_from=min(pages),
        page_to=max(pages),
        section=section.number,
        boxes=boxes,
    )


def _kind(blocks: Sequence[Block]) -> ChunkKind:
    kinds = [block.kind for block in blocks]
    letters = {kind: sum(len(b.text) for b in blocks if b.kind == kind) for kind in set(kinds)}
    half = sum(letters.values()) / 2
    if kinds.count("step") >= 2:
        return "steps"
    if letters.get("row", 0) + letters.get("record", 0) > half:
        return "table"
    if letters.get("code", 0) > half:
        return "code"
    return "warning" if set(kinds) == {"warning"} else "text"


def _bounded(records: Sequence[Record], count_tokens: CountTokens) -> list[Record]:
    """Guarantee the limit: a record that still exceeds it (one enormous token run) is halved at words."""
    counts = count_tokens([record.text for record in records]) if records else []
    bounded: list[Record] = []
    for record, count in zip(records, counts, strict=True):
        bounded += [record] if count <= MAX_TOKENS else _bounded(_halves(record), count_tokens)
    return bounded


def _halves(record: Record) -> list[Record]:
    middle = len(record.text) // 2
    cut = max(record.text.rfind("\n", 0, middle), record.text.rfind(" ", 0, middle))
    cut = cut if cut > 0 else middle
    if len(record.text) < 2:
        return []
    return [replace(record, text=record.text[:cut].strip()), replace(record, text=record.text[cut:].strip())]
