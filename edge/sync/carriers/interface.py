"""The interface of every carrier: it hands over files of a repository, trusted or not.

A carrier decides nothing. Metadata is believed because of its signatures, payload because of the signed length and
SHA-256 in that metadata; both checks are the caller's.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import PurePosixPath
from typing import Protocol

from edge.errors import CarrierError


class Carrier(Protocol):
    """One source of a repository. ``name`` is what the reader sees: ``https://mirror.example``, ``/media/usb0/edge``.

    ``removable`` says that it may have been carried around for a while, so that its metadata may be older than a
    mirror's (see ``edge.sync.clock``).
    """

    @property
    def name(self) -> str:
        """The name that the reader sees."""
        ...

    @property
    def removable(self) -> bool:
        """True if the policy for USB sticks applies."""
        ...

    def read_metadata(self, name: str, limit: int) -> bytes:
        """Return a whole file of ``metadata/``, by its name there (``timestamp.json``, ``3.root.json``).

        Raises:
            NotFoundError: this source has no such file.
            CarrierError: it is longer than ``limit`` bytes, or cannot be had: cut, slow, refused, unreadable.
        """
        ...

    def read_payload(self, path: str, start: int, length: int) -> Generator[bytes, None, None]:
        """Yield the bytes of a target from ``start`` on, in blocks; ``length`` is that of the whole file.

        Never more than ``length - start`` bytes are handed over. Closing the generator lets go of what it holds.

        Args:
            path: of the file under ``targets/``, hash prefix included (``Target.file``).
            start: how much the caller has already.
            length: the signed length of the whole file.

        Raises:
            NotFoundError: this source has no such file.
            CarrierError: as ``metadata``. What came before it is worth keeping: the next call resumes there.
            TrustError: the source's file is longer than ``length``.
        """
        ...

    def close(self) -> None:
        """Close connections and files. May be called twice."""
        ...


def require_inside(source: str, name: str) -> None:
    """Raise CarrierError unless a file's name stays inside its repository."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise CarrierError(f"{source}: {name!r} leads out of the repository.", "Use another source.")
