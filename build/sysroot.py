"""The compiler of the one-file program: this machine's, seeing the C and C++ libraries of Debian 11 (debian-pins.txt).

What it makes runs with glibc 2.31 and later. On machines other than x86-64 it is this machine's as it is.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import re
import shlex
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import debian
from fetch import SetupError, extract, make_cache_folder, say

OLDEST_GCC = 11
"""The first that compiles for AVX-VNNI and AMX."""

TRIPLET = "x86_64-linux-gnu"
RUNTIME = {"libstdc++.so.6": f"usr/lib/{TRIPLET}", "libgcc_s.so.1": f"lib/{TRIPLET}"}
"""What the compiler's output needs besides glibc and travels in the program, and where it is in the root."""

VARIABLES = re.compile(
    r"CC|CXX|CPP|LD|AR|\w*FLAGS|LD_\w+|(C|CPLUS)_INCLUDE_PATH|CPATH|LIBRARY_PATH|PYTHON\w*"
)
"""Those of the environment that would get into what is built."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A compiler: the root that it sees, None where it is this machine's as it is.

    ``key`` changes with all that shapes its output.
    """

    key: str
    root: Path | None = None

    @property
    def runtime(self) -> Path | None:
        """The folder with the libraries of `RUNTIME`; None where they are this machine's own."""
        return self.root and self.root / "runtime"

    @property
    def openmp(self) -> Path | None:
        """The library for OpenMP; None where it is this machine's own."""
        return self.root and self.root / "usr/lib" / TRIPLET / "libgomp.so.1"

    def make_c_command(self) -> list[str]:
        """Return the beginning of the command line that compiles C."""
        return [str(self.root / "commands" / "cc")] if self.root else _find_command("CC")

    def make_environment(self) -> dict[str, str]:
        """Return the variables by which build systems find it, and with which the same source gives the same bytes."""
        kept = {name: value for name, value in os.environ.items() if not VARIABLES.fullmatch(name)}
        fixed = {"LC_ALL": "C", "TZ": "UTC", "SOURCE_DATE_EPOCH": "315532800", "PYTHONHASHSEED": "0"}
        if self.root is None:
            return {
                **kept,
                **fixed,
                "CC": shlex.join(_find_command("CC")),
                "CXX": shlex.join(_find_command("CXX")),
            }
        path = f"{self.root / 'commands'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return {**kept, **fixed, "CC": "cc", "CXX": "c++", "PATH": path}


def make_toolchain() -> Toolchain:
    """Return the compiler for this machine's kind of processor; its root is made in the cache folder if need be.

    Raises:
        SetupError: there is no compiler, it is too old, or the root's packages cannot be had.
    """
    compilers = {name: _find_command(name) for name in ("CC", "CXX")}
    described = [_describe(command) for command in compilers.values()]
    if platform.machine() != "x86_64":
        return Toolchain(_hash_parts([*described, *platform.libc_ver()]))
    for command in compilers.values():
        check_version(command)
    packages = debian.find_pins("*.deb")
    anywhere = Path("/", "root")
    wrappers = [
        write_wrapper(command, anywhere, cplusplus=name == "CXX") for name, command in compilers.items()
    ]
    key = _hash_parts([*described, *wrappers, *(package.sha256 for package in packages)])
    root = make_cache_folder() / f"sysroot-{key}"
    if not root.exists():
        _make(root, packages, compilers)
    return Toolchain(key, root)


def check_version(command: list[str]) -> None:
    """Refuse a compiler that is not GCC, or too old.

    Raises:
        SetupError: it is.
    """
    text = _read_output([*command, "-dumpversion"])
    is_gcc = "Free Software Foundation" in _read_output([*command, "--version"])
    if not is_gcc or not text[:1].isdigit() or int(text.split(".")[0]) < OLDEST_GCC:
        raise SetupError(
            f"{shlex.join(command)} is not GCC {OLDEST_GCC} or later, which the variants for new processors need.\n"
            "Install one and name it: CC=gcc-12 CXX=g++-12."
        )


def write_wrapper(command: list[str], root: Path, *, cplusplus: bool) -> str:
    """Write a shell script that calls a compiler with the root's headers and libraries instead of this machine's."""
    gcc = f"{root}/usr/lib/gcc/{TRIPLET}/10"
    options = [
        f"--sysroot={root}",
        *(f"-B{folder}/" for folder in (gcc, f"{root}/usr/lib/{TRIPLET}", f"{root}/lib/{TRIPLET}")),
        f"-ffile-prefix-map={root}=/sysroot",
    ]
    if cplusplus:
        headers = [f"{root}/usr/include/c++/10", f"{root}/usr/include/{TRIPLET}/c++/10"]
        options += ["-nostdinc++", *(f"-isystem{folder}" for folder in headers)]
    return f'#!/bin/sh\nexec {shlex.join([*command, *options])} "$@"\n'


def unpack_package(package: Path, folder: Path) -> None:
    """Unpack the files of a Debian package. Absolute links become relative ones: they stay inside."""
    with tarfile.open(fileobj=io.BytesIO(_find_member(package.read_bytes(), b"data.tar"))) as archive:
        members = archive.getmembers()
        for member in members:
            if member.issym() and member.linkname.startswith("/"):
                member.linkname = os.path.relpath(member.linkname, f"/{os.path.dirname(member.name)}")
        extract(archive, folder, members)


def _make(root: Path, packages: list[debian.ArchiveFile], compilers: dict[str, list[str]]) -> None:
    files = [debian.fetch_file(package) for package in packages]
    say("unpacking the libraries of Debian 11")
    with tempfile.TemporaryDirectory(dir=root.parent, prefix="build-") as scratch:
        unfinished = Path(scratch, "root")
        for file in files:
            unpack_package(file, unfinished)
        # The compiler's own headers go with the compiler, not with its libraries.
        shutil.rmtree(unfinished / "usr/lib/gcc" / TRIPLET / "10/include")
        (unfinished / "runtime").mkdir()
        for name, folder in RUNTIME.items():
            shutil.copyfile(unfinished / folder / name, unfinished / "runtime" / name)
        (unfinished / "commands").mkdir()
        for variable, name in (("CC", "cc"), ("CXX", "c++")):
            script = unfinished / "commands" / name
            script.write_text(
                write_wrapper(compilers[variable], root, cplusplus=variable == "CXX"), encoding="utf-8"
            )
            script.chmod(0o755)
        unfinished.replace(root)


def _find_member(data: bytes, prefix: bytes) -> bytes:
    """Find a member of an ar archive, by the beginning of its name."""
    at = 8
    while at < len(data):
        header, size = data[at : at + 60], int(data[at + 48 : at + 58])
        if header.startswith(prefix):
            return data[at + 60 : at + 60 + size]
        at += 60 + size + size % 2
    raise SetupError(
        "a Debian package holds no files. Delete the folder downloads in the cache and run this again."
    )


def _find_command(variable: str) -> list[str]:
    """Find this machine's compiler for C (``CC``) or C++ (``CXX``)."""
    chosen = shlex.split(os.environ.get(variable, "")) or ["gcc" if variable == "CC" else "g++"]
    found = shutil.which(chosen[0])
    if not found:
        raise SetupError(
            f"there is no compiler {chosen[0]}.\n"
            f"Install one: apt-get install g++ make (Debian, Ubuntu), or set {variable}."
        )
    return [found, *chosen[1:]]


def _describe(command: list[str]) -> str:
    return f"{shlex.join(command[1:])} {_read_output([*command, '--version']).partition(chr(10))[0]}"


def _read_output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _hash_parts(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
