"""Shows on standard error how far a long command is: a bar on a terminal, else at most one line a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edge.cli.ui.screen import FAINT, Screen, clean
from edge.files import format_size

Reporter = Callable[[str, str, int, int], None]
"""Is called with the stage, the name of the item, how much is done, and how much there is in all."""

INTERVAL_S = 1.0


@contextmanager
def show_progress() -> Iterator[Reporter]:
    """Give a function to report progress to. The bars are removed at the end of the block."""
    screen = Screen(sys.stderr)
    if not screen.styled:
        yield _report_in_lines(screen)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

    columns = (
        TextColumn("{task.description:8}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn(f"[{FAINT}]{{task.fields[detail]}}", markup=True),
    )
    with Progress(*columns, console=screen.console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, detail: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, detail="")
            bars.update(tasks[stage], completed=done, total=total, detail=_escape(detail))

        yield report


def report_megabytes(report: Reporter, stage: str) -> Callable[[str, int, int], None]:
    """Return a function that takes bytes and reports megabytes under the name of this stage."""
    return lambda item, done, total: report(stage, item, done >> 20, total >> 20)


def report_speed(report: Reporter, stage: str) -> Callable[[str, int, int], None]:
    """Return a function that takes bytes and reports kilobytes, with their speed after the first second."""
    begun: dict[str, tuple[float, int]] = {}

    def report_kilobytes(item: str, done: int, total: int) -> None:
        now = time.monotonic()
        start, before = begun.setdefault(item, (now, done))
        seconds = now - start
        speed = f", {format_size(int((done - before) / seconds))}/s" if seconds > 1 else ""
        report(f"{stage} kB", f"{item}{speed}", done // 1000, total // 1000)

    return report_kilobytes


def _report_in_lines(screen: Screen) -> Reporter:
    last = float("-inf")

    def report(stage: str, detail: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= INTERVAL_S:
            last = time.monotonic()
            count = f" {done}/{total}" if total else ""
            print(f"{stage}{count} {clean(detail)}".rstrip(), file=screen.stream, flush=True)

    return report


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(clean(text)[-40:])
