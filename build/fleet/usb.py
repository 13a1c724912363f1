"""dist/edge for a stick: a folder with program, model and packs beside each other, that writes nothing elsewhere.

``PYTHONPATH=build python -m fleet.usb`` makes dist/edge-usb of ``MODEL`` and ``PACKS``; ``TO`` names another folder,
such as that of a stick. The launcher knows the folder by its ``edge-data``.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shlex
import shutil
from contextlib import suppress
from pathlib import Path

from edge.bundle.admit import admit
from edge.errors import EdgeError
from edge.files import format_size
from fetch import PIN_FOLDER, SetupError, run_script, say

ROOT = PIN_FOLDER.parent
PROGRAM = ROOT / "dist" / "edge"
STICK = PIN_FOLDER / "fleet" / "stick"

DATA = "edge-data"
SUMS = "SHA256SUMS"
FAT32_MOST = (1 << 32) - 1
"""Bytes of a file."""


def main() -> None:
    """Make the folder."""
    if not PROGRAM.exists():
        raise SetupError("there is no dist/edge yet. Make it: make binary")
    along = [Path(name) for name in shlex.split(os.environ.get("PACKS", ""))]
    if model := os.environ.get("MODEL"):
        along.append(Path(model))
    target = Path(os.environ.get("TO") or ROOT / "dist" / "edge-usb")
    lay_out(target, PROGRAM, along)
    say(f"{target}: {format_size(sum(path.stat().st_size for path in target.iterdir() if path.is_file()))}")


def lay_out(target: Path, program: Path, along: list[Path]) -> None:
    """Put everything into a folder. Other packs and models there are used too: they stay, as does edge-data.

    Args:
        along: packs and models.

    Raises:
        SetupError: one is neither, or the folder cannot take a file.
    """
    named = {path: _read_name(path) for path in along}
    bill = program.with_name("edge.cdx.json")
    ours = [program, STICK / "edge.sh", STICK / "README.txt", *([bill] if bill.exists() else [])]
    files = {**{path: path.name for path in ours}, **named}
    sums = []
    try:
        (target / DATA).mkdir(parents=True, exist_ok=True)
        for path, name in files.items():
            sums.append(f"{_copy_and_hash(path, target / name)}  {name}\n")
        (target / SUMS).write_text("".join(sums))
    except OSError as error:
        raise SetupError(
            f"{target} does not take the files: {error.strerror}.{_choose_hint(error)}"
        ) from error
    if large := [path.name for path in files if path.stat().st_size > FAT32_MOST]:
        say(f"{', '.join(large)}: above 4 GB, for which a stick needs exFAT or ext4, not FAT32")


def _read_name(path: Path) -> str:
    try:
        return admit(path).name
    except EdgeError as error:
        raise SetupError(f"{error.message} {error.hint}") from error


def _copy_and_hash(source: Path, target: Path) -> str:
    """Copy a file, whole or not at all, and return its SHA-256."""
    unfinished = target.with_name(f"{target.name}.partial")
    try:
        shutil.copyfile(source, unfinished)
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        with suppress(PermissionError):  # FAT and exFAT know no modes
            unfinished.chmod(0o755 if target.name in ("edge", "edge.sh") else 0o644)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _choose_hint(error: OSError) -> str:
    if error.errno == errno.EFBIG:
        return " FAT32 holds files of up to 4 GB: format the stick as exFAT."
    return " Free some space, or name another folder." if error.errno == errno.ENOSPC else ""


if __name__ == "__main__":
    run_script(main)
