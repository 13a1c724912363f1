"""Blocks to chunks of about a hundred words, never across headings, never through a warning, a step or a table row.

Pure apart from ``count_tokens``, which is called with whole batches. Token counts add up over pieces of a text (a
word-piece tokenizer never joins across a line break), so that a chunk's size is known before its text is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from math import ceil

from edge.errors import DocumentError
from edge.ingest.document import Block, SourceDocument
from edge.packs.record import Page, Record
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
class ChunkedDocument:
    """A document divided into records. ``title`` is the one it gives itself, or empty; ``notes`` are its reader's."""

    title: str
    pages: tuple[Page, ...]
    records: tuple[Record, ...]
    notes: tuple[str, ...] = ()


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


def chunk_document(name: str, document: SourceDocument, count_tokens: CountTokens) -> ChunkedDocument:
    """Divide a document into records.

    Args:
        count_tokens: what the embedder calls a token.

    Raises:
        DocumentError: it holds no text.
    """
    records = tuple(chunk_blocks(document, count_tokens))
    if not records:
        raise DocumentError(
            f"{name} holds no text.", "A scanned document needs text recognition (OCR) first."
        )
    return ChunkedDocument(document.title, document.pages, records, document.notes)


def estimate_tokens(texts: Sequence[str]) -> list[int]:
    """Count four characters as a token, and at least one token for each word."""
    return [max(len(text) // 4, len(text.split())) for text in texts]


def chunk_blocks(document: SourceDocument, count_tokens: CountTokens) -> list[Record]:
    """Divide a document into records of at most ``MAX_TOKENS`` tokens, in reading order.

    Args:
        document: what a reader returned.
        count_tokens: tokens of each text, without special ones.
    """
    counted = _count_pieces(document.blocks, count_tokens)
    heads = sorted({block.header for block in document.blocks if block.header})
    headers = dict(zip(heads, count_tokens([HEADER + head for head in heads]), strict=True))
    records: list[Record] = []
    for section in _split_sections(document, counted):
        for group in _divide(section.pieces, headers):
            records.append(_make_record(section, group, headers))
    return _enforce_limit(records, count_tokens)


# -- pieces


def _count_pieces(blocks: Sequence[Block], count_tokens: CountTokens) -> list[_Piece]:
    """Count the tokens of every block; divide a block that is too long for one chunk."""
    counts = count_tokens([block.text for block in blocks]) if blocks else []
    long = [
        block
        for block, count in zip(blocks, counts, strict=True)
        if count > _get_limit(block) and block.kind != "heading"
    ]
    parts = {id(block): _split_block(block) for block in long}
    flat = [part.text for block in long for part in parts[id(block)]]
    part_counts = iter(count_tokens(flat) if flat else [])
    pieces: list[_Piece] = []
    for block, count in zip(blocks, counts, strict=True):
        if id(block) in parts:
            small = [_Piece(part, next(part_counts)) for part in parts[id(block)]]
            pieces += _merge_parts(block, small)
        else:
            pieces.append(_Piece(block, count))
    return pieces


def _get_limit(block: Block) -> int:
    return MAX_TOKENS - (60 if block.header else 0)


def _split_block(block: Block) -> list[Block]:
    """Split a block at sentences, a sentence at 40 words, a word at 100 characters."""
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


def _merge_parts(block: Block, parts: list[_Piece]) -> list[_Piece]:
    """Join sentences again up to the limit of a chunk, and give each piece its share of the lines."""
    glue = "\n" if block.kind == "code" else " "
    groups: list[list[_Piece]] = []
    total = 0
    for part in parts:
        if groups and total + part.tokens <= min(_get_limit(block), WHOLE_TOKENS):
            groups[-1].append(part)
            total += part.tokens
        else:
            groups.append([part])
            total = part.tokens
    length = sum(len(p.block.text) for p in parts) or 1
    pieces, done = [], 0
    for group in groups:
        size = sum(len(p.block.text) for p in group)
        boxes = _take_boxes(block.boxes, done / length, (done + size) / length)
        done += size
        text = glue.join(p.block.text for p in group)
        page = boxes[0].page if boxes else block.page
        pieces.append(_Piece(replace(block, text=text, boxes=boxes, page=page), sum(p.tokens for p in group)))
    return pieces


def _take_boxes(boxes: tuple[Box, ...], start: float, end: float) -> tuple[Box, ...]:
    """Return the lines that hold the part of a block between two fractions of its length."""
    if not boxes:
        return ()
    first = min(int(start * len(boxes)), len(boxes) - 1)
    last = min(max(first + 1, -int(-end * len(boxes) // 1)), len(boxes))
    return boxes[first:last]


# -- sections


def _split_sections(document: SourceDocument, pieces: Sequence[_Piece]) -> Iterator[_Section]:
    """Yield the text under each heading, with the headings above it as a breadcrumb.

    A record is a section of its own: the rows around it say nothing about it. So are the rows of a table with a title,
    which ends their breadcrumb. Headings with nothing under them are text under the heading above them.
    """
    trail: list[tuple[int, str]] = []
    number = 0
    title = ""
    current: list[_Piece] = []
    for piece in _lower_bare_headings(document, pieces):
        is_bare = piece.block.kind == "paragraph" and piece.block.level > 0
        starts = piece.block.kind in ("heading", "record") or piece.block.title != title
        starts |= is_bare and not (current and current[-1].block.level == piece.block.level)
        if starts and current:
            yield _Section(number, _format_breadcrumb(document, trail, title), tuple(current))
            current = []
        number += starts
        title = piece.block.title
        while piece.block.level and trail and trail[-1][0] >= piece.block.level:
            trail.pop()
        if piece.block.kind != "heading":
            current.append(piece)
            continue
        trail.append((piece.block.level, piece.block.text))
    if current:
        yield _Section(number, _format_breadcrumb(document, trail, title), tuple(current))


def _lower_bare_headings(document: SourceDocument, pieces: Sequence[_Piece]) -> Iterator[_Piece]:
    """Yield the pieces with every heading that has nothing under it as a paragraph of its level.

    No breadcrumb would hold it. The title of the document is kept elsewhere; an entry of the outline that is printed on
    no page is no text.
    """
    on_paper = any(page.width for page in document.pages)
    for piece, following in zip_longest(pieces, pieces[1:]):
        block = piece.block
        is_last = following is None or (
            following.block.kind == "heading" and following.block.level <= block.level
        )
        if block.kind != "heading" or not is_last:
            yield piece
        elif block.text != document.title and (block.boxes or not on_paper):
            yield replace(piece, block=replace(block, kind="paragraph"))


def _format_breadcrumb(document: SourceDocument, trail: Sequence[tuple[int, str]], title: str) -> str:
    above = " > ".join(text for _, text in trail) or document.title
    return " > ".join(filter(None, (above, title)))


# -- chunks of a section


def _divide(pieces: Sequence[_Piece], headers: dict[str, int]) -> Iterator[list[_Piece]]:
    """Fill chunks with whole units (a paragraph, a list, a table); divide only the units that are too large."""
    if _count_tokens(pieces, headers) <= WHOLE_TOKENS:
        yield list(pieces)
    else:
        groups: list[list[_Piece]] = []
        target = _compute_target(_count_words(pieces))
        for unit in _group_units(pieces):
            for part in _split_unit(unit, headers):
                if groups and not _is_full(groups[-1], part, target, headers):
                    groups[-1] = groups[-1] + part
                else:
                    groups.append(part)
        yield from _merge_scrap(groups, headers)


def _compute_target(words: int) -> float:
    """Return the words for each chunk that make the last one about as long as the others."""
    return words / max(1, ceil(words / (1.15 * TARGET_WORDS)))


def _merge_scrap(groups: list[list[_Piece]], headers: dict[str, int]) -> Iterator[list[_Piece]]:
    """Join a last group of a few words to the one before it where both fit."""
    if len(groups) > 1 and _count_words(groups[-1]) < 0.3 * TARGET_WORDS:
        last = [piece for piece in groups[-1] if piece not in groups[-2]]
        if _count_tokens([*groups[-2], *last], headers) <= MAX_TOKENS:
            groups = [*groups[:-2], groups[-2] + last]
    yield from groups


def _group_units(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    """Group pieces that belong together: a lead-in with its list, the steps of a procedure, the rows of a table."""
    units: list[list[_Piece]] = []
    for piece in pieces:
        if units and _belongs(units[-1][-1].block, piece.block):
            units[-1].append(piece)
        elif since := _find_procedure(units, piece.block):
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


def _find_procedure(units: list[list[_Piece]], block: Block) -> int:
    """Return how many units back the previous step stands, if code, a remark or a warning came between; else 0."""
    if block.kind != "step" or not (match := _STEP_NUMBER.match(block.text)):
        return 0
    wanted = f"{int(match[1]) - 1}. "
    for since, unit in enumerate(reversed(units[-3:]), 1):
        steps = [piece.block.text for piece in unit if piece.block.kind == "step"]
        if steps:
            return since if steps[-1].startswith(wanted) else 0
    return 0


def _split_unit(unit: list[_Piece], headers: dict[str, int]) -> Iterator[list[_Piece]]:
    """Yield the unit if it fits; else parts of it, each with the lead-in of its list in front."""
    if _count_tokens(unit, headers) <= MAX_TOKENS:
        yield unit
        return
    part: list[_Piece] = []
    lead: list[_Piece] = []
    target = _compute_target(_count_words(unit))
    for at, piece in enumerate(unit):
        too_long = _count_tokens([*part, piece], headers) > MAX_TOKENS
        enough = _count_words(part) + 0.5 * piece.words > target and not (part and _leads_in(part[-1], piece))
        if len(part) > len(lead) and (too_long or enough):
            yield part
            part = lead = _find_lead_in(unit, at)
            if _count_tokens([*part, piece], headers) > MAX_TOKENS:
                part = lead = []
        part = [*part, piece]
    yield part


def _find_lead_in(unit: list[_Piece], at: int) -> list[_Piece]:
    """Find the sentence that announces the list which goes on at ``at``; a list never gets the lead-in of another.

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


def _is_full(group: list[_Piece], part: list[_Piece], target: float, headers: dict[str, int]) -> bool:
    """Return whether the chunk is full before this part."""
    if _count_tokens([*group, *part], headers) > MAX_TOKENS:
        return True
    if part[0].block.kind == "warning" or group[-1].block.text.endswith(":"):
        return False
    return _count_words(group) + 0.5 * _count_words(part) > target


def _count_words(pieces: Sequence[_Piece]) -> int:
    return sum(piece.words for piece in pieces)


def _count_tokens(pieces: Sequence[_Piece], headers: dict[str, int]) -> int:
    """Count the tokens of a chunk made of these pieces, its header rows included."""
    tokens, header = 0, ""
    for piece in pieces:
        if piece.block.header and piece.block.header != header:
            tokens += headers[piece.block.header]
        header = piece.block.header
        tokens += piece.tokens
    return tokens


# -- records


def _make_record(section: _Section, pieces: Sequence[_Piece], headers: dict[str, int]) -> Record:
    lines: list[str] = []
    header = ""
    fits = _count_tokens(pieces, headers) <= MAX_TOKENS
    for piece in pieces:
        if piece.block.header and piece.block.header != header and fits:
            lines.append(HEADER + piece.block.header)
        header = piece.block.header
        lines.append(piece.block.text)
    boxes = tuple(box for piece in pieces for box in piece.block.boxes)
    pages = [piece.block.page for piece in pieces] + [box.page for box in boxes]
    return Record(
        kind=_classify([piece.block for piece in pieces]),
        heading=section.heading,
        text="\n".join(lines),
        page_from=min(pages),
        page_to=max(pages),
        section=section.number,
        boxes=boxes,
        place=next((piece.block.place for piece in pieces if piece.block.place), ""),
        is_doubtful=any(piece.block.is_doubtful for piece in pieces),
    )


def _classify(blocks: Sequence[Block]) -> ChunkKind:
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


def _enforce_limit(records: Sequence[Record], count_tokens: CountTokens) -> list[Record]:
    """Halve every record that still exceeds the limit (one enormous run of tokens)."""
    counts = count_tokens([record.text for record in records]) if records else []
    bounded: list[Record] = []
    for record, count in zip(records, counts, strict=True):
        bounded += [record] if count <= MAX_TOKENS else _enforce_limit(_halve(record), count_tokens)
    return bounded


def _halve(record: Record) -> list[Record]:
    middle = len(record.text) // 2
    cut = max(record.text.rfind("\n", 0, middle), record.text.rfind(" ", 0, middle))
    cut = cut if cut > 0 else middle
    if len(record.text) < 2:
        return []
    return [replace(record, text=record.text[:cut].strip()), replace(record, text=record.text[cut:].strip())]
