"""The manuals that the sets are about: ours beside this module, the starter pack, and two from Debian packages."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fetch import SetupError, make_cache_folder
from pack_cache import STARTER, build_cached_pack, build_with_edge

FOLDER = Path(__file__).parent
SETS = FOLDER / "sets"
MANUALS = FOLDER / "manuals"
STARTER_QUESTIONS = STARTER.with_name("starter.questions.jsonl")


@dataclass(frozen=True, slots=True)
class Source:
    """A set of questions and the pack that it is asked in.

    Attributes:
        name: of the set.
        questions: its labelled questions.
        documents: what its pack is built from.
        group: sets of a group are left out together when the reader is judged: they share a pack or a style.
        pack: the questions of the set that are asked in this pack, by their field ``pack``; empty for all of them.
    """

    name: str
    questions: Path
    documents: tuple[Path, ...]
    group: int
    pack: str = ""


OWN = {
    "heat-pump-service": 1, "cnc-lathe-service": 1, "forklift-service": 2, "patient-lift-and-bed": 2,
    "screw-compressor": 3, "solar-battery-inverter": 3, "combi-boiler-service": 5, "excavator-service": 5,
}  # fmt: skip
DEBIAN = {
    "ntpsec-doc": ("ntpsec-doc", "usr/share/doc/ntpsec-doc/html", """decode quick NTS-QuickStart driver_nmea driver_pps
        ntpq rate clockopt accopt miscopt ntpd leapsmear""".split()),
    "apcupsd": ("apcupsd-doc", "usr/share/doc/apcupsd/manual", ["manual"]),
}  # fmt: skip
"""By set: the package, a folder in it, and HTML files there."""


def list_sources() -> Iterator[Source]:
    """Yield every set whose manual is here or can be fetched."""
    starter = tuple(sorted(STARTER.glob("*.md")))
    yield Source("starter", STARTER_QUESTIONS, starter, 0)
    yield Source("starter-field", SETS / "starter-field.questions.jsonl", starter, 0)
    for name, group in OWN.items():
        yield Source(name, SETS / f"{name}.questions.jsonl", (MANUALS / f"{name}.md",), group)
    for manual in sorted((MANUALS / "tiny").glob("*.md")):
        yield Source("tiny", SETS / "tiny.questions.jsonl", (manual,), 6, manual.stem)
    for name in DEBIAN:
        if files := _fetch(name):
            yield Source(name, SETS / f"{name}.questions.jsonl", files, 4)


def build_pack(name: str, documents: tuple[Path, ...]) -> Path:
    """Build the pack of some documents, unless the cache has it."""
    if documents and documents[0].parent == STARTER:
        return build_cached_pack(STARTER, build_with_edge)
    source = make_cache_folder() / "reader" / name
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    (source / "pack.toml").write_text(
        f'name = "{name}"\nversion = "1.0"\ntitle = "{name}"\n', encoding="utf-8"
    )
    for document in documents:
        shutil.copy(document, source / document.name)
    return build_cached_pack(source, build_with_edge)


def _fetch(name: str) -> tuple[Path, ...]:
    package, folder, files = DEBIAN[name]
    kept = make_cache_folder() / "manuals" / name
    if not kept.exists():
        with tempfile.TemporaryDirectory() as scratch:
            command = f"apt-get download -qq {package} && dpkg -x ./*.deb ."
            done = subprocess.run(command, shell=True, cwd=scratch, capture_output=True, check=False)
            if done.returncode:
                return ()
            kept.mkdir(parents=True)
            for file in files:
                shutil.copy(Path(scratch, folder, f"{file}.html"), kept)
    found = tuple(kept / f"{file}.html" for file in files)
    missing = [file.name for file in found if not file.exists()]
    if missing:
        raise SetupError(f"{package} has no {', '.join(missing)}.")
    return found
