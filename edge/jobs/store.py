"""The jobs of this device, in ``EDGE_HOME/jobs.sqlite``. What was acknowledged to a client is on the disk."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.config import Settings
from edge.device import read_clock, read_device_id
from edge.durable import Connection, DurableDatabase
from edge.errors import NotFoundError, UsageError
from edge.jobs.job import (
    MAX_NAME,
    MAX_READING,
    Entry,
    Job,
    add_entry,
    check_entry,
    get_step,
    judge_reading,
    make_job,
)
from edge.jobs.limits import find_limits
from edge.jobs.procedure import Caution, Procedure, Step, gather_text
from edge.types import Box

MAX_PHOTO_BYTES = 8 << 20
MAX_PHOTO_PIXELS = 80_000_000
"""Above 89 million Pillow warns of a bomb."""
MAX_PHOTOS = 60
"""Of one job."""
MAX_ID = 64
PHOTO_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS job(
    id TEXT PRIMARY KEY, device TEXT NOT NULL, started TEXT NOT NULL, who TEXT NOT NULL, equipment TEXT NOT NULL,
    procedure TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entry(
    sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, job TEXT NOT NULL REFERENCES job, entry TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS entry_job ON entry(job, sequence);
CREATE TABLE IF NOT EXISTS photo(entry TEXT PRIMARY KEY, data BLOB NOT NULL);
"""
_ENTRY = "INSERT INTO entry(id, job, entry) VALUES (?, ?, ?)"


class PhotoError(UsageError):
    """A photo is too large, or is none."""

    http_status = 413
    title = "Photo refused"


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo as it was taken."""

    media_type: str
    data: bytes


class Jobs:
    """Jobs by id. Safe to use from several threads and processes."""

    def __init__(self, settings: Settings, clock: Callable[[], str] = read_clock) -> None:
        self._home: Path = settings.home
        self._database = DurableDatabase(settings.jobs_file, _SCHEMA)
        self._clock = clock

    def start(self, procedure: Procedure, who: str = "", equipment: str = "", id: str = "") -> Job:
        """Begin a job.

        Args:
            procedure: what is to be done.
            who: who does it.
            equipment: the machine it is done on.
            id: chosen by the client, so that asking twice begins one job; made up if empty.

        Raises:
            UsageError: a name or an id is too long.
            StorageError: it cannot be kept.
        """
        _check_length(who, MAX_NAME, "name")
        _check_length(equipment, MAX_NAME, "name of a machine")
        _check_length(id, MAX_ID, "id")
        now = self._clock()
        id = id or f"{now[:10].replace('-', '')}-{secrets.token_hex(4)}"
        device = read_device_id(self._home)
        with self._database.write() as connection:
            if (found := _find(connection, id)) is not None:
                return found
            row = (id, device, now, who, equipment, _dump_procedure(procedure))
            connection.execute("INSERT INTO job VALUES (?, ?, ?, ?, ?, ?)", row)
        return make_job(id, device, now, who, equipment, procedure)

    def list(self) -> list[Job]:
        """List all jobs, those written last first."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT id FROM job").fetchall()
            jobs = [job for (id,) in rows if (job := _find(connection, str(id)))]
        return sorted(jobs, key=lambda job: job.last_entry, reverse=True)

    def get(self, id: str) -> Job:
        """Return a job by its id, or by an end or beginning of it that only one job has.

        Raises:
            NotFoundError: there is none, or there are several.
        """
        with self._database.read() as connection:
            return _get(connection, id)

    def acknowledge(self, id: str, warning: int, who: str = "", entry: str = "") -> Job:
        """Note that somebody has read a warning (from 1); errors as those of ``set_status``."""
        return self._add(id, lambda job: Entry(_make_id(entry), "acknowledged", warning, self._clock(), who))

    def set_status(self, id: str, step: int, status: str, who: str = "", entry: str = "") -> Job:
        """Note that a step (from 1) is ``done`` or ``not_possible``, or that it is ``open`` again.

        Args:
            entry: chosen by the client, so that sending twice writes once; made up if empty.

        Raises:
            NotFoundError: there is no such job.
            UsageError: there is no such step or status.
            CautionsFirstError: it is to be done, and a warning that applies was not acknowledged.
            StorageError, BusyError: it cannot be kept.
        """
        return self._add(id, lambda job: Entry(_make_id(entry), "status", step, self._clock(), who, status))

    def add_note(self, id: str, step: int, text: str, who: str = "", entry: str = "") -> Job:
        """Add a note to a step; errors as those of ``set_status``."""
        if not text.strip():
            raise UsageError("The note is empty.", "Write something, or leave it out.")
        return self._add(
            id, lambda job: Entry(_make_id(entry), "note", step, self._clock(), who, text.strip())
        )

    def add_reading(
        self, id: str, step: int, text: str, limit: int | None = None, who: str = "", entry: str = ""
    ) -> Job:
        """Add what somebody read off, compared with the limits of the step; errors as those of ``set_status``.

        Args:
            limit: which of the step's limits it is about, from 0; None for the one of its unit.
        """
        _check_length(text, MAX_READING, "reading")
        if not text.strip():
            raise UsageError("The reading is empty.", "Write a number with its unit, such as 52 Nm.")

        def make(job: Job) -> Entry:
            read = Entry(_make_id(entry), "reading", step, self._clock(), who, text.strip())
            return judge_reading(get_step(job, step), read, limit)

        return self._add(id, make)

    def add_photo(self, id: str, step: int, data: bytes, who: str = "", entry: str = "") -> Job:
        """Add a photo to a step; errors as those of ``set_status``.

        Raises:
            PhotoError: it is no JPEG, PNG or WebP, or too large, or there are too many.
        """
        media_type = _check_photo(data)
        digest = hashlib.sha256(data).hexdigest()

        def make(job: Job) -> Entry:
            if sum(len(record.photos) for record in job.steps) >= MAX_PHOTOS:
                raise PhotoError(f"This job has {MAX_PHOTOS} photos.", "Begin another job for more.")
            return Entry(
                _make_id(entry), "photo", step, self._clock(), who, media_type, size=len(data), sha256=digest
            )

        return self._add(id, make, data)

    def read_photo(self, id: str, photo: str) -> Photo:
        """Return a photo of a job by the id of its entry.

        Raises:
            NotFoundError: the job has no such photo.
        """
        with self._database.read() as connection:
            job = _get(connection, id)
            rows = connection.execute("SELECT data FROM photo WHERE entry = ?", (photo,)).fetchall()
        for entry in job.entries:
            if entry.kind == "photo" and entry.id == photo and rows:
                return Photo(entry.text, bytes(rows[0][0]))  # type: ignore[arg-type]
        raise NotFoundError(f"The job has no photo '{photo}'.", "GET /jobs/{id} lists them.")

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _add(self, id: str, make: Callable[[Job], Entry], photo: bytes | None = None) -> Job:
        """Write what ``make`` returns for the job as it is now, and return the job after that."""
        with self._database.write() as connection:
            job = _get(connection, id)
            entry = make(job)
            if any(known.id == entry.id for known in job.entries):
                return job
            check_entry(job, entry)
            connection.execute(_ENTRY, (entry.id, job.id, json.dumps(asdict(entry), ensure_ascii=False)))
            if photo is not None:
                connection.execute("INSERT INTO photo VALUES (?, ?)", (entry.id, photo))
        return add_entry(job, entry)


def _get(connection: Connection, id: str) -> Job:
    if (job := _find(connection, id)) is not None:
        return job
    if len(id) >= 4:
        sql = "SELECT id FROM job WHERE substr(id, 1, ?1) = ?2 OR substr(id, -?1) = ?2"
        rows = connection.execute(sql, (len(id), id)).fetchall()
        if len(rows) == 1 and (job := _find(connection, str(rows[0][0]))):
            return job
        if rows:
            raise NotFoundError(f"Several jobs match '{id}'.", "Write more of its id: edge jobs list")
    raise NotFoundError(f"There is no job '{id}'.", "`edge jobs list` lists them.")


def _find(connection: Connection, id: str) -> Job | None:
    sql = "SELECT id, device, started, who, equipment, procedure FROM job WHERE id = ?"
    for row in connection.execute(sql, (id,)).fetchall():
        name, device, started, who, equipment, procedure = map(str, row)
        entries = connection.execute(
            "SELECT entry FROM entry WHERE job = ? ORDER BY sequence", (id,)
        ).fetchall()
        loaded = (Entry(**json.loads(str(text))) for (text,) in entries)
        return make_job(name, device, started, who, equipment, _load_procedure(procedure), loaded)
    return None


def _make_id(given: str) -> str:
    _check_length(given, MAX_ID, "id")
    return given or secrets.token_hex(8)


def _check_length(text: str, most: int, what: str) -> None:
    if len(text) > most:
        raise UsageError(f"A {what} of {len(text)} characters is too long.", f"At most {most}.")


def _check_photo(data: bytes) -> str:
    """Return the media type of a photo, of which only the header is read."""
    from PIL import Image, UnidentifiedImageError

    if len(data) > MAX_PHOTO_BYTES:
        raise PhotoError(f"The photo is larger than {MAX_PHOTO_BYTES >> 20} MiB.", "Send a smaller one.")
    try:
        with Image.open(io.BytesIO(data), formats=tuple(PHOTO_TYPES)) as image:
            kind, (width, height) = image.format, image.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PhotoError("This is no photo.", "Send a JPEG, PNG or WebP file.") from error
    if width * height > MAX_PHOTO_PIXELS:
        raise PhotoError(f"The photo has {width} x {height} pixels.", "Send a smaller one.")
    return PHOTO_TYPES[str(kind)]


def _dump_procedure(procedure: Procedure) -> str:
    """Write a procedure without its limits: they follow from its text."""
    fields = asdict(procedure)
    for step in fields["steps"]:
        del step["limits"]
    return json.dumps(fields, ensure_ascii=False)


def _load_procedure(text: str) -> Procedure:
    fields: dict[str, Any] = json.loads(text)
    fields["steps"] = tuple(_load_step(step) for step in fields["steps"])
    fields["cautions"] = tuple(Caution(**caution) for caution in fields["cautions"])
    for name in ("tools", "parts"):
        fields[name] = tuple(fields[name])
    return Procedure(**fields)


def _load_step(fields: dict[str, Any]) -> Step:
    details: Sequence[str] = tuple(fields["details"])
    fields |= {
        "details": details,
        "boxes": tuple(Box(**box) for box in fields["boxes"]),
        "limits": find_limits(gather_text(fields["text"], details)),
    }
    return Step(**fields)
