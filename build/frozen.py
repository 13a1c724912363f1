"""The frozen folder of the one-file program: what PyInstaller makes of edge in an environment of its own Python."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import archive
import interpreter
import llama_wheel
import needs
import sysroot
from fetch import PIN_FOLDER, run, say

PINS = PIN_FOLDER / "requirements-binary.txt"
SPEC = PIN_FOLDER / "edge.spec"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the program is frozen from: compiler, Python, wheel of llama-cpp-python."""

    tools: sysroot.Toolchain
    home: Path
    wheel: Path

    def make_variables(self) -> dict[str, str]:
        """Return the variables that its Python runs with: it finds the libraries that the program carries, not this
        machine's."""
        found = self.tools.make_environment()
        if self.tools.root:
            found |= {"LD_LIBRARY_PATH": str(self.tools.runtime), "EDGE_SYSROOT": str(self.tools.root)}
        return found


def freeze_program(tools: sysroot.Toolchain, folder: Path) -> Path:
    """Freeze the program into a folder below ``folder``. Same input, same bytes.

    Raises:
        SetupError: a part cannot be made, or needs a newer system than it may.
    """
    parts = Parts(
        tools,
        interpreter.build_interpreter(tools),
        llama_wheel.make_wheel(llama_wheel.make_program_recipe(tools)),
    )
    python = make_environment(parts, folder)
    freeze(parts, python, folder)
    program = folder / "edge"
    put_in_order(program / "_internal" / "base_library.zip")
    archive.strip(program)
    if tools.root:
        needs.check(program)
    return program


def make_environment(parts: Parts, folder: Path) -> Path:
    """Make a virtual environment with everything that is frozen, and PyInstaller; return its Python."""
    key = hashlib.sha256(
        PINS.read_bytes() + f"{parts.home.name} {parts.wheel.parent.name}".encode()
    ).hexdigest()[:12]
    home = folder / f"environment-{key}"
    python = home / "bin" / "python3"
    if (home / "ready").exists():
        return python
    for old in folder.glob("environment-*"):
        shutil.rmtree(old)
    say("installing what goes inside, checked against its hashes")
    variables = parts.make_variables()
    again = "Check the network and run this again."
    run(
        [str(interpreter.find_python(parts.home)), "-m", "venv", str(home)],
        "there is no environment.",
        variables,
    )
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-compile"]
    wheels = ["--only-binary", ":all:", "--require-hashes", "--requirement", str(PINS)]
    run([*pip, *wheels], f"installing packages failed. {again}", variables)
    run([*pip, "--no-index", "--no-deps", str(parts.wheel)], "installing llama-cpp-python failed.", variables)
    (home / "ready").touch()
    return python


def freeze(parts: Parts, python: Path, folder: Path) -> None:
    """Run PyInstaller."""
    say("freezing edge with PyInstaller (about a minute)")
    options = ["--noconfirm", "--log-level", "ERROR"]
    folders = ["--workpath", str(folder / "work"), "--distpath", str(folder)]
    command = [str(python), "-m", "PyInstaller", *options, *folders, str(SPEC)]
    variables = {**parts.make_variables(), "PYINSTALLER_CONFIG_DIR": str(folder / "pyinstaller")}
    run(command, "PyInstaller failed.", variables, folder)


def put_in_order(file: Path) -> None:
    """Write a zip file anew, by the names of its members. PyInstaller's order hangs on the names of folders."""
    with zipfile.ZipFile(file) as before:
        members = {name: before.read(name) for name in sorted(before.namelist())}
    with zipfile.ZipFile(file, "w") as after:
        for name, data in members.items():
            after.writestr(zipfile.ZipInfo(name), data)  # dated 1980
