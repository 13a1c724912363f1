"""What the set-up scripts share: the cache folder, one line of output a step, pinned downloads through pip.

A pin is a requirements file with one name, one version and its hash; pip refuses anything else.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

PIN_FOLDER = Path(__file__).resolve().parent


class SetupError(Exception):
    """Set-up cannot go on. The message says what happened and what to do."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One distribution, pinned by version and SHA-256 in ``file``."""

    file: Path
    name: str
    version: str
    sha256: str


def read_pin(file_name: str) -> Pin:
    """Read the pin in ``build/<file_name>``."""
    file = PIN_FOLDER / file_name
    requirement, _, digest = file.read_text(encoding="utf-8").replace("\\\n", " ").partition("--hash=sha256:")
    name, _, version = requirement.strip().partition("==")
    return Pin(file, name, version, digest.strip())


def make_cache_folder() -> Path:
    """Make the cache folder unless it is there: ``EDGE_BUILD_CACHE``, else ``edge-build`` in the user's cache
    folder."""
    chosen = os.environ.get("EDGE_BUILD_CACHE")
    folder = Path(chosen) if chosen else _find_user_cache() / "edge-build"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"the cache folder {folder} cannot be created ({error.strerror}).\n"
            "Set EDGE_BUILD_CACHE to a folder that can be written."
        ) from error
    return folder


def _find_user_cache() -> Path:
    xdg = os.environ.get("XDG_CACHE_HOME")
    return Path(xdg) if xdg else Path.home() / ".cache"


def say(text: str) -> None:
    """Tell the user what is going on. Standard output is kept for the script's result."""
    print(f"    {text}", file=sys.stderr, flush=True)


def run(
    command: list[str], failure: str, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> None:
    """Run ``command`` silently, with other variables or in another folder if need be.

    Raises:
        SetupError: it failed; the message is ``failure`` and the end of the output.
    """
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise SetupError(f"{failure}\n{tail}")


def download(pin: Pin, folder: Path, python: str = sys.executable, *, from_source: bool = False) -> Path:
    """Fetch the pinned file into ``folder`` with ``python``'s pip; it appears whole or not at all.

    ``from_source`` asks for the source distribution, whose build back end ``python`` must have.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kind = ["--no-binary", pin.name, "--no-build-isolation"] if from_source else ["--only-binary", pin.name]
    pip = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", *kind]
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        run(
            [*pip, "--dest", scratch, "--requirement", str(pin.file)],
            f"downloading {pin.name} {pin.version} failed. Check the network and run this again.",
        )
        fetched = next(Path(scratch).iterdir())
        return fetched.replace(folder / fetched.name)


def extract(archive: tarfile.TarFile, folder: Path, members: Iterable[tarfile.TarInfo] | None = None) -> None:
    """Unpack an archive, or some of it; nothing gets outside ``folder``, where this Python can see to it."""
    archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
    archive.extractall(folder, members)


def run_script(main: Callable[[], None]) -> NoReturn:
    """Run a set-up script: a `SetupError` becomes a message and exit code 1, an interrupt exit code 130."""
    try:
        main()
    except SetupError as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)
