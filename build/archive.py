"""The archive that the launcher unpacks (launcher/launcher.c): a frozen folder, stripped and compressed."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from pathlib import Path

import zstandard

from fetch import run

LEVEL = int(os.environ.get("EDGE_BINARY_LEVEL", "19"))
"""Of zstd. What is only to be tried is packed faster with 3, and a sixth larger."""


def strip(folder: Path) -> None:
    """Take debugging symbols out of the libraries that have them, but for those that wheels bring along: their
    headers were moved when they were put there, and strip breaks them."""
    libraries = [path for path in files_of(folder) if ".so" in path.name and not path.is_symlink()]
    libraries = [path for path in libraries if not path.parent.name.endswith(".libs")]
    with_symbols = [path for path in libraries if b".debug_info" in path.read_bytes()]
    if with_symbols:
        run(
            ["strip", "--strip-debug", *map(str, with_symbols)],
            "strip failed. Install it: apt-get install binutils",
        )


def packed(folder: Path, cache: Path) -> Path:
    """The archive of a folder, as the launcher reads it: a list of files, then their bytes. Made once for a list."""
    lines, data = listing(folder)
    key = hashlib.sha256(f"{LEVEL}\n{lines}".encode()).hexdigest()[:12]
    archive = cache / f"archive-{key}.zst"
    if not archive.exists():
        for old in cache.glob("archive-*.zst"):
            old.unlink()
        unfinished = archive.with_suffix(".partial")
        unfinished.write_bytes(_compressed(lines.encode()) + _compressed(data))
        unfinished.replace(archive)
    return archive


def listing(folder: Path) -> tuple[str, bytes]:
    """The list of a folder's files, and their bytes one after another."""
    lines, data = [], io.BytesIO()
    for path in files_of(folder):
        mode = path.lstat().st_mode
        content = os.readlink(path).encode() if stat.S_ISLNK(mode) else path.read_bytes()
        kept = 0o120777 if stat.S_ISLNK(mode) else 0o100755 if mode & 0o100 else 0o100644
        digest = hashlib.sha256(content).hexdigest()
        lines.append(f"{kept:o} {len(content)} {digest} {path.relative_to(folder).as_posix()}\n")
        data.write(content)
    return "".join(lines), data.getvalue()


def files_of(folder: Path) -> list[Path]:
    """Files and links, in the order of their names."""
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())


def _compressed(data: bytes) -> bytes:
    # With two threads whatever the machine: the frame depends on whether there are any.
    return zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, threads=2).compress(data)
