"""dist/edge as a Debian package: program, services, completions and a manual page.

``PYTHONPATH=build python -m fleet.deb`` makes dist/edge-assistant_VERSION_ARCHITECTURE.deb, the same bytes from the
same program and commit. DEBFULLNAME and DEBEMAIL name whoever maintains it in a fleet, DEB_REVISION its builds of one
version.
"""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

from edge import __version__
from edge.cli.completion import SCRIPTS, Shell
from edge.files import format_size
from fetch import PIN_FOLDER, SetupError, run_script, say
from fleet.manual import write_manual
from fleet.package import Entry, write

ROOT = PIN_FOLDER.parent
FOLDER = PIN_FOLDER / "fleet"
PROGRAM = ROOT / "dist" / "edge"

NAME = "edge-assistant"
DOCUMENTS = f"/usr/share/doc/{NAME}"
UNITS = "/lib/systemd/system"  # Debian 11's tools look nowhere else
COMPLETIONS = {
    Shell.bash: "/usr/share/bash-completion/completions/edge",
    Shell.zsh: "/usr/share/zsh/vendor-completions/_edge",
    Shell.fish: "/usr/share/fish/vendor_completions.d/edge.fish",
}
ARCHITECTURES = {62: "amd64", 183: "arm64"}  # e_machine in elf.h
DESCRIPTION = """answers from your manuals, with the page, without a network
 edge answers questions from knowledge packs, which are signed files that hold
 manuals and their search index, and names the page each answer stands on.
 .
 This package holds the one-file program and its service, which answers on
 loopback and has no network itself."""


def main() -> None:
    """Make the package."""
    if not PROGRAM.exists():
        raise SetupError("there is no dist/edge yet. Make it: make binary")
    version = f"{__version__}-{os.environ.get('DEB_REVISION', '1')}"
    architecture, time = name_architecture(PROGRAM), commit_time()
    target = PROGRAM.with_name(f"{NAME}_{version}_{architecture}.deb")
    try:
        write(
            target, make_fields(version, architecture), make_scripts(), [*list_entries(version, time)], time
        )
    except ValueError as error:
        raise SetupError(
            f"{error}. Leave models and packs out, and put them into /usr/share/edge."
        ) from error
    say(f"{target.relative_to(ROOT)}: {format_size(target.stat().st_size)}")


def name_architecture(program: Path) -> str:
    """Name the machine that an ELF file is for, as Debian calls it."""
    with program.open("rb") as file:
        (machine,) = struct.unpack_from("<H", file.read(20), 18)
    if machine not in ARCHITECTURES:
        raise SetupError(f"{program.name} is for a machine that has no name here ({machine}).")
    return ARCHITECTURES[machine]


def commit_time() -> int:
    """SOURCE_DATE_EPOCH, else the time of the commit."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    command = ["git", "-C", str(ROOT), "show", "--no-patch", "--format=%ct", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError("the time of the commit is not known without git. Set SOURCE_DATE_EPOCH.")
    return int(done.stdout)


def make_fields(version: str, architecture: str) -> dict[str, str]:
    """Return the control file."""
    return {
        "Package": NAME,
        "Version": version,
        "Architecture": architecture,
        "Maintainer": name_maintainer(),
        "Depends": "libc6 (>= 2.31), adduser, init-system-helpers (>= 1.54)",
        "Section": "misc",
        "Priority": "optional",
        "Description": DESCRIPTION,
    }


def name_maintainer() -> str:
    """Name whom to ask about the package."""
    return f"{os.environ.get('DEBFULLNAME', 'edge')} <{os.environ.get('DEBEMAIL', 'root@localhost')}>"


def make_scripts() -> dict[str, str]:
    """Make the scripts that run when it is installed and removed."""
    return {name: (FOLDER / "debian" / name).read_text() for name in ("postinst", "prerm", "postrm")}


def list_entries(version: str, time: int) -> Iterator[Entry]:
    """Yield all files of the package."""
    debian, units = FOLDER / "debian", FOLDER / "units"
    yield Entry("/usr/bin/edge", PROGRAM, 0o755)
    yield Entry("/usr/sbin/edge-service", debian / "edge-service", 0o755)
    yield Entry("/etc/default/edge", debian / "edge.default", 0o600)  # it may hold a token
    yield Entry("/usr/share/edge/README", debian / "beside.README")
    for unit in sorted(units.glob("edge*")):
        yield Entry(f"{UNITS}/{unit.name}", unit)
    for service in sorted(units.glob("edge*.service")):
        yield Entry(f"{UNITS}/{service.name}.d/00-hardening.conf", units / "00-hardening.conf")
    for shell in Shell:
        yield Entry(COMPLETIONS[shell], SCRIPTS[shell].encode())
    yield Entry("/usr/share/man/man1/edge.1.gz", _zip(write_manual().encode()))
    yield Entry("/usr/share/man/man8/edge-service.8.gz", _zip(b".so man1/edge.1\n"))
    yield Entry(f"{DOCUMENTS}/copyright", debian / "copyright")
    yield Entry(f"{DOCUMENTS}/changelog.gz", _zip((ROOT / "CHANGELOG.md").read_bytes()))
    yield Entry(f"{DOCUMENTS}/changelog.Debian.gz", _zip(_write_history(version, time).encode()))
    for example in sorted((debian / "examples").iterdir()):
        yield Entry(f"{DOCUMENTS}/examples/{example.name}", example)
    bill = PROGRAM.with_name("edge.cdx.json")
    if bill.exists():
        yield Entry(f"{DOCUMENTS}/edge.cdx.json", bill)


def _write_history(version: str, time: int) -> str:
    """Write Debian's own change log, which says where the project's is."""
    change = f"  * edge {__version__}; changelog.gz says what is new."
    return f"{NAME} ({version}) stable; urgency=medium\n\n{change}\n\n -- {name_maintainer()}  {formatdate(time)}\n"


def _zip(data: bytes) -> bytes:
    return gzip.compress(data, 9, mtime=0)


if __name__ == "__main__":
    run_script(main)
