"""Build llama.cpp's CUDA back end as a module that edge loads: ``python build/cuda.py OUT`` leaves OUT/libggml-cuda.so.

It is built from the same source as the llama.cpp that edge brings, with this machine's nvcc, and needs the CUDA runtime
and cuBLAS of the machine it runs on (about 600 MB, which come with CUDA or JetPack and are not copied). edge uses it
when OUT is ``back-ends`` in its home (``EDGE_HOME``), or what the setting ``back_ends`` names; `edge doctor` says so.

Without ``--arch`` it is built for the usual cards that this CUDA knows, on a Jetson for that Jetson. All of them take
hours of processor time. The folder ``OUT/build`` is taken up again after an interruption.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fetch import SetupError, make_cache_folder, read_pin, run_script, say
from llama_wheel import FLAGS, download_source, make_build_tools, unpack

MODULE = "libggml-cuda.so"
TEGRA = Path("/etc/nv_tegra_release")
OLDEST_CUDA = (12, 4)

JETSONS = {36: "87-real", 38: "110-real"}
"""Architecture by release of Jetson Linux: JetPack 6 runs on Orin; JetPack 7 began with Thor. For Orin on JetPack 7
give ``--arch 87``."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the module, or say what is missing."""
    options = _parse_options(arguments)
    compiler = find_nvcc()
    version = read_cuda_version(compiler)
    say(f"CUDA {version[0]}.{version[1]}, {compiler}")
    out = options.out.absolute()
    build = out / "build"
    build.mkdir(parents=True, exist_ok=True)
    architectures = options.arch or choose_architectures(TEGRA)
    flags = make_cuda_flags(compiler, architectures, options.cublas, find_driver_library(compiler, build))
    if options.no_flash_attention:
        flags.append("-DGGML_CUDA_FA=OFF")
    cache, pin = make_cache_folder(), read_pin("requirements-llama.txt")
    tools = make_build_tools(cache)
    source = build / "source"
    if not source.exists():
        say("unpacking the source")
        partial = build / "unpacking"
        shutil.rmtree(partial, ignore_errors=True)
        unpack(download_source(pin, cache, tools), partial).rename(source)
    _run_cmake([str(tools / "cmake"), "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={tools / 'ninja'}",
            "-S", str(source / "vendor" / "llama.cpp"), "-B", str(build / "cmake"), *flags])  # fmt: skip
    if options.configure_only:
        say("configured; nothing was compiled")
        return
    _run_cmake([str(tools / "cmake"), "--build", str(build / "cmake"), "--target", "ggml-cuda",
            "--parallel", str(options.jobs)])  # fmt: skip
    shutil.copy2(build / "cmake" / "bin" / MODULE, out / f"{MODULE}.new")
    (out / f"{MODULE}.new").replace(out / MODULE)
    say(f"built {out / MODULE}: {(out / MODULE).stat().st_size / 1e6:.0f} MB")
    say("edge finds it in the folder back-ends in its home, or where the setting back_ends says")


def find_nvcc() -> Path:
    """Find the CUDA compiler: CUDACXX, the one on the path, or the one in the usual place.

    Raises:
        SetupError: there is none.
    """
    places = [os.environ.get("CUDACXX", ""), shutil.which("nvcc") or "", "/usr/local/cuda/bin/nvcc"]
    for place in filter(None, places):
        if Path(place).is_file():
            return Path(place).resolve()
    raise SetupError(
        "no nvcc was found. Install the CUDA toolkit (on a Jetson: apt-get install cuda-toolkit),\n"
        "or set CUDACXX to its nvcc."
    )


def read_cuda_version(compiler: Path) -> tuple[int, int]:
    """Return the version of CUDA that a compiler belongs to.

    Raises:
        SetupError: it does not say, or is too old.
    """
    done = subprocess.run([str(compiler), "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"release (\d+)\.(\d+)", done.stdout)
    if not found:
        raise SetupError(f"{compiler} does not say which CUDA it is.")
    version = int(found[1]), int(found[2])
    if version < OLDEST_CUDA:
        raise SetupError(
            f"CUDA {version[0]}.{version[1]} is too old; {OLDEST_CUDA[0]}.{OLDEST_CUDA[1]} is needed."
        )
    return version


def choose_architectures(tegra: Path) -> str:
    """Return the architecture of this Jetson; empty elsewhere, for llama.cpp's own choice.

    Raises:
        SetupError: a Jetson whose release is not known.
    """
    try:
        text = tegra.read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(r"R(\d+)", text)
    release = int(found[1]) if found else 0
    if release not in JETSONS:
        raise SetupError(f"Jetson Linux R{release} is not known here. Give --arch (87: Orin, 110: Thor).")
    return JETSONS[release]


def make_cuda_flags(
    compiler: Path, architectures: str, cublas: Path | None, driver: Path | None
) -> list[str]:
    """Return CMake flags of the module, besides those of every build of llama.cpp here."""
    flags = [
        *(flag for flag in FLAGS if "MODULE_LINKER" not in flag),
        # The driver's library is named as needed even where a stub without symbols stands for it. The C++ library is
        # put in: the one-file program comes with an older one than this machine's compiler asks for.
        "-DCMAKE_MODULE_LINKER_FLAGS_INIT="
        "-s -Wl,--no-as-needed -static-libstdc++ -static-libgcc -Wl,--exclude-libs,ALL",
        "-DGGML_BACKEND_DL=ON", "-DGGML_CUDA=ON", "-DGGML_CUDA_NCCL=OFF",
        f"-DCMAKE_CUDA_COMPILER={compiler}",
    ]  # fmt: skip
    if architectures:
        flags.append(f"-DCMAKE_CUDA_ARCHITECTURES={architectures.replace(',', ';')}")
    if driver:
        flags.append(f"-DCUDA_cuda_driver_LIBRARY={driver}")
    if cublas:
        flags.append(f"-DCMAKE_CUDA_FLAGS=-I{cublas / 'include'}")
        flags += [
            f"-DCUDA_{name}_LIBRARY={_find_library(cublas / 'lib', f'lib{name}.so')}"
            for name in ("cublas", "cublasLt")
        ]
    return flags


def find_driver_library(compiler: Path, build: Path) -> Path | None:
    """Make a stand-in for the driver's library where the toolkit brings none; return None where it does.

    Raises:
        SetupError: it cannot be made.
    """
    toolkit = compiler.parents[1]
    if any(toolkit.glob("lib64/stubs/libcuda.so")) or any(toolkit.glob("targets/*/lib/stubs/libcuda.so")):
        return None
    stub = build / "stub" / "libcuda.so"
    stub.parent.mkdir(exist_ok=True)
    command = [
        os.environ.get("CC", "cc"),
        "-shared",
        "-fPIC",
        "-Wl,-soname,libcuda.so.1",
        "-x",
        "c",
        "-",
        "-o",
        str(stub),
    ]
    done = subprocess.run(command, input="", capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(f"{done.stderr}\nthe stand-in for libcuda.so could not be made.")
    return stub


def _find_library(folder: Path, name: str) -> Path:
    found = sorted(folder.glob(f"{name}*"))
    if not found:
        raise SetupError(f"{folder} holds no {name}. Give the folder above lib and include of cuBLAS.")
    return found[0]


def _run_cmake(command: list[str]) -> None:
    environ = {**os.environ, "NINJA_STATUS": "[%f/%t] "}
    if subprocess.run(command, env=environ, stdout=sys.stderr, check=False).returncode:
        raise SetupError("building failed; the same command goes on where it stopped.")


def _parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, help="folder for the module")
    parser.add_argument(
        "--arch", default="", help="architectures with commas between: 86-real,89-real; native"
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="files compiled at once, 2 GB each"
    )
    parser.add_argument(
        "--cublas", type=Path, help="folder with cuBLAS's include and lib, if not in the toolkit"
    )
    parser.add_argument(
        "--no-flash-attention",
        action="store_true",
        help="a shorter build, to try whether it builds: long contexts then need gigabytes more",
    )
    parser.add_argument("--configure-only", action="store_true", help="check what is there; compile nothing")
    if platform.system() != "Linux":
        raise SetupError("this builds on Linux.")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_script(main)
