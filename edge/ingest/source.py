"""The source folder of a pack: its documents, their names and the digests of their bytes."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from edge.errors import DocumentError, SourceError
from edge.files import hash_stream
from edge.ingest.readers import SUFFIXES
from edge.packs import manifest
from edge.packs.values import find_mark
from edge.text.synonyms import Synonyms, read_synonyms

SYNONYMS = "synonyms.csv"
"""A list of words that mean the same, beside ``pack.toml``; not a document."""
MAX_BYTES = 900_000_000
"""SQLite holds no value over a billion bytes, and an original is one value."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A document of the source folder. ``name`` is relative to the folder, with ``/`` between its parts."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that is not a document, with the reason."""

    name: str
    reason: str


def list_source(folder: Path) -> tuple[list[SourceFile], list[SkippedFile]]:
    """Return the documents of a folder and its subfolders by name, and the files that were skipped.

    Raises:
        SourceError: not a folder, or one that cannot be read; a link in it leads out of it.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise SourceError(f"{folder} {what}.", "Give the folder that holds pack.toml and the documents.")
    files: list[SourceFile] = []
    skipped: list[SkippedFile] = []
    for path in _walk(folder):
        _check_link(folder, path)
        name = PurePosixPath(path.relative_to(folder)).as_posix()
        reason = _explain_skip(name, path)
        if reason is None:
            files.append(SourceFile(name, path))
        elif reason:
            skipped.append(SkippedFile(name.encode("utf-8", "replace").decode(), reason))
    return sorted(files, key=lambda file: file.name), sorted(skipped, key=lambda file: file.name)


def read_synonyms_file(folder: Path) -> list[Synonyms]:
    """Return the synonyms of a source folder; none where it has no list of them.

    Raises:
        SourceError: the list cannot be read.
        UsageError: a line of it says nothing.
    """
    path = folder / SYNONYMS
    try:
        return read_synonyms(path.read_text(encoding="utf-8"), SYNONYMS) if path.exists() else []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{SYNONYMS} cannot be read: {error}.", "Save it as CSV in UTF-8.") from error


def hash_file(file: SourceFile) -> str:
    """Return the hexadecimal SHA-256 of a document, read in blocks.

    Raises:
        DocumentError: it cannot be read, is empty or too large for a pack.
    """
    with translate_os_errors(file), file.path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if size == 0:
            raise DocumentError(f"{file.name} is empty.", "Replace it or leave it out.")
        if size > MAX_BYTES:
            raise DocumentError(f"{file.name} is larger than {MAX_BYTES // 10**6} MB.", "Split it.")
        return hash_stream(stream)


def open_unchanged(file: SourceFile, sha256: str) -> BinaryIO:
    """Open a document that was read earlier in the build.

    Raises:
        SourceError: it is not what was read then.
    """
    try:
        unchanged = hash_file(file) == sha256
    except DocumentError:
        unchanged = False
    if not unchanged:
        raise SourceError(f"{file.name} changed while the pack was being built.", "Build the pack again.")
    return file.path.open("rb")


@contextmanager
def translate_os_errors(file: SourceFile) -> Iterator[None]:
    """Turn an operating system error about a document into a ``DocumentError``."""
    try:
        yield
    except OSError as error:
        raise DocumentError(
            f"{file.name} cannot be read: {error.strerror}.", "Check the file and its permissions."
        ) from error


def _walk(folder: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise SourceError(
            f"{error.filename} cannot be read: {error.strerror}.", "Check its permissions."
        ) from error

    for parent, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            _check_link(folder, Path(parent, name))
        yield from (Path(parent, name) for name in sorted(names))


def _check_link(folder: Path, path: Path) -> None:
    """Refuse a symbolic link out of the folder: a pack would publish a file that nobody put there.

    Raises:
        SourceError: the link and where it leads.
    """
    if path.is_symlink() and not path.name.startswith("."):
        target = Path(os.path.realpath(path))
        if not target.is_relative_to(os.path.realpath(folder)):
            raise SourceError(
                f"{path} is a symbolic link that leads out of the folder, to {target}.",
                "Copy the document into the folder, or remove the link.",
            )


def _explain_skip(name: str, path: Path) -> str | None:
    """Return why a file is skipped; None for a document, an empty string for what needs no mention."""
    if name in (manifest.FILE, SYNONYMS):
        return ""
    if path.name.startswith("."):
        return "hidden"
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return "its name is not valid UTF-8: rename it"
    if find_mark(name):
        return "its name holds a line break or a sign that turns its direction: rename it"
    if path.suffix.lower() not in SUFFIXES:
        return (
            f"'{path.suffix}' is not a document type edge reads"
            if path.suffix
            else "no file type in its name"
        )
    return None if path.is_file() else "not a regular file"
