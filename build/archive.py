"""The archive that the launcher unpacks (launcher/): a frozen folder, stripped and compressed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import zstandard

from fetch import run

LEVEL = int(os.environ.get("EDGE_BINARY_LEVEL", "19"))
"""Of zstd. What is only to be tried is packed faster with 3, and a sixth larger."""

FRAME = 48_000_000
"""Bytes compressed together, or a few more: the launcher unpacks frames side by side, each in memory."""


@dataclass(frozen=True, slots=True)
class Packable:
    """A file for the archive: its line in the list, and its bytes."""

    line: str
    content: bytes


def strip(folder: Path) -> None:
    """Take symbols that nobody looks up out of the libraries, but for those that wheels bring along beside theirs:
    their headers were moved when they were put there, and strip breaks them."""
    libraries = [path for path in find_files(folder) if ".so" in path.name]
    libraries = [path for path in libraries if not path.parent.name.endswith(".libs")]
    with_symbols = [path for path in libraries if b"\0.symtab\0" in path.read_bytes()]
    if with_symbols:
        run(
            ["strip", "--strip-unneeded", *map(str, with_symbols)],
            "strip failed. Install it: apt-get install binutils",
        )


def pack_folder(folder: Path, cache: Path) -> Path:
    """Pack a folder into an archive, as the launcher reads it: a list of files, then their bytes. Made once for a
    list."""
    files = read_files(folder)
    lines = "".join(file.line for file in files)
    key = hashlib.sha256(f"{LEVEL} {FRAME}\n{lines}".encode()).hexdigest()[:12]
    archive = cache / f"archive-{key}.zst"
    if not archive.exists():
        for old in cache.glob("archive-*.zst"):
            old.unlink()
        unfinished = archive.with_suffix(".partial")
        unfinished.write_bytes(_compress(files))
        unfinished.replace(archive)
    return archive


def read_files(folder: Path) -> list[Packable]:
    """Read a folder's files, in the order of their names.

    There are no links: not every file system knows them. PyInstaller makes some for the sake of its search path, which
    have the name of their target and are left out, since who needs such a library looks in the right folder anyway
    (its RPATH). To have it twice would be worse: it would be loaded twice. A link of another name becomes a copy.
    """
    files = []
    for path in find_files(folder):
        mode = 0o100755 if path.stat().st_mode & 0o100 else 0o100644
        content = path.read_bytes()
        name = path.relative_to(folder).as_posix()
        digest = hashlib.sha256(content).hexdigest()
        files.append(Packable(f"{mode:o} {len(content)} {digest} {name}\n", content))
    return files


def find_files(folder: Path) -> list[Path]:
    """Find what is packed, in the order of the names."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in files if not path.is_symlink() or path.name != path.readlink().name)


def divide(files: Sequence[Packable]) -> list[list[Packable]]:
    """Divide the files for compression."""
    divided: list[list[Packable]] = []
    room = 0
    for file in files:
        if room <= 0:
            divided.append([])
            room = FRAME
        divided[-1].append(file)
        room -= len(file.content)
    return divided


def _compress(files: Sequence[Packable]) -> bytes:
    divided = divide(files)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        data = list(
            pool.map(_compress_frame, (b"".join(file.content for file in frame) for frame in divided))
        )
    lines = (
        f"frame {len(frame)}\n" + "".join(file.line for file in files)
        for files, frame in zip(divided, data, strict=True)
    )
    return b"".join([_compress_frame("".join(lines).encode()), *data])


def _compress_frame(data: bytes) -> bytes:
    # A library of llama.cpp for each kind of processor: much is found again far away.
    parameters = zstandard.ZstdCompressionParameters.from_level(
        LEVEL, window_log=27, enable_ldm=True, write_checksum=True
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)
