"""How far a long command is, on standard error: a bar on a terminal, else a line no more often than each second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edge.cli.screen import FAINT, Screen, clean

Report = Callable[[str, str, int, int], None]
"""Stage, what is being worked on, how many are done, of how many."""

INTERVAL_S = 1.0


@contextmanager
def progress() -> Iterator[Report]:
    """Something to report progress to; what it drew is gone at the end."""
    screen = Screen(sys.stderr)
    if not screen.styled:
        yield _lines(screen)
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
            bars.update(tasks[stage], completed=done, total=total, detail=_escaped(detail))

        yield report


def _lines(screen: Screen) -> Report:
    last = float("-inf")

    def report(stage: str, detail: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= INTERVAL_S:
            last = time.monotonic()
            count = f" {done}/{total}" if total else ""
            print(f"{stage}{count} {clean(detail)}".rstrip(), file=screen.stream, flush=True)

    return report


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(clean(text)[-40:])
