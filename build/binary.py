"""The one-file program: ``python build/binary.py`` makes dist/edge, with ``MODEL`` and ``PACKS`` inside if named.

PyInstaller freezes edge into a folder, which becomes the archive that the launcher (launcher/launcher.c) unpacks once.
PyInstaller's own one-file form unpacks at every start.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import zstandard

import inventory
from edge import __version__
from edge.bundle.admit import admit
from edge.bundle.bundle import Bundle
from edge.bundle.compose import Source, compose
from edge.errors import EdgeError
from edge.text.sizes import size
from fetch import PIN_FOLDER, SetupError, cache_folder, run, run_script, say
from launcher import launcher

ROOT = PIN_FOLDER.parent
SPEC = PIN_FOLDER / "edge.spec"
LEVEL = int(os.environ.get("EDGE_BINARY_LEVEL", "19"))
"""Of zstd. What is only to be tried is packed faster with 3, and a sixth larger."""


def main() -> None:
    """Freeze, pack, compose."""
    folder = cache_folder() / "binary"
    target = ROOT / "dist" / "edge"
    frozen = freeze(folder)
    say("packing")
    archive = packed(frozen, folder)
    target.parent.mkdir(exist_ok=True)
    try:
        bundle = compose(Source.file("program", launcher()), [*sources(archive)], target)
    except EdgeError as error:
        raise SetupError(f"{error.message} {error.hint}") from error
    sbom = inventory.bill_of_materials(inventory.read(folder / "inventory.json"), target, __version__)
    target.with_name("edge.cdx.json").write_text(json.dumps(sbom, indent=2) + "\n", encoding="utf-8")
    report(bundle)


def freeze(folder: Path) -> Path:
    """The program as a folder. Same input, same bytes: hashes of strings are fixed, and times do not get in."""
    say("freezing edge with PyInstaller (about half a minute)")
    environ = {**os.environ, "PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": "315532800"}
    options = [
        "--noconfirm",
        "--log-level",
        "ERROR",
        "--workpath",
        str(folder / "work"),
        "--distpath",
        str(folder),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "PyInstaller", *options, str(SPEC)],
        env=environ,
        cwd=folder.parent,
        check=False,
    )
    if done.returncode:
        raise SetupError("PyInstaller failed; it has said why.")
    strip(folder / "edge")
    return folder / "edge"


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


def sources(archive: Path) -> list[Source]:
    """The archive, and what the caller wants to have inside."""
    model, packs = os.environ.get("MODEL"), os.environ.get("PACKS", "").split()
    program = Source("program", "edge", archive, 0, archive.stat().st_size)
    return [program, *(admit(Path(path)) for path in [*filter(None, [model]), *packs])]


def report(bundle: Bundle) -> None:
    """Say what was made."""
    say(f"{bundle.path.relative_to(ROOT)}: {size(bundle.path.stat().st_size)}")
    for part in bundle.added:
        say(f"    {part.kind} {part.name}: {size(part.size)}")


def _compressed(data: bytes) -> bytes:
    # With two threads whatever the machine: the frame depends on whether there are any.
    return zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, threads=2).compress(data)


if __name__ == "__main__":
    run_script(main)
