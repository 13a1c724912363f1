"""The launcher of the one-file program (launcher/launcher.c), compiled once and kept in the cache folder.

It is static, so that it runs whatever C library a machine has, if only to say what is missing. It unpacks with the zstd
that the pinned source of the ``zstandard`` package contains.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import tarfile
import tempfile
from pathlib import Path

from fetch import PIN_FOLDER, cache_folder, download, read_pin, run, run_script, say

SOURCE = PIN_FOLDER / "launcher" / "launcher.c"
PIN = "requirements-launcher.txt"
FLAGS = [
    "-std=gnu11", "-Os", "-static", "-s", "-Wall", "-Wextra", "-Werror", "-ffunction-sections", "-fdata-sections",
    "-Wl,--gc-sections", "-Wl,--build-id=none",
]  # fmt: skip
ZSTD_FLAGS = ["-DZSTD_DISABLE_ASM", "-DZSTD_LEGACY_SUPPORT=0", "-w"]


def launcher() -> Path:
    """The compiled launcher.

    Raises:
        SetupError: there is no C compiler, or no network to get zstd.
    """
    pin = read_pin(PIN)
    compiler = shlex.split(os.environ.get("CC", "cc"))
    parts = [SOURCE.read_text(encoding="utf-8"), pin.sha256, *compiler, *FLAGS, *ZSTD_FLAGS]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
    finished = cache_folder() / f"launcher-{key}"
    if finished.exists():
        say(f"{finished.name} is in the cache")
        return finished
    archive = cache_folder() / "downloads" / f"{pin.name}-{pin.version}.tar.gz"
    if not archive.exists():
        download(pin, archive.parent, from_source=True)
    say("compiling the launcher")
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix="build-") as scratch:
        zstd = _unpack(archive, Path(scratch))
        common, built = [*compiler, *FLAGS, f"-I{zstd}"], Path(scratch, "launcher")
        failure = "the launcher could not be compiled. It needs a C compiler: apt-get install gcc libc6-dev"
        run([*common, *ZSTD_FLAGS, "-c", str(zstd / "zstd.c"), "-o", f"{scratch}/zstd.o"], failure)
        run([*common, str(SOURCE), f"{scratch}/zstd.o", "-o", str(built)], failure)
        return built.replace(finished)


def _unpack(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
        tar.extractall(folder)
    return next(folder.glob("*/zstd"))


def main() -> None:
    """Print the path of the launcher."""
    print(launcher())


if __name__ == "__main__":
    run_script(main)
