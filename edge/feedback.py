"""What people say of answers: solved, not solved, wrong. Kept in ``EDGE_HOME/feedback.sqlite``, as records that merge.

A record is never changed: who changes their mind writes another one. Its id is the same on every device, so that
records of several devices can be put together and each counts once.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from edge.config import Settings
from edge.device import read_clock, read_device_id
from edge.durable import Connection, DurableDatabase
from edge.errors import UsageError

Verdict = Literal["solved", "not_solved", "wrong"]

MAX_ID = 64
MAX_NAME = 200
MAX_QUESTION = 8_192
MAX_TEXT = 32_768
MAX_PASSAGES = 50

_SCHEMA = """
CREATE TABLE IF NOT EXISTS feedback(
    sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at TEXT NOT NULL, record TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class JudgedPassage:
    """A passage that the answer cited. ``digest`` is that of the pack, empty where it was not in use any more."""

    pack: str
    version: str
    digest: str
    document: str
    page: int
    heading: str


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody says of one answer.

    Attributes:
        id: of this record, on any device.
        device, at: where and when (UTC, ISO 8601) it was written.
        verdict: what they say.
        right: what is right, of a wrong answer; empty where they do not know.
        question, answer: what was said. ``mode`` and ``engine`` are those of the answer.
        passages: what it cited.
        equipment: the machine that was asked about.
        conversation_id: of the conversation; ``receipt`` names the row of the audit log.
        who: who says it. ``consent_id``: under which consent it may leave the device.
    """

    id: str
    device: str
    at: str
    verdict: Verdict
    question: str
    answer: str
    mode: str
    engine: str = ""
    right: str = ""
    passages: tuple[JudgedPassage, ...] = ()
    equipment: str = ""
    conversation_id: str = ""
    receipt: str = ""
    who: str = ""
    consent_id: str = ""


class FeedbackLog:
    """The feedback of this device, and what others handed over. Safe to use from several threads and processes."""

    def __init__(self, settings: Settings, clock: Callable[[], str] = read_clock) -> None:
        self._home = settings.home
        self._database = DurableDatabase(settings.feedback_file, _SCHEMA)
        self._clock = clock

    def add(
        self,
        verdict: Verdict,
        question: str,
        answer: str,
        mode: str,
        *,
        id: str = "",
        passages: tuple[JudgedPassage, ...] = (),
        **more: str,
    ) -> Feedback:
        """Write what somebody says, and return the record; the one of this ``id``, if there is one already.

        Args:
            verdict, question, answer, mode, passages: see ``Feedback``.
            id: chosen by the client, so that sending twice writes once; made up if empty.
            more: the other fields of ``Feedback``.

        Raises:
            UsageError: a text is too long, or the question is empty.
            StorageError, BusyError: it cannot be kept.
        """
        record = Feedback(
            id=id or secrets.token_hex(8),
            device=read_device_id(self._home),
            at=self._clock(),
            verdict=verdict,
            question=question,
            answer=answer,
            mode=mode,
            passages=passages,
            **more,
        )
        check_feedback(record)
        self.merge([record])
        return next(found for found in self.list() if found.id == record.id)

    def merge(self, records: list[Feedback]) -> int:
        """Keep records, those of another device too; return how many were new."""
        with self._database.write() as connection:
            before = _count(connection)
            connection.executemany(
                "INSERT INTO feedback(id, at, record) VALUES (?, ?, ?) ON CONFLICT(id) DO NOTHING",
                [(each.id, each.at, json.dumps(asdict(each), ensure_ascii=False)) for each in records],
            )
            return _count(connection) - before

    def list(self, since: str = "", verdict: Verdict | None = None) -> list[Feedback]:
        """List the records from a time on (UTC, ISO 8601), oldest first; of one ``verdict`` only if it is given."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT record FROM feedback WHERE at >= ? ORDER BY at, sequence", (since,)
            ).fetchall()
        records = [load_feedback(json.loads(str(text))) for (text,) in rows]
        return [record for record in records if verdict is None or record.verdict == verdict]

    def close(self) -> None:
        """Close the database."""
        self._database.close()


def load_feedback(fields: dict[str, Any]) -> Feedback:
    """Return a record from its fields, as ``asdict`` gives them. What a newer edge added is passed over."""
    known = {name: fields[name] for name in Feedback.__dataclass_fields__ if name in fields}
    passages = tuple(JudgedPassage(**passage) for passage in known.pop("passages", ()))
    return Feedback(**known, passages=passages)


def check_feedback(record: Feedback) -> None:
    """Check that a record is within bounds.

    Raises:
        UsageError: it is not.
    """
    if not record.question.strip():
        raise UsageError("The feedback names no question.", "Send the question that was asked.")
    for name, most in (("id", MAX_ID), ("question", MAX_QUESTION), ("answer", MAX_TEXT), ("right", MAX_TEXT)):
        if len(getattr(record, name)) > most:
            raise UsageError(f"The {name} is too long.", f"At most {most} characters.")
    for name in ("equipment", "who", "conversation_id", "receipt", "consent_id", "engine", "mode"):
        if len(getattr(record, name)) > MAX_NAME:
            raise UsageError(f"The {name} is too long.", f"At most {MAX_NAME} characters.")
    if len(record.passages) > MAX_PASSAGES:
        raise UsageError("The feedback has too many passages.", f"At most {MAX_PASSAGES}.")


def _count(connection: Connection) -> int:
    ((count,),) = connection.execute("SELECT count(*) FROM feedback").fetchall()
    return int(str(count))
