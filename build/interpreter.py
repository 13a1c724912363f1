"""The Python of the one-file program, built once from pinned sources with zlib, libffi and OpenSSL (debian-pins.txt).

Debian's fixes of vulnerabilities are applied. Profile-guided optimisation is off, since no two profiles are the same.
What edge does without is left out: Tk, readline, curses, Python's own SQLite, bzip2, LZMA, the tests.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import debian
from fetch import SetupError, extract, make_cache_folder, say
from sysroot import Toolchain

PREFIX = "/python"
"""The folder it believes to be in while it is compiled. It finds its files wherever it is."""

SOURCES = {
    "zlib": "zlib_*",
    "libffi": "libffi_*",
    "openssl": "openssl_*",
    "python": "python3.13_*.orig.*",
    "fixes": "python3.13_*.debian.*",
}
VARIABLES = {"CFLAGS": "-O2 -fPIC -fno-semantic-interposition", "LDFLAGS": "-s -Wl,--build-id=none"}
CERTIFICATES = "/etc/ssl"
"""Where OpenSSL looks for certificates on Debian and its kind; hooks/certificates.py knows the others."""

CONFIGURE = {
    "zlib": ["./configure", f"--prefix={PREFIX}"],
    "libffi": [
        "./configure", f"--prefix={PREFIX}", f"--libdir={PREFIX}/lib", "--disable-static", "--disable-docs",
        "--disable-multi-os-directory",
    ],
    "openssl": [
        "./Configure", f"--prefix={PREFIX}", f"--openssldir={CERTIFICATES}", "--libdir=lib", "shared", "no-tests",
        "no-docs", "no-apps", "no-legacy", "no-engine", "no-module", "no-dso", "no-quic", "no-srp", "no-idea",
        "no-mdc2", "no-seed", "no-rc2", "no-rc4", "no-gost",
    ],
    "python": [
        "./configure", f"--prefix={PREFIX}", "--enable-shared", "--without-static-libpython", "--without-ensurepip",
        "--disable-test-modules", "--without-readline", "--with-dbmliborder=", "--with-pkg-config=no",
        *(f"py_cv_module_{name}=n/a" for name in (
            "_tkinter", "readline", "_curses", "_curses_panel", "_sqlite3", "_bz2", "_lzma", "_dbm", "_gdbm", "_uuid",
        )),
    ],
}  # fmt: skip
GLIBC = (2, 31)
MANYLINUX = f'''"""Asked by pip which wheels may be installed (PEP 600)."""


def manylinux_compatible(major, minor, architecture):
    """Whether it is no newer than what the program is to run on."""
    return (major, minor) <= {GLIBC}
'''


@dataclass(frozen=True, slots=True)
class Build:
    """Where everything is compiled: sources side by side, and what was made of them below ``stage``."""

    scratch: Path
    environment: Mapping[str, str]

    @property
    def stage(self) -> Path:
        """The root below which `PREFIX` is."""
        return self.scratch / "stage"

    @property
    def home(self) -> Path:
        """The finished folder."""
        return self.stage / PREFIX[1:]

    def run(self, name: str, *command: str, **variables: str) -> None:
        """Run a command in the folder of a source.

        Raises:
            SetupError: it failed.
        """
        environment = {**self.environment, **VARIABLES, **variables}
        folder, nothing = self.scratch / name, subprocess.DEVNULL
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, stdin=nothing, capture_output=True, check=False
            )
        except OSError as error:
            raise SetupError(
                f"{command[0]} is not installed, and building Python needs it.\n"
                "Install everything: apt-get install g++ make patch perl binutils (Debian, Ubuntu)"
            ) from error
        if done.returncode:
            tail = (done.stdout + done.stderr).decode(errors="replace").splitlines()[-25:]
            raise SetupError("\n".join([*tail, f"building {name} failed at: {' '.join(command)}"]))

    def make(self, name: str, *targets: str, **variables: str) -> None:
        """Run make in the folder of a source."""
        self.run(name, "make", f"-j{os.cpu_count() or 1}", *targets, **variables)


def build_interpreter(tools: Toolchain) -> Path:
    """Return the folder with ``bin/python3``, built if need be: ten minutes of one core.

    Raises:
        SetupError: its sources cannot be had, or building failed.
    """
    pins = {name: debian.find_pin(pattern) for name, pattern in SOURCES.items()}
    shape = [tools.key, MANYLINUX, repr((VARIABLES, CONFIGURE)), *(pin.sha256 for pin in pins.values())]
    key = hashlib.sha256("\0".join(shape).encode()).hexdigest()[:12]
    finished = make_cache_folder() / f"python-{pins['python'].version}-{key}"
    if finished.exists():
        say(f"{finished.name} is in the cache")
        return finished
    files = {name: debian.fetch_file(pin) for name, pin in pins.items()}
    with tempfile.TemporaryDirectory(dir=finished.parent, prefix="build-") as scratch:
        build = Build(Path(scratch), tools.make_environment())
        for name, file in files.items():
            unpack(file, build.scratch / name)
        compile_libraries(build)
        compile_python(build)
        build.home.replace(finished)
    return finished


def unpack(file: Path, folder: Path) -> None:
    """Unpack a source, its top folder becoming ``folder``."""
    with tarfile.open(file) as archive, tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        extract(archive, Path(scratch))
        next(Path(scratch).iterdir()).replace(folder)


def compile_libraries(build: Build) -> None:
    """Build and install zlib, libffi and OpenSSL. A library finds the others in its own folder."""
    for name, target in (("zlib", "install"), ("libffi", "install"), ("openssl", "install_sw")):
        say(f"compiling {name}")
        build.run(name, *CONFIGURE[name])
        build.make(name, LD_RUN_PATH="$ORIGIN")
        build.run(name, "make", target, f"DESTDIR={build.stage}")
        licence = sorted((build.scratch / name).glob("LICENSE*"))[0]
        (build.home / "licences").mkdir(exist_ok=True)
        shutil.copyfile(licence, build.home / "licences" / name)


def compile_python(build: Build) -> None:
    """Build and install Python; its modules find the libraries two folders above their own."""
    say("compiling Python")
    for fix in choose_fixes(build.scratch / "fixes" / "patches"):
        build.run("python", "patch", "--strip=1", "--input", str(fix))
    home = build.home
    found = {
        "CPPFLAGS": f"-I{home}/include",
        "LDFLAGS": f"{VARIABLES['LDFLAGS']} -L{home}/lib",
        "LD_LIBRARY_PATH": f"{home}/lib",
        "OPT": "-DNDEBUG -O3 -Wall",
    }
    build.run("python", *CONFIGURE["python"], f"--with-openssl={home}", **found)
    build.make("python", "libpython3.13.so", LD_RUN_PATH="$ORIGIN", **found)
    build.make("python", LD_RUN_PATH="$ORIGIN/../lib:$ORIGIN/../..", **found)
    build.run("python", "make", "install", f"DESTDIR={build.stage}", **found)
    forget_folder(home, build.scratch)
    (find_library(home) / "_manylinux.py").write_text(MANYLINUX, encoding="utf-8")


def find_library(home: Path) -> Path:
    """Return the folder of its modules."""
    return next(home.glob("lib/python3.*"))


def find_python(home: Path) -> Path:
    """Return its command."""
    return home / "bin" / "python3"


def choose_fixes(patches: Path) -> list[Path]:
    """Choose Debian's patches of faults, in their order. What makes Python fit into Debian is named ``.diff`` and left
    out."""
    names = (patches / "series").read_text(encoding="utf-8").split()
    return [patches / name for name in names if name.endswith(".patch")]


def forget_folder(home: Path, scratch: Path) -> None:
    """Take the folder in which it was built out of the notes about that.

    Raises:
        SetupError: it is in a library, where it cannot be taken out.
    """
    for file in (path for path in home.rglob("*") if path.is_file() and not path.is_symlink()):
        data = file.read_bytes()
        if bytes(scratch) not in data:
            continue
        if data.startswith(b"\x7fELF"):
            raise SetupError(f"{file.name} contains the name of the folder it was built in.")
        if file.suffix == ".pyc":
            file.unlink()  # of notes: Python compiles them again
        else:
            file.chmod(0o644 | file.stat().st_mode)
            file.write_bytes(data.replace(bytes(scratch), b"/build"))
