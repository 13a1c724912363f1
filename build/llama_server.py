"""Build llama-server and llama-bench, what ``make bench-engine`` compares with: ``python build/llama_server.py``.

They come from the same pinned source as the wheel, with the same flags for the same processors, and stay in the
cache under a key made of everything that shapes them. Prints the path of llama-server. No set-up needs this.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import tempfile
from pathlib import Path

from fetch import Pin, make_cache_folder, read_pin, run_script, say
from llama_wheel import (
    FLAGS,
    choose_cpu_flags,
    compile_libraries,
    describe_toolchain,
    download_source,
    make_build_tools,
    make_cache_key,
    read_cpu_features,
    unpack,
)

PROGRAMS = ("llama-server", "llama-bench")

PROGRAM_FLAGS = [  # the last word counts for CMake
    "-DLLAMA_BUILD_COMMON=ON",
    "-DLLAMA_BUILD_TOOLS=ON",
    "-DLLAMA_BUILD_SERVER=ON",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
]


def build_programs(pin: Pin, flags: list[str], cache: Path, folder: Path) -> None:
    """Compile the programs; ``folder`` appears whole or not at all."""
    tools = make_build_tools(cache)
    source_file = download_source(pin, cache, tools)
    with tempfile.TemporaryDirectory(dir=cache, prefix="build-") as scratch:
        say("unpacking the source")
        source, build = unpack(source_file, Path(scratch, "source")), Path(scratch, "build")
        log = cache / "llama-server.log"
        libraries = compile_libraries(source, build, tools, flags, log, PROGRAMS)
        unfinished = Path(scratch, folder.name)
        unfinished.mkdir()
        for file in [*libraries, *(build / "bin" / name for name in PROGRAMS)]:
            shutil.copy(file, unfinished)
        unfinished.replace(folder)


def build_server() -> Path:
    """Return the path of llama-server, which is built first unless the cache has it.

    Raises:
        SetupError: no compiler, no network, or it does not compile.
    """
    cache, pin = make_cache_folder(), read_pin("requirements-llama.txt")
    extra = shlex.split(os.environ.get("CMAKE_ARGS", ""))
    flags = [*FLAGS, *choose_cpu_flags(platform.machine(), read_cpu_features()), *PROGRAM_FLAGS, *extra]
    folder = cache / f"llama-server-{pin.version}-{make_cache_key(pin, flags, describe_toolchain())}"
    if not folder.exists():
        build_programs(pin, flags, cache, folder)
    return folder / "llama-server"


def main() -> None:
    """Print the path of llama-server."""
    print(build_server())


if __name__ == "__main__":
    run_script(main)
