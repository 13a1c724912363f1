"""Downloads of a repository's files: resumed where they ended, believed once they are whole.

    sync/staging/SHA256/NAME     what has come of one target; resumed by the next attempt, from any source

The carrier is trusted with nothing: a file counts when its length and SHA-256 are the signed ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from edge import files
from edge.errors import CarrierError, TrustError
from edge.files import Progress, format_size
from edge.sync.carriers.interface import Carrier
from edge.sync.targets import Target

MAKE_SPACE = "Free some space, or remove a pack with `edge pack remove`; nothing was begun."

MAX_ATTEMPTS = 50
"""For one file from one source. Only an attempt that brought something is followed by another."""


class Staging:
    """The folder of unfinished downloads. ``moved`` counts all payload bytes that arrived."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.moved = 0
        with files.translate_os_errors(folder):
            files.make_folder(folder)

    def locate(self, target: Target) -> Path:
        """Return where a target's file is put together."""
        return self.folder / target.sha256 / Path(target.path).name

    def keep_only(self, targets: Iterable[Target]) -> None:
        """Delete the beginnings of all other targets, so that the folder does not grow with every release."""
        kept = {target.sha256 for target in targets}
        with files.translate_os_errors(self.folder):
            for entry in self.folder.iterdir():
                if entry.name not in kept:
                    files.delete(entry)

    def discard(self, target: Target) -> None:
        """Delete a target's file."""
        with files.translate_os_errors(self.folder):
            files.delete(self.folder / target.sha256)

    def fetch(self, carrier: Carrier, target: Target, progress: Progress, beside: int = 0) -> Path:
        """Fetch a target, verified and durable; resume what an earlier attempt left.

        Args:
            carrier: where it comes from.
            target: what is wanted.
            progress: told of every block.
            beside: bytes of disk that using it will take, which must be free as well.

        Raises:
            NotFoundError, CarrierError: the source has it not, or not to the end. What came is kept.
            TrustError: it is not what was signed. Nothing of it is kept.
            StorageError: the disk is full or failing.
        """
        path = self.locate(target)
        with files.translate_os_errors(self.folder):
            files.make_folder(path.parent)
            resumed = self._find_resume_point(path, target)
            files.check_space(self.folder, target.length - resumed + beside, target.path, MAKE_SPACE)
            self._fill(carrier, target, path, progress)
            if not _is_signed(path, target) and resumed:
                # What was resumed may have come from another source, or from before a power cut.
                path.unlink()
                self._fill(carrier, target, path, progress)
            if not _is_signed(path, target):
                files.delete(path.parent)
                raise TrustError(
                    f"{carrier.name}: {target.path} is not the file that was signed.",
                    "It was damaged or changed, and nothing of it was installed. Use another source.",
                )
            files.sync_file(path)
        return path

    def _find_resume_point(self, path: Path, target: Target) -> int:
        have = path.stat().st_size if path.exists() else 0
        if have > target.length:
            path.unlink()
            return 0
        return have

    def _fill(self, carrier: Carrier, target: Target, path: Path, progress: Progress) -> None:
        """Append what is missing; ask a source that breaks off again as long as it brings something."""
        with path.open("ab") as file:
            for attempt in range(MAX_ATTEMPTS):
                before = file.seek(0, os.SEEK_END)
                try:
                    self._append(carrier, target, file.write, before, progress)
                    return
                except CarrierError:
                    if file.tell() == before or attempt == MAX_ATTEMPTS - 1:
                        raise

    def _append(
        self,
        carrier: Carrier,
        target: Target,
        write: Callable[[bytes], object],
        have: int,
        progress: Progress,
    ) -> None:
        progress(have, target.length)
        if have == target.length:
            return
        with closing(carrier.read_payload(target.file, have, target.length)) as blocks:
            for block in blocks:
                self.moved += len(block)
                write(block)
                have += len(block)
                progress(have, target.length)
        if have < target.length:
            raise CarrierError(
                f"{carrier.name}: {target.path} ended at {format_size(have)} of {format_size(target.length)}.",
                "What has come is kept: the same command resumes. Or use another source.",
            )


def _is_signed(path: Path, target: Target) -> bool:
    return path.stat().st_size == target.length and files.hash_file(path) == target.sha256
