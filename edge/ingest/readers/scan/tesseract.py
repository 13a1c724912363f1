"""Text recognition by the program ``tesseract``, one picture at a time, within bounds of time and memory.

The publisher's machine needs it, if any document is a scan; a device never does.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from PIL.Image import Image

PROGRAM = "tesseract"
TIMEOUT_S = 60.0
"""A page of print takes 2-3 s of processor time."""
MEMORY = 2 << 30
"""Bytes of address space; a page of A4 at 300 dpi takes 0.2 GB."""
MAX_LANGUAGES = 8
_FIRST = ("eng", "deu", "fra", "spa", "ita", "por", "nld", "pol")
_NO_LANGUAGES = ("osd", "equ", "snum")

_NUMBERS = re.compile(r"(\w+)((?: -?[\d.]+)+)")


class RecognitionError(Exception):
    """The program failed on a picture, or took too long."""


@dataclass(frozen=True, slots=True)
class PrintedWord:
    """A word in a picture: edges, baseline and font size in pixels, and how sure the program is of it (0 to 1)."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    baseline: float
    size: float
    confidence: float


@cache
def find_languages() -> tuple[str, ...]:
    """Return the languages that are installed, the most usual first; empty without the program."""
    if not shutil.which(PROGRAM):
        return ()
    try:
        listed = subprocess.run([PROGRAM, "--list-langs"], capture_output=True, text=True, timeout=TIMEOUT_S)
    except (OSError, subprocess.SubprocessError):
        return ()
    names = [name.strip() for name in listed.stdout.splitlines()[1:]]
    known = [name for name in names if name and name not in _NO_LANGUAGES and "/" not in name]
    ranked = sorted(known, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    return tuple(ranked[:MAX_LANGUAGES])


def recognise(image: Image, dpi: float, language: str) -> list[PrintedWord]:
    """Read the words of an upright picture, in the order of its text.

    Raises:
        RecognitionError: the program failed or was stopped at its bounds.
    """
    picture = io.BytesIO()
    image.save(picture, "PPM")
    command = [PROGRAM, "stdin", "stdout", "-l", language, "--dpi", str(round(dpi)), "hocr"]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"OMP_THREAD_LIMIT": "1"},
        )
    except OSError as error:
        raise RecognitionError(str(error)) from error
    with process:
        _limit(process.pid)
        try:
            page, _ = process.communicate(picture.getvalue(), TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise RecognitionError(f"it took more than {TIMEOUT_S:.0f} s") from error
    if process.returncode:
        raise RecognitionError(f"{PROGRAM} ended with {process.returncode}")
    try:
        return list(_parse_words(ET.fromstring(page)))
    except (ET.ParseError, ValueError, LookupError) as error:
        raise RecognitionError(f"{PROGRAM} wrote what is not hOCR: {error}") from error


def _limit(pid: int) -> None:
    """Bound memory and processor time of a process, where the system can do so for another one."""
    if sys.platform == "linux":
        import resource

        try:
            resource.prlimit(pid, resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.prlimit(pid, resource.RLIMIT_CPU, (int(TIMEOUT_S) + 1, int(TIMEOUT_S) + 1))
        except OSError:  # it has ended already
            return


def _parse_words(page: ET.Element) -> Iterator[PrintedWord]:
    for line in page.iter():
        told = _parse_numbers(line.get("title") or "")
        if (
            "x_size" not in told or "baseline" not in told
        ):  # text that runs up or down the page has no baseline
            continue
        slope, offset = told["baseline"]
        for word in line.iter():
            own = _parse_numbers(word.get("title") or "")
            text = "".join(word.itertext()).strip()
            if "x_wconf" in own and text:
                left, top, right, bottom = own["bbox"]
                baseline = told["bbox"][3] + offset + slope * ((left + right) / 2 - told["bbox"][0])
                yield PrintedWord(
                    text, left, top, right, bottom, baseline, told["x_size"][0], own["x_wconf"][0] / 100
                )


def _parse_numbers(title: str) -> dict[str, Sequence[float]]:
    """Parse the properties of an element of hOCR: ``bbox 1 2 3 4; x_size 20``."""
    return {name: [float(n) for n in numbers.split()] for name, numbers in _NUMBERS.findall(title)}
