"""Build a slim llama-cpp-python wheel, once: ``python build/llama_wheel.py`` prints its path.

llama-cpp-python comes as source only, and its own build also compiles llama.cpp's tools and packs every
library six times. Here CMake builds the four libraries the binding loads, and the wheel is written from them
and the binding's Python files as they are in the source distribution. It stays in a cache, under a key made
of everything that shapes it.

OpenMP is on: with two threads on two busy cores, libgomp told to wait passively (``OMP_WAIT_POLICY=passive``)
decoded 46-49 tokens a second, spinning as by default 3-14, and ggml's own threads 1-16. Its library travels in
the wheel, so that nothing beyond libc and libstdc++ is needed where it runs. ``CMAKE_ARGS`` adds flags.

What prepares the work (graphs, loading, tokens) is compiled with -O1 and precompiled headers, see ``llama.cmake``: the
compiler takes a third less time. Decoding and prefill take the same time, tokenizing 1.25 times as long (7 instead of
5.5 µs a token). A grammar would take 1.5 times as long, so it keeps -O3 as the kernels do.

There are two of it. For development the code runs on any x86-64-v3 processor (AVX2, FMA), never tuned for the machine
that built it. For the one-file program the CPU back end is a module in a variant for every kind of processor.
"""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import venv
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fetch import (
    PIN_FOLDER,
    Pin,
    SetupError,
    download,
    extract,
    make_cache_folder,
    read_pin,
    run,
    run_script,
    say,
)
from sysroot import Toolchain

TOOLS = PIN_FOLDER / "requirements-build.txt"
LESS_EFFORT = PIN_FOLDER / "llama.cmake"

FLAGS = [
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=ON",
    "-DLLAMA_BUILD_COMMON=OFF",
    "-DLLAMA_BUILD_TOOLS=OFF",
    "-DLLAMA_BUILD_SERVER=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DGGML_NATIVE=OFF",
    "-DGGML_OPENMP=ON",
    "-DGGML_CCACHE=OFF",
    "-DGGML_ALL_WARNINGS=OFF",
    "-DLLAMA_ALL_WARNINGS=OFF",
    # The libraries find one another wherever the wheel is installed, each under one plain name: a wheel
    # cannot hold the links that versioned names need, and a copied file would be loaded twice.
    "-DCMAKE_PLATFORM_NO_VERSIONED_SONAME=ON",
    "-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON",
    "-DCMAKE_INSTALL_RPATH=$ORIGIN",
    "-DCMAKE_SHARED_LINKER_FLAGS_INIT=-s",
    "-DCMAKE_MODULE_LINKER_FLAGS_INIT=-s",
]

# The CPU back end is loaded at run time, in the best variant for the processor.
VARIANTS = ["-DGGML_BACKEND_DL=ON", "-DGGML_CPU_ALL_VARIANTS=ON"]

# x86-64-v3: ggml's options and their names in /proc/cpuinfo. Set one by one, because ggml's defaults depend
# on the environment (SOURCE_DATE_EPOCH turns them off).
X86_FEATURES = {
    "GGML_SSE42": "sse4_2",
    "GGML_AVX": "avx",
    "GGML_AVX2": "avx2",
    "GGML_FMA": "fma",
    "GGML_F16C": "f16c",
    "GGML_BMI2": "bmi2",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What shapes a wheel besides its source: CMake's flags, the variables they run with, and the toolchain in words.

    ``openmp`` is the OpenMP library that goes with them; None: that which this machine's linker finds.
    """

    flags: list[str]
    environment: Mapping[str, str]
    toolchain: list[str]
    openmp: Path | None = None


def make_development_recipe() -> Recipe:
    """Make the recipe that is quick to build, for this machine's system and any common processor."""
    extra = shlex.split(os.environ.get("CMAKE_ARGS", ""))
    flags = [*FLAGS, *choose_cpu_flags(platform.machine(), read_cpu_features()), *extra]
    return Recipe(flags, os.environ, describe_toolchain())


def make_program_recipe(tools: Toolchain) -> Recipe:
    """Make the recipe for every processor, with the compiler of the one-file program."""
    # llama.cpp notes the commit of whatever repository its source lies in: none.
    environment = {**tools.make_environment(), "GIT_DIR": os.devnull}
    return Recipe([*FLAGS, *VARIANTS], environment, [tools.key], tools.openmp)


def choose_cpu_flags(machine: str, features: Iterable[str]) -> list[str]:
    """Choose CMake flags for the processor: x86-64-v3, less what it lacks; elsewhere ggml's portable defaults."""
    if machine not in ("x86_64", "AMD64"):
        return []
    present = set(features)
    return [f"-D{option}={'ON' if name in present else 'OFF'}" for option, name in X86_FEATURES.items()]


def read_cpu_features() -> list[str]:
    """Read the features that the kernel reports for this processor (x86-64 only)."""
    found = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    return found[1].split() if found else []


def describe_compiler() -> str:
    """Return the C++ compiler CMake will use, as it describes itself.

    Raises:
        SetupError: there is none.
    """
    candidates = [shlex.split(os.environ.get("CXX", "")), ["c++"], ["g++"], ["clang++"]]
    for command in filter(None, candidates):
        if shutil.which(command[0]):
            done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
            return done.stdout.partition("\n")[0]
    raise SetupError(
        "no C++ compiler was found, and llama.cpp is built from source.\n"
        "Install one: apt-get install g++ (Debian, Ubuntu), or set CXX."
    )


def make_cache_key(pin: Pin, flags: list[str], toolchain: Iterable[str]) -> str:
    """Return twelve hexadecimal digits that change with anything that shapes the libraries."""
    parts = [pin.version, pin.sha256, LESS_EFFORT.read_text(encoding="utf-8"), *flags, *toolchain]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def describe_toolchain() -> list[str]:
    """Describe what else shapes the libraries: compiler and its flags, C library, processor family."""
    variables = [os.environ.get(name, "") for name in ("CFLAGS", "CXXFLAGS", "LDFLAGS")]
    return [describe_compiler(), *variables, *platform.libc_ver(), platform.machine()]


def make_build_tools(cache: Path) -> Path:
    """Return the ``bin`` folder of a virtual environment with the pinned CMake, Ninja and build back end."""
    pins = TOOLS.read_bytes() + sys.version.encode()
    home = cache / f"tools-{hashlib.sha256(pins).hexdigest()[:12]}"
    if not (home / "ready").exists():
        say("installing CMake and Ninja for the build")
        venv.create(home, clear=True, with_pip=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
        run(
            [*pip, "--requirement", str(TOOLS)],
            "installing the build tools failed. Check the network and run this again.",
        )
        (home / "ready").touch()
    return home / "bin"


def download_source(pin: Pin, cache: Path, tools: Path) -> Path:
    """Return the pinned source, downloaded once."""
    file = cache / "downloads" / f"{pin.name.replace('-', '_')}-{pin.version}.tar.gz"
    if not file.exists():
        say(f"downloading {pin.name} {pin.version} (77 MB)")
        return download(pin, file.parent, str(tools / "python"), from_source=True)
    return file


def unpack(source: Path, folder: Path) -> Path:
    """Unpack the source distribution and return its top folder."""
    with tarfile.open(source) as archive:
        extract(archive, folder)
    return next(folder.iterdir())


def drop_sme(llama: Path) -> None:
    """Leave out the two variants for aarch64 processors with SME: only gcc 14 and later compile them."""
    file = llama / "ggml" / "src" / "CMakeLists.txt"
    text = file.read_text(encoding="utf-8")
    text = re.sub(r"\n *ggml_add_cpu_backend_variant\(armv9\.\d.* SME\)", "", text)
    file.write_text(text, encoding="utf-8")


def compile_libraries(
    source: Path,
    build: Path,
    tools: Path,
    flags: list[str],
    log: Path,
    targets: Iterable[str] = ("all",),
    environment: Mapping[str, str] = os.environ,
) -> list[Path]:
    """Configure and build llama.cpp with CMake; return the shared libraries it made."""
    remap = f"-ffile-prefix-map={source}=."  # no path of this machine in the libraries
    environ = {
        **environment,
        "CFLAGS": f"{environment.get('CFLAGS', '')} {remap}",
        "CXXFLAGS": f"{environment.get('CXXFLAGS', '')} {remap}",
        "NINJA_STATUS": "[%f/%t] ",
    }
    cmake, ninja = str(tools / "cmake"), f"-DCMAKE_MAKE_PROGRAM={tools / 'ninja'}"
    effort = f"-DCMAKE_PROJECT_llama.cpp_INCLUDE={LESS_EFFORT}"
    llama = str(source / "vendor" / "llama.cpp")
    say(f"compiling llama.cpp on {os.cpu_count()} cores, which takes some minutes")
    with log.open("w", encoding="utf-8") as output:
        for command in (
            [cmake, "-G", "Ninja", "-S", llama, "-B", str(build), ninja, effort, *flags],
            [cmake, "--build", str(build), "--parallel", str(os.cpu_count() or 1), "--target", *targets],
        ):
            with subprocess.Popen(
                command, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            ) as process:
                assert process.stdout is not None
                for line in report_progress(process.stdout):
                    output.write(line)
            if process.returncode:
                output.flush()
                tail = "\n".join(log.read_text(encoding="utf-8").splitlines()[-30:])
                raise SetupError(f"{tail}\nbuilding llama.cpp failed; the whole log is {log}")
    return sorted((build / "bin").glob("*.so"))


def find_openmp_runtime(libraries: list[Path]) -> list[Path]:
    """Find the OpenMP library that ``libraries`` were linked to, under the name they look it up by."""
    listing = subprocess.run(["ldd", *map(str, libraries)], capture_output=True, text=True, check=True).stdout
    return [Path(found) for found in sorted(set(re.findall(r"lib(?:g|i)?omp\S* => (\S+)", listing)))]


def report_progress(lines: Iterable[str]) -> Iterator[str]:
    """Pass lines on, telling the user about every further tenth that Ninja has finished."""
    shown = 0
    for line in lines:
        if found := re.match(r"\[(\d+)/(\d+)\]", line):
            done, total = int(found[1]), int(found[2])
            if (tenth := 10 * done // total) > shown:
                shown = tenth
                say(f"llama.cpp: {10 * tenth:3} %  ({done} of {total})")
        yield line


def collect_members(source: Path, libraries: list[Path], tag: str, version: str) -> dict[str, bytes]:
    """Collect the wheel's files by name, all but its RECORD: the binding's modules, the libraries, the metadata."""
    info = f"llama_cpp_python-{version}.dist-info"
    modules = [p for p in (source / "llama_cpp").rglob("*") if p.suffix == ".py" or p.name == "py.typed"]
    members = {p.relative_to(source).as_posix(): p.read_bytes() for p in modules}
    members |= {f"llama_cpp/lib/{p.name}": p.read_bytes() for p in libraries}
    members[f"{info}/METADATA"] = (source / "PKG-INFO").read_bytes()
    members[f"{info}/licenses/LICENSE.md"] = (source / "LICENSE.md").read_bytes()
    members[f"{info}/licenses/llama.cpp/LICENSE"] = (source / "vendor/llama.cpp/LICENSE").read_bytes()
    members[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: edge\nRoot-Is-Purelib: false\nBuild: 1slim\nTag: {tag}\n"
    ).encode()
    return members


def write_wheel(file: Path, members: dict[str, bytes], record: str) -> None:
    """Write a wheel with its ``record`` (the RECORD file's name). Same members, same bytes."""
    rows = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(members.items()):
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append(f"{name},sha256={digest},{len(data)}\n")
            archive.writestr(_make_entry(name), data)
        archive.writestr(_make_entry(record), "".join([*rows, f"{record},,\n"]))


def _make_entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # dated 1980
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = (0o100755 if ".so" in name else 0o100644) << 16
    return entry


def make_wheel(recipe: Recipe) -> Path:
    """Return the wheel of a recipe, built unless the cache has it.

    Raises:
        SetupError: the source cannot be had, or building failed.
    """
    cache, pin = make_cache_folder(), read_pin("requirements-llama.txt")
    target = re.sub(r"[-.]", "_", sysconfig.get_platform())
    folder = cache / f"{pin.name}-{pin.version}-{make_cache_key(pin, recipe.flags, recipe.toolchain)}"
    file = folder / f"llama_cpp_python-{pin.version}-1slim-py3-none-{target}.whl"
    if file.exists():
        say(f"{file.name} is in the cache")
    else:
        build_wheel(pin, recipe, cache, file)
    return file


def build_wheel(pin: Pin, recipe: Recipe, cache: Path, wheel: Path) -> None:
    """Do everything between the pin and the finished wheel; ``wheel`` appears whole or not at all."""
    start = time.monotonic()
    tools = make_build_tools(cache)
    source_file = download_source(pin, cache, tools)
    with tempfile.TemporaryDirectory(dir=cache, prefix="build-") as scratch:
        say("unpacking the source")
        source = unpack(source_file, Path(scratch, "source"))
        drop_sme(source / "vendor" / "llama.cpp")
        libraries = compile_libraries(
            source,
            Path(scratch, "build"),
            tools,
            recipe.flags,
            cache / "llama.log",
            environment=recipe.environment,
        )
        libraries += [recipe.openmp] if recipe.openmp else find_openmp_runtime(libraries)
        tag = "-".join(wheel.stem.split("-")[-3:])
        members = collect_members(source, libraries, tag, pin.version)
        unfinished = Path(scratch, wheel.name)
        write_wheel(unfinished, members, f"llama_cpp_python-{pin.version}.dist-info/RECORD")
        wheel.parent.mkdir(exist_ok=True)
        unfinished.replace(wheel)
    say(f"built {wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB in {time.monotonic() - start:.0f} s")


def main() -> None:
    """Print the path of the wheel for development, building it first unless the cache has it."""
    print(make_wheel(make_development_recipe()))


if __name__ == "__main__":
    run_script(main)
