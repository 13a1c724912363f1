"""The launcher of the one-file program (launcher/), compiled once and kept in the cache folder.

It is static, so that it runs whatever C library a machine has, if only to say what is missing. It unpacks with the zstd
that the pinned source of the ``zstandard`` package contains.
"""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
from pathlib import Path

from fetch import PIN_FOLDER, download, extract, make_cache_folder, read_pin, run, run_script, say
from sysroot import Toolchain, make_toolchain

FOLDER = PIN_FOLDER / "launcher"
PIN = "requirements-launcher.txt"
FLAGS = [
    "-std=gnu11", "-O2", "-static", "-s", "-pthread", "-Wall", "-Wextra", "-Werror", "-ffunction-sections",
    "-fdata-sections", "-Wl,--gc-sections", "-Wl,--build-id=none",
]  # fmt: skip
ZSTD_FLAGS = ["-O3", "-DZSTD_DISABLE_ASM", "-DZSTD_LEGACY_SUPPORT=0", "-w"]


def build_launcher(tools: Toolchain) -> Path:
    """Return the launcher, compiled unless the cache has it.

    Raises:
        SetupError: it cannot be compiled, or there is no network to get zstd.
    """
    compiler = tools.make_c_command()
    finished = make_cache_folder() / f"launcher-{_make_key(tools)}"
    if finished.exists():
        say(f"{finished.name} is in the cache")
        return finished
    say("compiling the launcher")
    with tempfile.TemporaryDirectory(dir=make_cache_folder(), prefix="build-") as scratch:
        return build(compiler, FLAGS, Path(scratch)).replace(finished)


def build(compiler: list[str], flags: list[str], scratch: Path) -> Path:
    """Compile it in an empty folder. The same compiler makes the same bytes in every folder.

    Raises:
        SetupError: as `build_launcher`.
    """
    zstd, built = _find_zstd(scratch), scratch / "launcher"
    common = [
        *compiler,
        *flags,
        f"-ffile-prefix-map={scratch}=.",
        f"-ffile-prefix-map={FOLDER}=.",
        f"-I{zstd}",
    ]
    failure = "the launcher could not be compiled. It needs a C compiler: apt-get install gcc libc6-dev"
    run([*common, *ZSTD_FLAGS, "-c", str(zstd / "zstd.c"), "-o", f"{scratch}/zstd.o"], failure)
    run([*common, *map(str, list_sources(".c")), f"{scratch}/zstd.o", "-o", str(built)], failure)
    return built


def list_sources(suffix: str) -> list[Path]:
    """Return the launcher's own files with a suffix."""
    return sorted(FOLDER.glob(f"*{suffix}"))


def _make_key(tools: Toolchain) -> str:
    texts = [path.read_text(encoding="utf-8") for path in list_sources(".[ch]")]
    parts = [*texts, read_pin(PIN).sha256, tools.key, *FLAGS, *ZSTD_FLAGS]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _find_zstd(folder: Path) -> Path:
    pin = read_pin(PIN)
    archive = make_cache_folder() / "downloads" / f"{pin.name}-{pin.version}.tar.gz"
    if not archive.exists():
        download(pin, archive.parent, from_source=True)
    with tarfile.open(archive) as tar:
        extract(tar, folder)
    return next(folder.glob("*/zstd"))


def main() -> None:
    """Print the path of the launcher."""
    print(build_launcher(make_toolchain()))


if __name__ == "__main__":
    run_script(main)
