"""Issues receipts out of the log."""

from __future__ import annotations

import json
from pathlib import Path

from edge.audit.entry import Row
from edge.audit.note import Checkpoint, Note
from edge.audit.proof import Proof
from edge.audit.receipt import Receipt
from edge.audit.store import LogStore
from edge.errors import NotFoundError


def issue_receipt(store: LogStore, row: Row) -> Receipt:
    """Return the receipt of a row.

    Raises:
        NotFoundError: it was erased, or is not about an answer.
    """
    payload = store.read_payload(row)
    record = json.loads(payload) if payload is not None else {}
    if "receipt" not in record:
        why = "was erased" if payload is None else "is not about an answer from the packs"
        raise NotFoundError(f"Row {row.index} has no receipt: it {why}.", "edge audit show lists the rows.")
    note = _choose_checkpoint(store, row.index)
    size = Checkpoint.parse(note.text).size
    proof = Proof(row.index, tuple(store.make_tree(size).prove_inclusion(row.index)), note)
    salt = bytes.fromhex(record["salt"])
    return Receipt(store.key.public, salt, record["receipt"], row.entry.decode(), proof)


def _choose_checkpoint(store: LogStore, index: int) -> Note:
    """Return the last checkpoint over a row that others have cosigned, with all of these; else the last one."""
    cosigned = {Checkpoint.parse(note.text).size: note for note in store.list_cosigned()}
    if size := max((size for size in cosigned if size > index), default=0):
        note = cosigned[size]
        others = (
            one for other in store.list_cosigned() if other.text == note.text for one in other.signatures
        )
        return note.add(others)
    last = store.read_checkpoint()
    assert last is not None, "a row is written with its checkpoint"
    return last


def find_receipt(store: LogStore, name: str) -> Receipt:
    """Return the receipt of a name, as an answer tells it.

    Raises:
        NotFoundError: there is none.
    """
    try:
        row = store.find_row(bytes.fromhex(name))
    except ValueError:
        row = None
    if row is None:
        raise NotFoundError("There is no receipt of this name.", "An answer names its own: 'receipt'.")
    return issue_receipt(store, row)


def write_receipt(receipt: Receipt, path: Path) -> None:
    """Write a receipt: as text, or as a QR code into a file that ends with ``.png`` or ``.svg``.

    Raises:
        StorageError: the file cannot be written.
        UsageError: it is too long for a QR code.
    """
    from edge import files
    from edge.audit import code

    picture = path.suffix.lower() in code.PICTURES
    data = code.draw(str(receipt), path.suffix.lower()) if picture else str(receipt).encode()
    with files.translate_os_errors(path):
        files.write_atomically(path, data)
