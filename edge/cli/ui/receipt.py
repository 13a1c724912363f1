"""Draws a receipt that was checked, and the result of asking its question again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge.audit.export import format_time
from edge.audit.note import VerifierKey
from edge.audit.receipt import Checked, Receipt
from edge.cli.ui.screen import ALERT, CAREFUL, FAINT, GOOD, Screen

Cosigners = Sequence[tuple[VerifierKey, int]]


def show_checked(
    screen: Screen, receipt: Receipt, checked: Checked, cosigners: Cosigners, known: bool
) -> None:
    """Write what a receipt says. ``known``: its key is one that the reader has named."""
    body, size = checked.body, checked.checkpoint.size
    screen.write(("The receipt holds.", GOOD))
    screen.write(f"Row {receipt.proof.index} of {size} of {receipt.key.name}, {format_time(checked.time)}")
    warning = "" if known else ("  compare it with the device's", CAREFUL)
    screen.write(f"Key {receipt.key.fingerprint}", warning)
    for witness, time in cosigners:
        screen.write(f"Cosigned by {witness.name}, {format_time(time * 1000)}")
    screen.write_heading("Question")
    screen.write(body["question"])
    screen.write_heading("Answer")
    screen.write(body["answer"])
    for one in body["citations"]:
        place = f"[{one['n']}] {one['document']}, page {one['page']}"
        screen.write(place, (f"  {one['pack']} {one['version']}", FAINT))


def describe_checked(receipt: Receipt, checked: Checked, cosigners: Cosigners, known: bool) -> dict[str, Any]:
    """Return the same as JSON."""
    return {
        "holds": True,
        "log": receipt.key.name,
        "key": str(receipt.key),
        "fingerprint": receipt.key.fingerprint,
        "known": known,
        "row": receipt.proof.index,
        "rows": checked.checkpoint.size,
        "time": format_time(checked.time),
        "witnesses": [{"name": one.name, "time": format_time(time * 1000)} for one, time in cosigners],
        "receipt": checked.body,
    }


def show_replay(screen: Screen, differences: Sequence[str], changes: Sequence[str]) -> None:
    """Write how an answer differs from that of a receipt, and what has changed since."""
    screen.write(("Another answer.", ALERT) if differences else ("The same answer.", GOOD))
    for line in (*differences, *changes):
        screen.write(line, lead="- ")
