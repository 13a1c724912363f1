"""One opened knowledge pack: its documents, chunks, pages and originals. Searching it is retrieval's work.

The file never changes, so nothing is locked and what is small is kept. Each thread has its own connection.
"""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from edge.database import open_immutable, open_memory, translate_untrusted_errors
from edge.embedded.part import read_size
from edge.errors import EdgeError, NotFoundError, PackError
from edge.packs.format import DAMAGED, DOUBTS, NOT_A_PACK, PLACES, SCHEMA, read_trailer
from edge.packs.manifest import Manifest, from_json
from edge.packs.record import Page
from edge.packs.values import (
    check_boxes,
    check_chunk,
    check_document,
    check_page,
    check_place,
    check_synonyms,
)
from edge.types import Box, ChunkKind

if TYPE_CHECKING:
    import apsw

Schema = frozenset[tuple[str, str, str]]
_DOCUMENT = (
    "SELECT id, name, title, media_type, sha256, pages, applies_to, first_chunk, last_chunk FROM document"
)
_BATCH = 500
_CHUNK = "SELECT id, document, section, page_from, page_to, kind, heading, text, boxes FROM chunk"


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a pack. ``applies_to`` is empty when it holds for all equipment of the pack.

    Its chunks are ``first_chunk`` to ``last_chunk``, both included.
    """

    id: int
    name: str
    title: str
    media_type: str
    sha256: str
    pages: int
    applies_to: tuple[str, ...]
    first_chunk: int
    last_chunk: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """The unit that is searched; fields as in ``edge.types.Passage``. ``document`` is the document's id."""

    id: int
    document: int
    section: int
    page_from: int
    page_to: int
    kind: ChunkKind
    heading: str
    text: str
    boxes_json: str

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The rectangles that it takes on its pages. Parsed when asked for: many chunks are read and few are shown."""
        rows = check_boxes(self.boxes_json, f"Chunk {self.id}")
        return tuple(Box(int(page), *sides) for page, *sides in rows)


class Pack:
    """A knowledge pack. Make one with ``Pack.open``; use it from any number of threads."""

    def __init__(self, path: Path, digest: str, signed: bool) -> None:
        self.path = path
        self.digest = digest
        self.signed = signed
        self._local = threading.local()
        self._connections: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._closed = False

    @classmethod
    def open(cls, path: Path, signed: bool = False) -> Pack:
        """Open a pack. Trailer, format, schema and manifest are checked, every byte only by ``verify``.

        Args:
            path: the .kpack file.
            signed: what the store knows about its origin; shown with everything that comes out of the pack.

        Raises:
            NotFoundError: there is no such file.
            PackError: not a pack, damaged, or of a format this edge does not read.
            StorageError: it cannot be read.
        """
        pack = cls(path, read_trailer(path).digest, signed)
        try:
            pack._check()
        except EdgeError:
            pack.close()
            raise
        return pack

    @property
    def connection(self) -> apsw.Connection:
        """This thread's connection, opened on first use."""
        if self._closed:
            raise PackError(f"{self.path.name} has been closed.", "Open it again.")
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = open_immutable(self.path)
            self._connections.add(connection)
        return connection

    def query(self, sql: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query, with SQLite's errors translated."""
        with translate_untrusted_errors(self.path):
            return self.connection.execute(sql, tuple(bindings)).fetchall()

    @cached_property
    def manifest(self) -> Manifest:
        """The pack's manifest."""
        return from_json(self._read_meta("manifest"))

    @cached_property
    def embedder(self) -> str:
        """Fingerprint of the model its vectors were made with; ``none`` when it has no vectors."""
        return self._read_meta("embedder")

    @cached_property
    def mark(self) -> str:
        """The sentence that says what its self-test missed, if it was built all the same; empty for a sound pack."""
        return next((str(row[0]) for row in self.query("SELECT value FROM meta WHERE key = 'mark'")), "")

    @property
    def version(self) -> str:
        """The manifest's version."""
        return self.manifest.version

    @cached_property
    def size(self) -> int:
        """Length of the file in bytes."""
        return read_size(self.path)

    @cached_property
    def chunk_count(self) -> int:
        """Number of chunks; their ids are 1 to this."""
        return int(self.query("SELECT count(*) FROM chunk")[0][0])

    def list_documents(self) -> tuple[Document, ...]:
        """List all documents in order of their chunks."""
        return self._documents

    def get_document(self, name: str) -> Document:
        """Return a document by its file name.

        Raises:
            NotFoundError: the pack has no such document.
        """
        for document in self._documents:
            if document.name == name:
                return document
        raise NotFoundError(
            f"The pack '{self.manifest.name}' has no document '{name}'.",
            "`edge pack inspect` lists its documents.",
        )

    def get_document_by_id(self, id: int) -> Document:
        """Return a document by the id that its chunks carry.

        Raises:
            PackError: the pack has none of this id.
        """
        if id not in self._by_id:
            raise PackError(f"{self.path.name} has chunks of no document.", DAMAGED)
        return self._by_id[id]

    def get_document_of(self, chunk: int) -> Document:
        """Return the document a chunk stands in."""
        return self.get_document_by_id(self.get_chunk(chunk).document)

    def get_chunk(self, id: int) -> Chunk:
        """Return one chunk.

        Raises:
            NotFoundError: there is no chunk of this id.
        """
        found = self.get_chunks([id])
        if not found:
            raise NotFoundError(f"The pack '{self.manifest.name}' has no chunk {id}.")
        return found[0]

    def get_chunks(self, ids: Iterable[int]) -> list[Chunk]:
        """Return the chunks with these ids, in the order of ``ids``; ids that do not exist are left out."""
        wanted = list(ids)
        rows = self.query(f"{_CHUNK} WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(wanted),))
        found = {row[0]: _make_chunk(row) for row in rows}
        return [found[id] for id in wanted if id in found]

    def iterate_chunks(self) -> Iterable[Chunk]:
        """Yield all chunks in reading order, some hundred in memory at a time."""
        for first in range(1, self.chunk_count + 1, _BATCH):
            yield from self.get_chunks(range(first, first + _BATCH))

    def get_pages(self, document: int) -> list[Page]:
        """Return the pages of a document (by its id), in order."""
        sql = "SELECT number, label, width, height FROM page WHERE document = ? ORDER BY number"
        rows = self.query(sql, (document,))
        for row in rows:
            check_page(row)
        return [Page(*row) for row in rows]

    def list_headings(self, document: int) -> list[tuple[int, int, str]]:
        """List the headings of a document (by its id): the first chunk and page under each, in reading order."""
        sql = "SELECT min(id), page_from, heading FROM chunk WHERE document = ? GROUP BY heading ORDER BY 1"
        return [
            (int(chunk), int(page), str(heading)) for chunk, page, heading in self.query(sql, (document,))
        ]

    def get_neighbours(self, id: int, before: int = 1, after: int = 1) -> list[Chunk]:
        """Return the chunks around one, itself included, within its document and in reading order."""
        document = self.get_document_of(id)
        first, last = max(id - before, document.first_chunk), min(id + after, document.last_chunk)
        return [
            _make_chunk(row)
            for row in self.query(f"{_CHUNK} WHERE id BETWEEN ? AND ? ORDER BY id", (first, last))
        ]

    def get_page(self, document: int, number: int) -> Page:
        """Return a page of a document (by its id), 1-based.

        Raises:
            NotFoundError: the document has no such page.
        """
        sql = "SELECT number, label, width, height FROM page WHERE document = ? AND number = ?"
        for row in self.query(sql, (document, number)):
            check_page(row)
            return Page(*row)
        raise NotFoundError(f"There is no page {number}.", "Pages are counted from 1.")

    def get_page_label(self, document: int, number: int) -> str | None:
        """Return what is printed on a page, where that differs from its position."""
        try:
            return self.get_page(document, number).label
        except NotFoundError:
            return None

    def find_places(self, first: int, last: int) -> dict[int, str]:
        """Return where the chunks of a range of ids stand in files without pages, by id."""
        if "place" not in self._extra_tables:
            return {}
        rows = self.query("SELECT chunk, place FROM place WHERE chunk BETWEEN ? AND ?", (first, last))
        for row in rows:
            check_place(row)
        return dict(rows)

    def find_doubts(self, first: int, last: int) -> set[int]:
        """Return the chunks of a range of ids with a value that was read from a scan, and not for sure."""
        if "doubt" not in self._extra_tables:
            return set()
        return {
            row[0] for row in self.query("SELECT chunk FROM doubt WHERE chunk BETWEEN ? AND ?", (first, last))
        }

    def read_original(self, name: str) -> bytes:
        """Return the file a document was read from, byte for byte."""
        rows = self.query("SELECT data FROM original WHERE document = ?", (self.get_document(name).id,))
        if not rows:
            raise PackError(f"{self.path.name} does not hold the original of {name}.", DAMAGED)
        return bytes(rows[0][0])

    def close(self) -> None:
        """Close every thread's connection. The pack cannot be used afterwards; closing twice is allowed."""
        self._closed = True
        for connection in list(self._connections):
            connection.close()

    def __enter__(self) -> Pack:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def _extra_tables(self) -> set[str]:
        return {
            row[0] for row in self.query("SELECT name FROM sqlite_schema WHERE name IN ('place', 'doubt')")
        }

    @cached_property
    def _documents(self) -> tuple[Document, ...]:
        return tuple(_parse_document(row) for row in self.query(f"{_DOCUMENT} ORDER BY id"))

    @cached_property
    def _by_id(self) -> dict[int, Document]:
        return {document.id: document for document in self._documents}

    def read_synonyms(self) -> list[list[str]]:
        """Read the words and phrases that mean the same, in lower case.

        Raises:
            PackError: what stands there is no such list.
        """
        rows = self.query("SELECT value FROM meta WHERE key = 'synonyms'")
        return check_synonyms(rows[0][0]) if rows else []

    def _read_meta(self, key: str) -> str:
        rows = self.query("SELECT value FROM meta WHERE key = ?", (key,))
        if not rows:
            raise PackError(f"{self.path.name} has no {key}.", NOT_A_PACK)
        return str(rows[0][0])

    def _check(self) -> None:
        """Refuse tables, triggers and views that we did not make before any other query can touch them."""
        with translate_untrusted_errors(self.path):
            found = read_schema(self.connection)
        if not make_schema() <= found <= make_schema(PLACES, DOUBTS):
            raise PackError(f"{self.path.name} does not have the tables of a knowledge pack.", NOT_A_PACK)
        _ = self.manifest, self.embedder


def read_schema(connection: apsw.Connection) -> Schema:
    """Read every object of a database with the SQL that made it."""
    rows = connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_schema")
    return frozenset(cast("Iterable[tuple[str, str, str]]", rows))


@lru_cache(maxsize=2)
def make_schema(*extra: str) -> Schema:
    """Make the schema of a new pack, shadow tables of FTS5 and sqlite-vec included, and ``extra`` tables."""
    with closing(open_memory()) as connection:
        connection.execute(SCHEMA)
        for table in extra:
            connection.execute(table)
        return read_schema(connection)


def _parse_document(row: tuple[Any, ...]) -> Document:
    check_document(row)
    id, name, title, media_type, sha256, pages, applies_to, first, last = row
    return Document(id, name, title, media_type, sha256, pages, tuple(json.loads(applies_to)), first, last)


def _make_chunk(row: tuple[Any, ...]) -> Chunk:
    check_chunk(row)
    return Chunk(*row)
