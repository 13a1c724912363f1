"""Manuals that labelled questions exist for: PDFs out of Debian packages, fetched once into the cache folder.

``apt-get download`` needs no rights, only a Debian or Ubuntu machine that can reach its archive. A file that is not
the one whose pages were labelled is not used.
"""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fetch import make_cache_folder
from tests.bench.program import say

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@dataclass(frozen=True)
class Manual:
    """A PDF: the labelled set it belongs to, its Debian package, its place in it, its digest."""

    name: str
    package: str
    file: str
    sha256: str

    @property
    def document(self) -> str:
        """The file name that labelled questions know it by."""
        return Path(self.file).name.removesuffix(".gz")

    @property
    def questions(self) -> Path:
        """Its labelled questions."""
        return GOLDEN / f"{self.name}.questions.jsonl"


MANUALS = (
    Manual(
        "nut", "nut-doc=2.8.0-7", "usr/share/doc/nut-doc/pdf/user-manual.pdf",
        "f604fa3ab839872da646c8aa2ff4870b88e9e001611f711d8852d937f02c512f",
    ),
    Manual(
        "avrdude", "avrdude-doc=7.1+dfsg-3", "usr/share/doc/avrdude/avrdude.pdf.gz",
        "da2b3288f8310ecd4b53c14308f25a2acac96e6adf7e24e5769819de221118f3",
    ),
    Manual(
        "linuxcnc", "linuxcnc-doc-en", "usr/share/doc/linuxcnc/LinuxCNC_Getting_Started.pdf",
        "c947eec9612e76cd9bb0cefdc3da52887326d0a97c35e454289d9d3c18799afa",
    ),
    Manual(
        "openocd", "openocd=0.12.0-1", "usr/share/doc/openocd/openocd.pdf.gz",
        "68b534062f7efe42cd5ff8889a512c78d4e126ea53a89a0db828eb3b46bab3af",
    ),
)  # fmt: skip

LARGE_MANUAL = Manual(
    "linuxcnc-big", "linuxcnc-doc-en", "usr/share/doc/linuxcnc/LinuxCNC_Documentation.pdf",
    "5ce15a94dc6f88c938e34191dd25295f1b21bd54b3a8f5de783346e80532d98e",
)  # fmt: skip
"""1,335 pages: building its pack takes a quarter of an hour."""


def fetch_available(full: bool) -> list[tuple[Manual, bytes]]:
    """Return the manuals that are cached or can be fetched, with their bytes; say which ones are not."""
    wanted = (*MANUALS, LARGE_MANUAL) if full else MANUALS
    return [(manual, data) for manual in wanted if (data := fetch_manual(manual)) is not None]


def fetch_manual(manual: Manual) -> bytes | None:
    """Return the PDF; None when it is neither cached nor fetchable, or not the one that was labelled, which is said."""
    cached = make_cache_folder() / "manuals" / manual.name / manual.document
    if not cached.exists() and not _fetch(manual, cached):
        return None
    data = cached.read_bytes()
    if hashlib.sha256(data).hexdigest() != manual.sha256:
        say(f"{manual.name}: skipped, {cached} is not the file whose pages were labelled")
        return None
    return data


def _fetch(manual: Manual, cached: Path) -> bool:
    say(f"{manual.name}: downloading the Debian package {manual.package}")
    with tempfile.TemporaryDirectory() as scratch:
        command = f'apt-get download -qq "{manual.package}" && dpkg -x ./*.deb .'
        done = subprocess.run(command, shell=True, cwd=scratch, capture_output=True, check=False)
        found = Path(scratch, manual.file)
        if done.returncode or not found.is_file():
            say(
                f"{manual.name}: skipped, its manual is neither in the cache nor to be had from a Debian archive"
            )
            return False
        data = found.read_bytes()
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_bytes(gzip.decompress(data) if manual.file.endswith(".gz") else data)
    return True
