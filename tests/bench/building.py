"""Building packs of PDFs with ``edge pack build``: seconds by stage, and the memory of all its processes."""

from __future__ import annotations

import subprocess
import tempfile
import time
from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pypdfium2

from pack_cache import EDGE
from tests.bench.figures import Figure
from tests.bench.manuals import LARGE_MANUAL, MANUALS, Manual, fetch_manual
from tests.bench.program import main

MAX_MB = 1000


def run(options: Namespace) -> Iterator[Figure]:
    """Build a manual of 120 pages, with --full also one of 1,335; the peer takes the text out of the pages, no more."""
    for manual in (MANUALS[0], LARGE_MANUAL) if options.full else MANUALS[:1]:
        if data := fetch_manual(manual):
            yield from _measure(manual, data)


def _measure(manual: Manual, data: bytes) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "source")
        source.mkdir()
        (source / "pack.toml").write_text(f'name = "{manual.name}"\nversion = "1"\ntitle = "{manual.name}"\n')
        (source / manual.document).write_bytes(data)
        start = time.perf_counter()
        stages, peak = _build(source, Path(scratch, "out.kpack"))
        seconds = time.perf_counter() - start
    extraction = _extract(data)
    yield Figure(f"{manual.name} pack", seconds, "s", "", extraction)
    for stage, spent in stages.items():
        yield Figure(f"  {stage}", spent, "s")
    yield Figure(f"{manual.name} peak memory", peak / 1e6, "MB", f"<= {MAX_MB}")


def _build(source: Path, pack: Path) -> tuple[dict[str, float], int]:
    """Seconds of each stage (to about one, as progress is told once a second), and the peak memory in bytes."""
    build = subprocess.Popen(
        [EDGE, "pack", "build", source, "-o", pack],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert build.stderr is not None
    stages: dict[str, float] = defaultdict(float)
    peak, stage, since = 0, "start", time.perf_counter()
    for line in build.stderr:
        now = time.perf_counter()
        stages[stage] += now - since
        stage, since = line.split()[0], now
        peak = max(peak, _measure_memory(build.pid))
    stages[stage] += time.perf_counter() - since
    if build.wait():
        raise SystemExit(f"`edge pack build` ended with exit code {build.returncode}.")
    return stages, peak


def _measure_memory(pid: int) -> int:
    """Return bytes of a process and its descendants; pages that they share count once."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        children = [
            child
            for file in Path(f"/proc/{pid}/task").glob("*/children")
            for child in file.read_text().split()
        ]
    except OSError:  # it has just ended
        return 0
    own = next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
    return own + sum(_measure_memory(int(child)) for child in children)


def _extract(data: bytes) -> float:
    start = time.perf_counter()
    for page in pypdfium2.PdfDocument(data):
        page.get_textpage().get_text_bounded()
    return time.perf_counter() - start


if __name__ == "__main__":
    main(run)
