"""``edge audit``: the log of what was answered; its checks, its keys, and the receipts of answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge.cli.group import make_group
from edge.cli.options import Json, Yes
from edge.cli.ui.screen import ALERT, FAINT, GOOD, STRONG, Screen, format_count

if TYPE_CHECKING:
    from edge.audit.store import LogStore

MOST_QUESTION = 60

app = make_group("audit", "Show and prove what was answered, and from what.")


@app.command("show")
def show_rows(
    row: Annotated[
        int | None, typer.Argument(metavar="ROW", min=0, help="The number of a row, to show it whole.")
    ] = None,
    last: Annotated[int, typer.Option("--last", min=1, metavar="N", help="How many rows to list.")] = 20,
    json: Json = False,
) -> None:
    """List the last turns, or show one row whole.

    Every turn is a row, also one that was refused, failed or was stopped.
    """
    from edge.audit import export

    with _open() as store:
        start = max(0, store.read_size() - last) if row is None else store.get_row(row).index
        rows = export.list_rows(store, start)
        shown = list(rows) if row is None else [next(rows)]
    screen = Screen()
    if json or row is not None:
        screen.write_json({"rows": shown} if row is None else shown[0])
        return
    table = [
        (str(each["row"]), each["time"][:19], each["who"] or "-", *_describe_record(each["record"]))
        for each in shown
    ]
    screen.write_table(("ROW", "TIME (UTC)", "WHO", "OUTCOME", "QUESTION"), table)


@app.command("verify")
def verify_log(json: Json = False) -> None:
    """Check the whole log against its signed checkpoints.

    Names the first row that differs. Exit code 4 when one does. No key of a subject is needed.
    """
    from dataclasses import asdict

    from edge.audit.verify import verify
    from edge.cli.ui.progress import show_progress

    with _open() as store:
        with show_progress() as report:
            verdict = verify(store, lambda done, total: report("verify", "rows", done, total))
        key = store.key.public
    screen = Screen()
    if json:
        screen.write_json({**asdict(verdict), "sound": verdict.sound, "log": key.name, "key": str(key)})
    elif verdict.sound:
        screen.write((f"{format_count(verdict.rows, 'row')}: nothing differs.", GOOD))
        screen.write((f"Log {key.name}, key {key.fingerprint}", FAINT))
    else:
        where = (
            f"row {verdict.row}" if verdict.row == verdict.last else f"rows {verdict.row} to {verdict.last}"
        )
        screen.write((f"The log differs from {where} on: {verdict.reason}.", ALERT))
    if not verdict.sound:
        raise typer.Exit(4)


@app.command("export")
def export_rows(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="FILE.jsonl, or FILE.parquet (needs pyarrow).")
    ],
    sealed: Annotated[
        bool, typer.Option("--sealed", help="Leave rows encrypted: an erasure reaches such a copy, too.")
    ] = False,
    start: Annotated[int, typer.Option("--from", min=0, metavar="ROW", help="The first row.")] = 0,
) -> None:
    """Write rows to a file that other programs read.

    Rows of an erased subject are there without what they said.
    """
    from edge.audit import export
    from edge.errors import UsageError

    parquet = file.suffix == ".parquet"
    if parquet and sealed:
        raise UsageError("Sealed rows are exported as JSON lines.", "Name a FILE.jsonl.")
    with _open() as store:
        rows = export.list_rows(store, start, sealed=sealed)
        count = export.write_parquet(rows, file) if parquet else export.write_json_lines(rows, file)
    Screen().write(f"Wrote {format_count(count, 'row')} to {file}")


@app.command("rotate")
def rotate_keys() -> None:
    """Begin new keys for every subject.

    That happens by itself every 90 days.
    """
    from edge.audit import upkeep

    with _open() as store:
        count = upkeep.rotate(store)
    Screen().write(
        f"New keys from now on; {format_count(count, 'key')} of before still open what was recorded."
    )


@app.command("erase")
def erase_subject(
    who: Annotated[str, typer.Argument(metavar="SUBJECT", help="Who, as 'edge audit show' names them.")],
    before: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Only what keys of before this day open."),
    ] = None,
    yes: Yes = False,
) -> None:
    """Make what somebody asked unreadable for good.

    The rows stay, encrypted, and the log still verifies. Sealed exports and copies of keys.sqlite open nothing of it
    either.
    """
    from edge.audit import upkeep
    from edge.cli.ui.confirm import confirm

    until = int(before.timestamp()) if before else None
    with _open() as store:
        confirm(f"Make what '{who}' asked unreadable for good?", yes)
        count = upkeep.erase(store, who, until)
    Screen().write((f"Erased: {format_count(count, 'key')} deleted.", STRONG))


@contextmanager
def _open() -> Iterator[LogStore]:
    from contextlib import closing

    from edge.app import find_device
    from edge.audit.store import open_log
    from edge.config import load_settings

    settings = load_settings()
    with closing(open_log(settings.audit_dir, find_device(settings))) as store:
        yield store


def _describe_record(record: dict[str, Any] | None) -> tuple[str, str]:
    """Return outcome and question of a row."""
    if record is None:
        return "erased", ""
    text = " ".join(str(record.get("question") or record.get("engine") or "").split())
    short = text if len(text) <= MOST_QUESTION else f"{text[:MOST_QUESTION]} …"
    return str(record.get("outcome") or record["kind"]), short
