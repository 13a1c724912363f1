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
from edge.cli.ui.screen import ALERT, CAREFUL, FAINT, GOOD, STRONG, Screen, format_count

if TYPE_CHECKING:
    from edge.audit.receipt import Receipt
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
        if verdict.clock_jumps:
            jumps = format_count(verdict.clock_jumps, "row")
            screen.write((f"The clock was set back before {jumps}.", CAREFUL))
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
    either. Without --before, conversations that the server remembers are deleted, too.
    """
    from edge.app import forget_conversations
    from edge.audit import upkeep
    from edge.cli.ui.confirm import confirm
    from edge.config import load_settings

    until = int(before.timestamp()) if before else None
    with _open() as store:
        confirm(f"Make what '{who}' asked unreadable for good?", yes)
        count = upkeep.erase(store, who, until)
    if before is None:
        forget_conversations(load_settings(), who)
    Screen().write((f"Erased: {format_count(count, 'key')} deleted.", STRONG))


@app.command("receipt")
def write_receipt(
    row: Annotated[int, typer.Argument(metavar="ROW", min=0, help="The number of a row.")],
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="Text, or a QR code as FILE.png or FILE.svg; none: the screen."),
    ] = None,
    qr: Annotated[bool, typer.Option("--qr", help="Show a QR code on the screen.")] = False,
) -> None:
    """Write the receipt of an answer that was given before.

    It says what was answered and from what, and proves that this device has recorded it.
    """
    from edge.audit import code, issue

    with _open() as store:
        receipt = issue.issue_receipt(store, store.get_row(row))
    if file:
        issue.write_receipt(receipt, file)
        Screen().write(f"Wrote {file}")
    else:
        print(code.draw_for_terminal(str(receipt)) if qr else receipt, end="")


@app.command("check")
def check_receipt(
    file: Annotated[
        Path, typer.Argument(metavar="RECEIPT", help="A receipt, or what a QR code said; - reads it.")
    ],
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="KEY", help="The key of the device that you know, or of a witness."),
    ] = None,
    json: Json = False,
) -> None:
    """Check a receipt, without the device that gave it.

    Without --key, compare the fingerprint with the device's, which 'edge audit verify' shows there. A key is the line
    of the file device.vkey. Exit code 5 when the receipt does not hold.
    """
    from edge.audit.note import VerifierKey
    from edge.audit.proof import list_cosigners
    from edge.cli.ui.receipt import describe_checked, show_checked

    receipt = _read_receipt(file)
    known = [VerifierKey.parse(_read_key(each)) for each in key or ()]
    receipt.require_key(known)
    checked = receipt.check()
    cosigners = list_cosigners(receipt.proof.checkpoint, known)
    if json:
        Screen().write_json(describe_checked(receipt, checked, cosigners, bool(known)))
    else:
        show_checked(Screen(), receipt, checked, cosigners, bool(known))


@app.command("replay")
def replay_receipt(
    file: Annotated[Path, typer.Argument(metavar="RECEIPT", help="A receipt, or what a QR code said.")],
    json: Json = False,
) -> None:
    """Ask the question of a receipt again, and tell what differs.

    Exit code 1 when the answer is not the same.
    """
    from edge import app
    from edge.audit import replay
    from edge.cli.ui.receipt import show_replay
    from edge.config import load_settings
    from edge.types import Answered

    body = _read_receipt(file).check().body
    with app.build(load_settings()) as edge:
        edge.warm_up()
        events = edge.assistant.answer(replay.make_question(body))
        (answer,) = [event.answer for event in events if isinstance(event, Answered)]
        changes = edge.audit.find_changes(body, answer.engine)
    differences = replay.find_differences(body, answer)
    screen = Screen()
    if json:
        screen.write_json({"same": not differences, "differences": differences, "changes": changes})
    else:
        show_replay(screen, differences, changes)
    if differences:
        raise typer.Exit(1)


def _read_receipt(file: Path) -> Receipt:
    import sys

    from edge import files
    from edge.audit.code import unpack
    from edge.audit.receipt import MOST_FILE, Receipt
    from edge.errors import NotFoundError

    if str(file) == "-":
        data = sys.stdin.buffer.read(MOST_FILE)
    elif not file.exists():
        raise NotFoundError(f"There is no {file}.", "Check the path.")
    else:
        with files.translate_os_errors(file), file.open("rb") as stream:
            data = stream.read(MOST_FILE)
    return Receipt.parse(unpack(data.decode("utf-8", "replace")))


def _read_key(text: str) -> str:
    """Return a key that is given as such, or as the file it is in."""
    from edge import files

    if "+" in text or not Path(text).is_file():
        return text
    with files.translate_os_errors(Path(text)):
        return Path(text).read_text(encoding="utf-8", errors="replace")


@app.command("meet")
def meet_others(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A stick, or a folder that others use, too.")
    ],
    json: Json = False,
) -> None:
    """Compare logs with other devices by way of a folder.

    So does 'edge sync'. Each leaves the hashes of its log there, and cosigns those of others: a log that was cut or
    rewritten is found.
    Exit code 5 when one is.
    """
    from time import time

    from edge.audit.witness import meet
    from edge.cli.ui.witness import describe_meeting, show_meeting

    with _open() as store:
        meeting = meet(store, folder, int(time()))
    if json:
        Screen().write_json(describe_meeting(meeting))
    else:
        show_meeting(Screen(), meeting)
    if any(finding.alarm for finding in meeting.findings):
        raise typer.Exit(5)


@app.command("witnesses")
def list_witnesses(json: Json = False) -> None:
    """List the devices met, and what was last seen of their logs."""
    from edge.audit.witness import list_seen

    with _open() as store:
        seen = list(list_seen(store))
    screen = Screen()
    if json:
        shapes = [
            {"log": one.key.name, "key": str(one.key), "rows": one.checkpoint.size, "alarm": one.alarm}
            for one in seen
        ]
        screen.write_json({"witnesses": shapes})
        return
    rows = [(one.key.name, f"{one.checkpoint.size:,}", (one.alarm, ALERT)) for one in seen]
    screen.write_table(("LOG", "ROWS", ""), rows)


@contextmanager
def _open() -> Iterator[LogStore]:
    from edge.app import open_audit_log
    from edge.config import load_settings

    with open_audit_log(load_settings()) as store:
        yield store


def _describe_record(record: dict[str, Any] | None) -> tuple[str, str]:
    """Return outcome and question of a row."""
    if record is None:
        return "erased", ""
    text = " ".join(str(record.get("question") or record.get("engine") or "").split())
    short = text if len(text) <= MOST_QUESTION else f"{text[:MOST_QUESTION]} …"
    return str(record.get("outcome") or record["kind"]), short
