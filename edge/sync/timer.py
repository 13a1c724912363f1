"""A schedule for ``edge sync``: a user's timer for systemd. It is written here; the user enables it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from edge import files
from edge.config import Settings
from edge.embedded.part import EXECUTABLE

NAME = "edge-sync"

_SERVICE = """[Unit]
Description=Update the knowledge packs of edge

[Service]
Type=oneshot
Environment={home}
ExecStart={program} sync
Nice=10
"""
_TIMER = """[Unit]
Description=Update the knowledge packs of edge each week

[Timer]
OnCalendar=weekly
RandomizedDelaySec=6h
Persistent=true

[Install]
WantedBy=timers.target
"""


def install_timer(settings: Settings, environ: Mapping[str, str] = os.environ) -> tuple[Path, Path]:
    """Write the service and its timer, weekly, and return their files.

    Raises:
        StorageError: they cannot be written.
    """
    folder = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
    service, timer = folder / f"{NAME}.service", folder / f"{NAME}.timer"
    program = " ".join(map(_quote, _find_program(environ))).replace("$", "$$")
    home = _quote(f"EDGE_HOME={settings.home.absolute()}")
    with files.translate_os_errors(folder):
        files.make_folder(folder)
        files.write_atomically(service, _SERVICE.format(home=home, program=program).encode())
        files.write_atomically(timer, _TIMER.encode())
    return service, timer


def _find_program(environ: Mapping[str, str]) -> list[str]:
    """Return the command that starts this program."""
    if one_file := environ.get(EXECUTABLE):
        return [one_file]
    program = shutil.which(sys.argv[0])
    if program and Path(program).name.startswith("edge"):
        return [str(Path(program).absolute())]
    return [sys.executable, "-m", "edge"]


def _quote(text: str) -> str:
    """Return one word of a unit file, in which ``%`` means nothing."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
