"""Packs that the demonstration, the one-file program, the tests and the benchmarks share: built once, kept in the cache
folder.

A pack is kept under a digest of everything that it depends on: its documents, the code that reads, cuts and writes
them, and the embedder. So a change anywhere builds anew, and nothing else does.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fetch import SetupError, make_cache_folder, run_script, say

ROOT = Path(__file__).resolve().parent.parent
STARTER = ROOT / "knowledge_packs" / "starter"
HANDBOOK = ROOT / "knowledge_packs" / "handbook"
EDGE = Path(sys.executable).with_name("edge")

Build = Callable[[Path, Path], None]
"""Builds the pack of a source folder (first argument) into a file."""


def build_cached_pack(source: Path, build: Build) -> Path:
    """Return the pack of a source folder, built by ``build`` unless the cache has it. Interrupted, it resumes.

    Processes that want the same pack at the same time wait for the one that builds it.
    """
    with hold_place(source.name, hash_ingredients(source)) as pack:
        if pack.exists():
            say(f"{source.name}: its pack is in the cache")
        else:
            build(source, pack)
    return pack


@contextmanager
def hold_place(name: str, digest: str) -> Iterator[Path]:
    """Give the place where the cache keeps a pack, there or not; no other process is given it until the end of the
    block."""
    folder = make_cache_folder() / "packs"
    folder.mkdir(exist_ok=True)
    pack = folder / f"{name}-{digest[:16]}.kpack"
    with pack.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield pack


def hash_ingredients(source: Path) -> str:
    """Return SHA-256 over the names and bytes of all that a pack is made from."""
    digest = hashlib.sha256()
    for folder, file in _list_ingredients(source):
        digest.update(f"{file.relative_to(folder)}:{file.stat().st_size}:".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


CODE = (
    (ROOT / "edge", "__init__.py"),
    (ROOT / "edge" / "ingest", "**/*.py"),
    (ROOT / "edge" / "packs", "**/*.py"),
    (ROOT / "edge" / "text", "**/*.py"),
    (ROOT / "edge" / "weights", "minilm-*.gguf"),
)
"""Folders, and the files in them, that a pack depends on beside its documents."""


def _list_ingredients(source: Path) -> Iterator[tuple[Path, Path]]:
    """Yield files, each with the folder that its name is relative to."""
    for folder, pattern in (*CODE, (source, "**/*")):
        yield from ((folder, file) for file in sorted(folder.glob(pattern)) if file.is_file())


def build_with_edge(source: Path, pack: Path) -> None:
    """``edge pack build``, with its progress and report on standard error.

    Raises:
        SetupError: it failed; it has said why.
    """
    say(f"{source.name}: building its pack (about two minutes, once)")
    done = subprocess.run([EDGE, "pack", "build", source, "-o", pack], stdout=sys.stderr, check=False)
    if done.returncode:
        raise SetupError(f"the pack of {source} could not be built.")


def main() -> None:
    """Print where the starter pack is."""
    print(build_cached_pack(STARTER, build_with_edge))


if __name__ == "__main__":
    run_script(main)
