"""A repository in a folder: on a stick, a card, a disk or a network share."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from edge.errors import CarrierError, NotFoundError, TrustError
from edge.sync.carriers.interface import require_inside

BLOCK = 1 << 20


class FolderCarrier:
    """The folder that holds ``metadata`` and ``targets``. Always removable: nobody knows when it was copied."""

    removable = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def name(self) -> str:
        """Its path."""
        return str(self._folder)

    def read_metadata(self, name: str, limit: int) -> bytes:
        """See ``Carrier``."""
        with self._open(f"metadata/{name}") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise CarrierError(
                f"{self.name}: {name} is longer than {limit} bytes.", "Copy the repository again."
            )
        return data

    def read_payload(self, path: str, start: int, length: int) -> Generator[bytes, None, None]:
        """See ``Carrier``."""
        with self._open(f"targets/{path}") as file:
            size = os.fstat(file.fileno()).st_size
            if size != length:
                kind = TrustError if size > length else CarrierError
                raise kind(
                    f"{self.name}: {path} has {size} bytes, and {length} were signed.",
                    "The copy is incomplete or changed: copy the repository again.",
                )
            file.seek(start)
            left = length - start
            while left and (block := file.read(min(BLOCK, left))):
                left -= len(block)
                yield block

    def close(self) -> None:
        """See ``Carrier``. Nothing stays open."""

    @contextmanager
    def _open(self, name: str) -> Iterator[BinaryIO]:
        """Open a regular file without waiting: a pipe or a device on a stick must not hold anybody up."""
        path = self._folder / name
        require_inside(self.name, name)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb", buffering=0 if name.startswith("targets/") else -1) as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise CarrierError(f"{path} is not a file.", "Copy the repository again.")
                yield file
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFoundError(f"{self.name} has no {name}.", self._make_hint()) from error
        except OSError as error:
            raise CarrierError(
                f"{path} cannot be read: {error.strerror}.",
                "Put the stick in again, or check its permissions; what was copied is kept.",
            ) from error

    def _make_hint(self) -> str:
        if not (self._folder / "metadata").is_dir():
            return "Name the folder that holds 'metadata' and 'targets'."
        return "This copy is incomplete: copy the repository again, or use another source."
