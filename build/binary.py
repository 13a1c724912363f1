"""The one-file program: ``python build/binary.py`` makes dist/edge, with the handbook inside, and ``MODEL`` and
``PACKS`` if named.

edge is frozen into a folder (frozen.py), which becomes the archive that the launcher (launcher/launcher.c) unpacks
once. PyInstaller's own one-file form unpacks at every start.
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import archive
import inventory
from edge import __version__
from edge.bundle.admit import admit
from edge.bundle.bundle import Bundle
from edge.bundle.compose import Source, compose
from edge.errors import EdgeError
from edge.files import format_size
from fetch import PIN_FOLDER, SetupError, make_cache_folder, run_script, say
from frozen import freeze_program
from launcher import build_launcher
from pack_cache import HANDBOOK, build_cached_pack, build_with_edge
from sysroot import make_toolchain

ROOT = PIN_FOLDER.parent


def main() -> None:
    """Freeze, pack, compose."""
    folder = make_cache_folder() / "binary"
    target = ROOT / "dist" / "edge"
    folder.mkdir(exist_ok=True)
    tools = make_toolchain()
    program = freeze_program(tools, folder)
    say("packing")
    packed = archive.pack_folder(program, folder)
    target.parent.mkdir(exist_ok=True)
    try:
        bundle = compose(
            Source.from_file("program", build_launcher(tools)), [*choose_sources(packed)], target
        )
    except EdgeError as error:
        raise SetupError(f"{error.message} {error.hint}") from error
    sbom = inventory.make_bill_of_materials(inventory.read(folder / "inventory.json"), target, __version__)
    target.with_name("edge.cdx.json").write_text(json.dumps(sbom, indent=2) + "\n", encoding="utf-8")
    report(bundle)


def choose_sources(packed: Path) -> list[Source]:
    """Choose what goes inside: the archive, the handbook, and what the caller wants to have there."""
    model = [Path(path) for path in [os.environ.get("MODEL")] if path]
    program = Source("program", "edge", packed, 0, packed.stat().st_size)
    handbook = build_cached_pack(HANDBOOK, build_with_edge)
    return [program, *(admit(path) for path in [*model, handbook, *choose_packs()])]


def choose_packs() -> list[Path]:
    """Choose the packs that ``PACKS`` names, with spaces between; quotes hold a name with spaces together.

    Raises:
        SetupError: a quote is never closed.
    """
    try:
        return [Path(path) for path in shlex.split(os.environ.get("PACKS", ""))]
    except ValueError as error:
        raise SetupError(
            f"PACKS cannot be read: {error}. Write: PACKS=\"'my pumps.kpack' b.kpack\""
        ) from error


def report(bundle: Bundle) -> None:
    """Say what was made."""
    say(f"{bundle.path.relative_to(ROOT)}: {format_size(bundle.path.stat().st_size)}")
    for part in bundle.contents:
        say(f"    {part.kind} {part.name}: {format_size(part.size)}")


if __name__ == "__main__":
    run_script(main)
