"""The contents of a document in a delta: all that the writer of packs needs, nothing that it works out itself.

Ids, positions, indexes and counts are left out, so that an unchanged document is the same wherever it stands.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from edge.errors import PackError
from edge.packs.pack import Document, Pack
from edge.packs.record import Page, Record
from edge.packs.vectors import Int8Vectors
from edge.packs.writer import IndexedDocument
from edge.sync.delta.compression import INSTEAD
from edge.sync.delta.format import describe_error
from edge.types import DIMENSIONS, Box, ChunkKind

Count = Annotated[int, Field(ge=0, lt=2**31)]
Length = Annotated[float, Field(allow_inf_nan=False)]
Side = Annotated[int, Field(gt=-(2**31), lt=2**31)] | Length
"""Whole numbers stay whole: a pack tells ``0`` from ``0.0``."""

PageRow = tuple[Count, str | None, Length, Length]
BoxRow = tuple[Count, Side, Side, Side, Side]
RecordRow = tuple[ChunkKind, str, str, Count, Count, Count, tuple[BoxRow, ...]]


@dataclass(frozen=True, slots=True, config=ConfigDict(strict=True, extra="forbid"))
class Description:
    """A document without its vectors and its original. Rows have the fields of ``Page``, ``Record`` and ``Box``.

    ``places`` are those of the records, in order; none where no record has one. ``doubts`` are the numbers of the
    doubtful records, from 0.
    """

    name: str
    title: str
    media_type: str
    sha256: str
    applies_to: tuple[str, ...]
    pages: tuple[PageRow, ...]
    records: tuple[RecordRow, ...]
    places: tuple[str, ...] = ()
    doubts: tuple[Count, ...] = ()


_DESCRIPTION = TypeAdapter(Description)
_PAGES = "SELECT number, label, width, height FROM page WHERE document = ? ORDER BY number"
_RECORDS = """
SELECT kind, heading, text, page_from, page_to, section, boxes FROM chunk WHERE id BETWEEN ? AND ? ORDER BY id"""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a document, read each time they are asked for.

    ``vectors`` are those of its chunks, then those of their sentences; none in a pack that is searched by words alone.
    """

    description: Callable[[], bytes]
    vectors: Callable[[], bytes]
    original: Callable[[], bytes]


def read_parts(pack: Pack, document: Document) -> Parts:
    """Return the parts of a document of an opened pack."""
    return Parts(
        description=lambda: _describe(pack, document),
        vectors=lambda: _read_vectors(pack, document),
        original=lambda: pack.read_original(document.name),
    )


def index_document(parts: Parts, embedded: bool) -> tuple[IndexedDocument, Int8Vectors]:
    """Return a document as the writer takes it, and the vectors of its chunks where the pack has any.

    Raises:
        PackError: now or when the writer fetches the rest: a part is malformed.
    """
    head = _parse(parts.description())
    count = len(head.records)
    vectors = parse_vectors(parts.vectors() if embedded else b"")
    if embedded and len(vectors) < count:
        raise PackError(f"The delta has {len(vectors)} vectors for {count} chunks.", INSTEAD)
    document = IndexedDocument(
        name=head.name,
        title=head.title,
        media_type=head.media_type,
        sha256=head.sha256,
        applies_to=head.applies_to,
        pages=tuple(Page(*row) for row in head.pages),
        records=lambda: _make_records(_parse(parts.description())),
        sentences=lambda: parse_vectors(parts.vectors())[count:],
        original=lambda: io.BytesIO(parts.original()),
    )
    return document, vectors[:count].copy()


def read_words(pack: Pack) -> dict[str, bytes]:
    """Return the vectors of a pack's words."""
    return dict(pack.query("SELECT word, vector FROM stem WHERE vector IS NOT NULL"))


def _describe(pack: Pack, document: Document) -> bytes:
    span = document.first_chunk, document.last_chunk
    fields: dict[str, Any] = {
        "name": document.name,
        "title": document.title,
        "media_type": document.media_type,
        "sha256": document.sha256,
        "applies_to": document.applies_to,
        "pages": pack.query(_PAGES, (document.id,)),
        "records": [(*record, json.loads(boxes)) for *record, boxes in pack.query(_RECORDS, span)],
    }
    if places := pack.find_places(*span):
        fields["places"] = [places.get(chunk, "") for chunk in range(span[0], span[1] + 1)]
    if doubts := pack.find_doubts(*span):
        fields["doubts"] = sorted(chunk - span[0] for chunk in doubts)
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _read_vectors(pack: Pack, document: Document) -> bytes:
    sql = "SELECT vectors FROM embedding WHERE chunk BETWEEN ? AND ? ORDER BY chunk"
    blobs = [blob for (blob,) in pack.query(sql, (document.first_chunk, document.last_chunk))]
    return b"".join([blob[:DIMENSIONS] for blob in blobs] + [blob[DIMENSIONS:] for blob in blobs])


def _parse(description: bytes) -> Description:
    try:
        return _DESCRIPTION.validate_json(description)
    except ValidationError as error:
        raise PackError(
            f"The delta describes a document wrongly: {describe_error(error)}.", INSTEAD
        ) from error


def _make_records(description: Description) -> list[Record]:
    places = description.places or ("",) * len(description.records)
    if len(places) != len(description.records):
        raise PackError("The delta does not have a place for every chunk.", INSTEAD)
    return [
        Record(*row[:-1], tuple(Box(*box) for box in row[-1]), place, number in description.doubts)
        for number, (row, place) in enumerate(zip(description.records, places, strict=True))
    ]


def parse_vectors(vectors: bytes) -> Int8Vectors:
    """Return vectors, one in each row.

    Raises:
        PackError: it is no whole number of them.
    """
    if len(vectors) % DIMENSIONS:
        raise PackError("The delta has vectors of another length.", INSTEAD)
    return np.frombuffer(vectors, np.int8).reshape(-1, DIMENSIONS)
