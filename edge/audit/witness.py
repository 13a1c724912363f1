"""Devices as witnesses of each other: a meeting, by way of a folder that travels.

Each device leaves the hashes of its log and its last checkpoint in ``witness/`` of a stick, and looks at those of
others. One that continues what was seen before is kept and cosigned; one that does not was rewritten. A meeting is a
row of the log, so that a log that was cut or restored goes on differently from what others have seen, and is found. A
copy that is only old says nothing against its log. Whoever finds its own signed past on a stick, and does not have it
any more, was cut or restored itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from edge import files
from edge.audit.merkle import Tree, check_consistency
from edge.audit.note import Checkpoint, Note, NoteError, Signature, VerifierKey, make_id, open_checkpoint
from edge.audit.store import COSIGNED, LogStore
from edge.audit.tiles import TileFolder, require_no_link
from edge.audit.upkeep import append_record
from edge.errors import EdgeError, NotFoundError

FOLDER = "witness"
MOST_LOGS = 256
TOLERANCE_S = 86_400
"""Clocks that differ by less are not worth a word."""

_ID = re.compile(r"[0-9a-f]{16}")


class Kind(StrEnum):
    """What was found about a log. ``cut`` and ``rewritten`` are alarms."""

    NEW = "new"
    CONTINUED = "continued"
    UNCHANGED = "unchanged"
    OLDER = "older copy"
    INCOMPLETE = "incomplete copy"
    RENEWED = "new log of a known device"
    CUT = "cut"
    REWRITTEN = "rewritten"
    CLOCK = "clock"
    COSIGNED = "cosigned by"


ALARMS = (Kind.CUT, Kind.REWRITTEN)


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact of a meeting, about the log of this name."""

    log: str
    kind: Kind
    detail: str

    @property
    def alarm(self) -> bool:
        """True if a log was changed that must not be."""
        return self.kind in ALARMS


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting in a folder. ``error`` says why nothing could be left there."""

    place: str
    findings: tuple[Finding, ...]
    error: EdgeError | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A log of another device as this one has seen it last."""

    key: VerifierKey
    checkpoint: Checkpoint
    alarm: str


def meet(store: LogStore, folder: Path, now: int) -> Meeting:
    """Look at the logs in a folder that travels, cosign them, and leave one's own there.

    Args:
        folder: of a stick, a share or a repository.
        now: seconds since 1970.

    Raises:
        NotFoundError: there is no such folder.
        StorageError: this device's own state cannot be read or written.
    """
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder {folder}.", "Put the stick in, or check the path.")
    own = TileFolder(folder / FOLDER / make_id(store.key.public.public))
    findings: list[Finding] = []
    error: EdgeError | None = None
    try:
        with files.translate_os_errors(folder):
            for other in _list_logs(folder / FOLDER):
                if other.path.name != own.path.name:
                    findings += _look_at_other(store, other, now)
            about_own = list(_look_at_own(store, own, now))
            met = [finding.log for finding in findings]
            findings += about_own
            if not any(finding.alarm for finding in about_own):  # else what lies there is the evidence
                _leave(store, own, met)
    except EdgeError as failure:
        error = failure
    return Meeting(str(folder), tuple(findings), error)


def list_seen(store: LogStore) -> Iterator[Seen]:
    """Yield the logs of others that this device has seen."""
    for kept in _list_logs(store.folder / FOLDER):
        try:
            key = kept.read_key()
            yield Seen(key, open_checkpoint(kept.read_checkpoint(), key), _read_alarm(kept.path))
        except (OSError, NoteError):
            continue


def find_own_alarm(store: LogStore) -> str:
    """Return the alarm about this device's own log; nothing if there was none."""
    return _read_alarm(store.folder)


def _look_at_own(store: LogStore, own: TileFolder, now: int) -> Iterator[Finding]:
    """Compare what this device has left there, and what others have cosigned, with the log as it is."""
    key, size = store.key.public, store.read_size()
    notes: list[tuple[str, Note]] = []
    with suppress(OSError, NoteError):
        notes.append(("", own.read_checkpoint()))
    with suppress(OSError):
        notes += own.list_cosigned().items()
    for name, note in notes:
        try:
            checkpoint = open_checkpoint(note, key)
        except NoteError:
            continue  # nobody but this device can sign for it
        if checkpoint.size > size:
            detail = f"It was signed with {checkpoint.size:,} rows and has {size:,}: cut, or an old disk was restored."
            yield _raise_alarm(store.folder, Finding(key.name, Kind.CUT, detail), note)
        elif checkpoint.size and store.make_tree(checkpoint.size).compute_root() != checkpoint.root:
            detail = f"Its first {checkpoint.size:,} rows are not those that were signed."
            yield _raise_alarm(store.folder, Finding(key.name, Kind.REWRITTEN, detail), note)
        elif name:
            yield from _keep_cosigned(store, name, note, checkpoint, now)


def _keep_cosigned(
    store: LogStore, name: str, note: Note, checkpoint: Checkpoint, now: int
) -> Iterator[Finding]:
    """Keep a checkpoint that another device has cosigned, if that device is known."""
    try:
        key = TileFolder(store.folder / FOLDER / name).read_key()
        signature = note.find(key.to_cosigner())
    except (OSError, NoteError):
        return
    if signature is None or checkpoint.size <= _read_cosigned_size(store.folder / COSIGNED / name):
        return
    files.make_folder(store.folder / COSIGNED)
    files.write_atomically(store.folder / COSIGNED / name, str(note).encode())
    yield Finding(key.name, Kind.COSIGNED, f"{checkpoint.size:,} rows")
    ahead = store.get_row(checkpoint.size - 1).time // 1000 - signature.time
    if ahead > TOLERANCE_S:
        detail = (
            f"At row {checkpoint.size - 1} its clock was {ahead // 86_400} days ahead of that of {key.name}."
        )
        yield Finding(store.origin, Kind.CLOCK, detail)
    elif signature.time - now > TOLERANCE_S:
        detail = f"Its clock is {(signature.time - now) // 86_400} days behind that of {key.name}."
        yield Finding(store.origin, Kind.CLOCK, detail)


def _read_cosigned_size(path: Path) -> int:
    """Return the size of the last checkpoint that a device has cosigned; 0 for none."""
    try:
        return Checkpoint.parse(path.read_text(encoding="utf-8", errors="replace")).size
    except (OSError, NoteError):
        return 0


def _look_at_other(store: LogStore, other: TileFolder, now: int) -> Iterator[Finding]:
    """Compare a log in the folder with what was seen of it; keep and cosign it if it continues that."""
    try:
        key, note = other.read_key(), other.read_checkpoint()
        checkpoint = open_checkpoint(note, key)
        tree = other.make_tree(checkpoint.size)
        if tree.compute_root() != checkpoint.root:
            raise ValueError("its hashes are not those that were signed")
        kept = TileFolder(store.folder / FOLDER / other.path.name)
        finding = _judge(kept, key, checkpoint, tree)
        if finding.kind is Kind.NEW:
            yield from _tell_renewed(store, key)
        if finding.kind in (Kind.NEW, Kind.CONTINUED):
            kept.write(key, note, checkpoint.size, tree.read_tile)
        if finding.kind in (Kind.NEW, Kind.CONTINUED, Kind.UNCHANGED):
            with suppress(OSError):  # a stick that cannot be written can still be looked at
                _cosign(store, other, note, now)
        yield _raise_alarm(kept.path, finding, note) if finding.alarm else finding
    except (OSError, NoteError, ValueError) as error:
        yield Finding(other.path.name, Kind.INCOMPLETE, str(getattr(error, "message", error)))


def _judge(kept: TileFolder, key: VerifierKey, checkpoint: Checkpoint, tree: Tree) -> Finding:
    """Compare a checkpoint, of which the hashes are there, with the last one seen."""
    size = checkpoint.size
    try:
        seen = open_checkpoint(kept.read_checkpoint(), key)
    except FileNotFoundError:
        return Finding(key.name, Kind.NEW, f"{size:,} rows")
    if size < seen.size:
        if kept.make_tree(seen.size).shorten(size).compute_root() == checkpoint.root:
            return Finding(key.name, Kind.OLDER, f"{size:,} rows here, {seen.size:,} seen")
        return Finding(
            key.name, Kind.REWRITTEN, f"{seen.size:,} rows were seen before; now it has {size:,} others."
        )
    if check_consistency(seen.size, seen.root, size, checkpoint.root, tree.prove_consistency(seen.size)):
        kind = Kind.UNCHANGED if size == seen.size else Kind.CONTINUED
        return Finding(key.name, kind, f"{size:,} rows")
    return Finding(
        key.name, Kind.REWRITTEN, f"Its first {seen.size:,} rows are not those that were seen before."
    )


def _cosign(store: LogStore, other: TileFolder, note: Note, now: int) -> None:
    """Leave the last checkpoint of another log with this device's cosignature, if it is not there yet."""
    name = make_id(store.key.public.public)
    there = other.list_cosigned().get(name)
    if there is None or there.text != note.text:
        own = [one for one in note.signatures if one.name == Checkpoint.parse(note.text).origin]
        other.write_cosigned(name, Note(note.text, (*own, store.key.cosign(note.text, now))))


def _tell_renewed(store: LogStore, key: VerifierKey) -> Iterator[Finding]:
    """Tell that a device of the same name was seen with another log."""
    device = key.name.rpartition("/")[0]
    for seen in list_seen(store):
        if seen.key.name.rpartition("/")[0] == device and seen.key != key:
            detail = f"It was seen as {seen.key.name}, with {seen.checkpoint.size:,} rows."
            yield Finding(key.name, Kind.RENEWED, detail)


def _leave(store: LogStore, own: TileFolder, met: list[str]) -> None:
    """Record the meeting, and leave one's own log in the folder."""
    _require_writable(own.path.parent)
    append_record(store, {"kind": "meeting", "met": met})
    size, note = store.read_size(), store.read_checkpoint()
    assert note is not None, "a row is written with its checkpoint"
    own.write(store.key.public, note.add(_list_cosignatures(store, note)), size, store.read_tile)


def _list_cosignatures(store: LogStore, note: Note) -> list[Signature]:
    return [one for known in store.list_cosigned() if known.text == note.text for one in known.signatures]


def _require_writable(folder: Path) -> None:
    """Raise ``OSError`` if nothing can be written: the log shall have no row of a meeting that was none."""
    require_no_link(folder, folder.parent)
    files.make_folder(folder)
    probe = folder / ".probe"
    probe.write_bytes(b"")
    probe.unlink()


def _list_logs(folder: Path) -> list[TileFolder]:
    if folder.is_symlink() or not folder.is_dir():
        return []
    names = sorted(name for name in os.listdir(folder) if _ID.fullmatch(name))
    return [TileFolder(folder / name) for name in names[:MOST_LOGS]]


def _raise_alarm(folder: Path, finding: Finding, note: Note) -> Finding:
    """Keep an alarm with its evidence; the first one stays."""
    path = folder / "alarm"
    if not path.exists():
        files.write_atomically(path, f"{finding.kind}: {finding.detail}\n\n{note}".encode())
    return finding


def _read_alarm(folder: Path) -> str:
    try:
        return (folder / "alarm").read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    except OSError:
        return ""
