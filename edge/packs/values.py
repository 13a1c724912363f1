"""Checks of the values in a pack's rows. SQLite stores any type in any column, and a seal says nothing about sense.

Every row passes here, when a pack is installed and again when it is read: what others made is used within bounds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, get_args

from edge.errors import PackError
from edge.text.synonyms import MAX_PHRASE, MAX_PHRASES, MAX_SYNONYMS
from edge.types import ChunkKind

MAX_PAGES = 1_000_000
MAX_LINE = 4_096
"""Characters of a name, a title, a heading, a label."""
MAX_TEXT = 1_000_000
"""Characters of a chunk; a built one has some hundred words, or one very long line."""
MAX_LIST = 4 << 20
"""Characters of a list in JSON: boxes, or equipment models."""
MAX_POINTS = 1e6
"""Width or height of a page. The largest that PDF allows is 14,400."""

_KINDS = get_args(ChunkKind)
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9.+-]{0,126}")
_MARK = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_SHA256 = re.compile(r"[0-9a-f]{64}")
BUILD_AGAIN = "Build the pack again."


def check_document(row: Sequence[Any]) -> None:
    """Check a row of ``document``.

    Raises:
        PackError: which of its values cannot be.
    """
    id, name, title, media_type, sha256, pages, applies_to, first, last = row
    what = f"Document {id}"
    _expect(_is_text(name, MAX_LINE) and bool(name) and not find_mark(name), what, "name")
    _expect(_is_text(title, MAX_LINE), what, "title")
    _expect(isinstance(media_type, str) and bool(_MEDIA_TYPE.fullmatch(media_type)), what, "media type")
    _expect(isinstance(sha256, str) and bool(_SHA256.fullmatch(sha256)), what, "digest")
    _expect(_is_within(pages, 0, MAX_PAGES), what, "number of pages")
    _expect(_is_within(first, 1, 1 << 40) and _is_within(last, first - 1, 1 << 40), what, "range of chunks")
    _expect(all(_is_text(model, MAX_LINE) for model in _read_list(applies_to, what)), what, "equipment")


def find_mark(name: str) -> str:
    """Return the first sign of a file's name that breaks a line or turns its direction; nothing if there is none.

    Such a name would be another one for the eye, on the terminal and in a prompt.
    """
    found = _MARK.search(name)
    return found[0] if found else ""


def check_synonyms(stored: Any) -> list[list[str]]:
    """Return the lists in the JSON of synonyms; errors as those of ``check_document``."""
    what = "The pack"
    groups = _read_list(stored, what)
    sound = len(groups) <= MAX_SYNONYMS and all(
        isinstance(group, list)
        and len(group) <= MAX_PHRASES
        and all(_is_text(phrase, MAX_PHRASE) for phrase in group)
        for group in groups
    )
    _expect(sound, what, "list of synonyms")
    return groups


def check_chunk(row: Sequence[Any]) -> None:
    """Check a row of ``chunk``, its boxes apart; errors as those of ``check_document``."""
    id, document, section, page_from, page_to, kind, heading, text, boxes = row
    what = f"Chunk {id}"
    _expect(_is_within(document, 1, 1 << 40), what, "document")
    _expect(_is_within(section, 0, 1 << 40), what, "section")
    _expect(_is_within(page_from, 1, MAX_PAGES) and _is_within(page_to, page_from, MAX_PAGES), what, "pages")
    _expect(kind in _KINDS, what, "kind")
    _expect(_is_text(heading, MAX_TEXT), what, "heading")
    _expect(_is_text(text, MAX_TEXT), what, "text")
    _expect(_is_text(boxes, MAX_LIST), what, "list of boxes")


def check_boxes(boxes: str, what: str) -> list[list[float]]:
    """Return the boxes of a chunk, each ``[page, left, top, right, bottom]``; errors as ``check_document``."""
    rows = _read_list(boxes, what)
    for row in rows:
        sound = isinstance(row, list) and len(row) == 5 and _is_within(row[0], 1, MAX_PAGES)
        _expect(sound and all(_is_fraction(side) for side in row[1:]), what, "box")
    return rows


def check_page(row: Sequence[Any]) -> None:
    """Check a row of ``page``; errors as those of ``check_document``."""
    number, label, width, height = row
    what = f"Page {number}"
    _expect(_is_within(number, 1, MAX_PAGES), what, "number")
    _expect(label is None or _is_text(label, MAX_LINE), what, "label")
    _expect(all(type(side) is float and 0 <= side <= MAX_POINTS for side in (width, height)), what, "size")


def check_place(row: Sequence[Any]) -> None:
    """Check a row of ``place``; errors as those of ``check_document``."""
    chunk, place = row
    _expect(_is_text(place, MAX_LINE) and bool(place), f"Chunk {chunk}", "place")


def _expect(sound: bool, what: str, value: str) -> None:
    if not sound:
        raise PackError(f"{what} of a pack is not well formed: its {value} cannot be right.", BUILD_AGAIN)


def _is_text(value: object, most: int) -> bool:
    return isinstance(value, str) and len(value) <= most


def _is_within(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _is_fraction(value: object) -> bool:
    return isinstance(value, int | float) and -1 <= value <= 2  # a box may reach over the edge


def _read_list(text: object, what: str) -> list[Any]:
    try:
        found = json.loads(text) if isinstance(text, str) and len(text) <= MAX_LIST else None
    except (ValueError, RecursionError) as error:
        raise PackError(f"{what} of a pack is not well formed: {error}", BUILD_AGAIN) from error
    if not isinstance(found, list):
        raise PackError(f"{what} of a pack is not well formed: its list is none.", BUILD_AGAIN)
    return found
