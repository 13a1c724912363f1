"""Rows of the log for other programs: JSON lines, or Parquet where pyarrow is installed."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge import files
from edge.audit.entry import Row
from edge.audit.store import LogStore
from edge.errors import UsageError

Exported = dict[str, Any]
COLUMNS = (
    "row",
    "time",
    "subject",
    "who",
    "epoch",
    "kind",
    "outcome",
    "question",
    "answer",
    "engine",
    "record",
)


def list_rows(store: LogStore, start: int = 0, *, sealed: bool = False) -> Iterator[Exported]:
    """Yield rows with what they say. Of an erased one the ``record`` is None, and so is ``who`` of an erased subject.

    Args:
        start: the first row.
        sealed: leave them as they lie in the log: who erases a subject later erases it in such an export, too.
    """
    names = store.keys.get_names()
    for row in store.list_rows(start):
        shape: Exported = {
            "row": row.index,
            "time": format_time(row.time),
            "subject": row.subject.hex(),
            "epoch": row.epoch,
            "receipt": row.receipt.hex(),
        }
        if sealed:
            yield {**shape, "payload": b64encode(row.payload).decode()}
        else:
            yield {**shape, "who": names.get(row.subject), "record": read_record(store, row)}


def read_record(store: LogStore, row: Row) -> Exported | None:
    """Return what a row says; None once it was erased."""
    payload = store.read_payload(row)
    return None if payload is None else json.loads(payload)


def format_time(milliseconds: int) -> str:
    """Return a time of the log as ISO 8601, in UTC."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return str(milliseconds)


def write_json_lines(rows: Iterable[Exported], path: Path) -> int:
    """Write a row a line, and return how many."""
    count = 0
    with files.translate_os_errors(path), files.replace_atomically(path) as new, new.open("wb") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
            count += 1
    return count


def write_parquet(rows: Iterable[Exported], path: Path) -> int:
    """Write a Parquet file, the record as JSON in one column beside what is most asked for; return how many rows.

    Raises:
        UsageError: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise UsageError(
            "Parquet needs pyarrow, which is not installed.", "pip install pyarrow, or export JSON lines."
        ) from error
    flat = [_flatten(row) for row in rows]
    table = pyarrow.table({name: [row[name] for row in flat] for name in COLUMNS})
    with files.translate_os_errors(path), files.replace_atomically(path) as new:
        parquet.write_table(table, new, compression="zstd")
    return len(flat)


def _flatten(row: Exported) -> Exported:
    record = row["record"] or {}
    answer = record.get("answer") or {}
    text = json.dumps(record, ensure_ascii=False) if record else None
    return {
        **{name: row.get(name) for name in COLUMNS},
        "kind": record.get("kind"),
        "outcome": record.get("outcome"),
        "question": record.get("question"),
        "answer": answer.get("text"),
        "engine": record.get("engine"),
        "record": text,
    }
