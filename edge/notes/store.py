"""Notes in ``EDGE_HOME/notes.sqlite``, and the pack ``my-notes`` that is made of them after every change.

The database is what counts: the pack is installed like any other, unsigned, and is made again where that failed.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import secrets
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edge.config import Settings
from edge.device import read_clock, read_device_id
from edge.durable import Connection, DurableDatabase
from edge.errors import EdgeError, NotFoundError, UsageError
from edge.notes.note import (
    MAX_NAME,
    MAX_NOTES,
    MAX_TEXT,
    PACK,
    Note,
    make_manifest,
    make_original,
    make_pages,
    make_records,
)
from edge.packs.store import PackStore
from edge.packs.vectors import Int8Vectors
from edge.packs.writer import IndexedDocument, write_pack
from edge.types import DIMENSIONS

_SCHEMA = """
CREATE TABLE IF NOT EXISTS note(id TEXT PRIMARY KEY, at TEXT NOT NULL, note TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS revision(number INTEGER NOT NULL);
INSERT INTO revision SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM revision);
"""
_log = logging.getLogger(__name__)


class Notes:
    """The notes of this device. Safe to use from several threads and processes."""

    def __init__(self, settings: Settings, packs: PackStore, clock: Callable[[], str] = read_clock) -> None:
        self._home, self._packs, self._clock = settings.home, packs, clock
        self._database = DurableDatabase(settings.notes_file, _SCHEMA)

    def list(self, pack: str = "", document: str = "", page: int = 0) -> list[Note]:
        """List all notes, or those on a pack, a document or a page; the newest first."""
        with self._database.read() as connection:
            notes, _ = _read(connection)
        return [
            note
            for note in reversed(notes)
            if (not pack or note.pack == pack)
            and (not document or note.document == document)
            and (not page or note.page == page)
        ]

    def add(
        self,
        text: str,
        *,
        id: str = "",
        who: str = "",
        pack: str = "",
        document: str = "",
        page: int = 0,
        heading: str = "",
        equipment: str = "",
    ) -> Note:
        """Keep a note and put it in use; return it, or the one of this ``id``, if there is one already.

        Raises:
            UsageError: it is empty or too long, or there are too many notes.
            NotFoundError: the pack, document or page that it is about is not there.
            StorageError, BusyError: it cannot be kept.
        """
        note = Note(
            id=id or secrets.token_hex(6),
            device=read_device_id(self._home),
            at=self._clock(),
            text=text.strip(),
            who=who,
            pack=pack,
            document=document,
            page=page,
            heading=heading,
            equipment=equipment,
        )
        _check(note)
        note = replace(note, applies_to=(equipment,) if equipment else self._find_models(note))
        with self._database.write() as connection:
            notes, _ = _read(connection)
            for known in notes:
                if known.id == note.id:
                    return known
            if len(notes) >= MAX_NOTES:
                raise UsageError(f"There are {MAX_NOTES} notes.", "Remove some: edge notes list")
            row = (note.id, note.at, json.dumps(asdict(note), ensure_ascii=False))
            connection.execute("INSERT INTO note VALUES (?, ?, ?)", row)
            connection.execute("UPDATE revision SET number = number + 1")
        self.put_in_use()
        return note

    def remove(self, id: str) -> None:
        """Remove a note.

        Raises:
            NotFoundError: there is none of this id.
            StorageError, BusyError: it cannot be removed.
        """
        with self._database.write() as connection:
            notes, _ = _read(connection)
            if all(note.id != id for note in notes):
                raise NotFoundError(f"There is no note '{id}'.", "`edge notes list` lists them.")
            connection.execute("DELETE FROM note WHERE id = ?", (id,))
            connection.execute("UPDATE revision SET number = number + 1")
        self.put_in_use()

    def put_in_use(self) -> bool:
        """Make the pack of all notes and install it, unless it is in use already.

        Returns:
            False if it could not be put in use: the notes are kept, and the next call tries again.
        """
        done = -1
        while True:
            with self._database.read() as connection:
                notes, revision = _read(connection)
            if revision == done:
                return True
            try:
                self._install(notes, revision)
            except EdgeError as error:
                _log.warning("The notes are kept, but cannot be searched yet: %s", error.message)
                return False
            done = revision  # another one may have been written meanwhile

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _install(self, notes: Sequence[Note], revision: int) -> None:
        manifest = make_manifest(revision)
        used = next((pack.version for pack in self._packs.list() if pack.name == PACK), None)
        if used == manifest.version or (used is None and not notes):
            return
        if not notes:
            self._packs.remove(PACK)
            return
        with tempfile.TemporaryDirectory(prefix=".notes-", dir=self._home) as folder:
            path = Path(folder) / f"{PACK}.kpack"
            write_pack(path, manifest, [_make_document(note) for note in notes], None)
            self._packs.install(path, allow_unsigned=True, allow_downgrade=True)

    def _find_models(self, note: Note) -> tuple[str, ...]:
        """Return the models that the subject of a note applies to.

        Raises:
            NotFoundError: there is no such pack, document or page.
        """
        if not note.pack:
            return ()
        with self._packs.open(note.pack) as pack:
            if not note.document:
                return pack.manifest.applies_to
            document = pack.get_document(note.document)
            if note.page:
                pack.get_page(document.id, note.page)
            return document.applies_to or pack.manifest.applies_to


def _check(note: Note) -> None:
    if not note.text:
        raise UsageError("The note is empty.", "Write what it shall say.")
    for text, most in ((note.text, MAX_TEXT), *((t, MAX_NAME) for t in (note.who, note.equipment, note.id))):
        if len(text) > most:
            raise UsageError(f"A text of {len(text)} characters is too long.", f"At most {most}.")
    if not note.id.replace("-", "").isalnum() or not note.id.isascii():
        raise UsageError("The id of a note has letters, digits and hyphens.", "Choose another one.")
    if note.document and not note.pack:
        raise UsageError("A note on a document names its pack, too.", "Send 'pack'.")
    if note.page and not note.document:
        raise UsageError("A note on a page names its document, too.", "Send 'document'.")


def _read(connection: Connection) -> tuple[list[Note], int]:
    """Return all notes, oldest first, and the number of changes since the first one."""
    rows = connection.execute("SELECT note FROM note ORDER BY at, id").fetchall()
    ((revision,),) = connection.execute("SELECT number FROM revision").fetchall()
    return [_load(json.loads(str(text))) for (text,) in rows], int(str(revision))


def _load(fields: dict[str, Any]) -> Note:
    return Note(**{**fields, "applies_to": tuple(fields["applies_to"])})


def _make_document(note: Note) -> IndexedDocument:
    original = make_original(note)
    return IndexedDocument(
        name=note.file,
        title=note.title,
        media_type="text/plain",
        sha256=hashlib.sha256(original).hexdigest(),
        applies_to=note.applies_to,
        pages=make_pages(),
        records=partial(make_records, note),
        sentences=_make_no_vectors,
        original=partial(io.BytesIO, original),
    )


def _make_no_vectors() -> Int8Vectors:
    return np.zeros((0, DIMENSIONS), dtype=np.int8)
