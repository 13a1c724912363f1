"""``edge jobs``: does procedures of the manuals step by step, lists what was done, and writes reports."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.group import make_group
from edge.cli.options import Json, PackName
from edge.cli.ui.screen import FAINT, STRONG, Screen
from edge.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from edge.config import Settings
    from edge.jobs.job import Job
    from edge.jobs.procedure import Procedure
    from edge.jobs.store import Jobs

app = make_group("jobs", "Do a procedure step by step, with a report.")

JobId = Annotated[str, typer.Argument(metavar="ID", help="A job, or the last letters of its id.")]
Who = Annotated[str, typer.Option("--who", metavar="NAME", help="Who does it. [your account]")]


@app.command("list")
def list_jobs(
    open_only: Annotated[bool, typer.Option("--open", help="Only those that are not finished.")] = False,
    json: Json = False,
) -> None:
    """List the jobs of this device, those written last first."""
    from edge.jobs.shapes import dump_jobs

    screen = Screen()
    with _open_jobs() as (_, jobs):
        found = [job for job in jobs.list() if not (open_only and job.is_finished)]
    if json:
        screen.write_json(dump_jobs(found))
        return
    rows = [
        (
            job.id,
            job.started[:16].replace("T", " "),
            f"{sum(step.status != 'open' for step in job.steps)}/{len(job.steps)}",
            job.equipment or "-",
            job.who or "-",
            job.procedure.name,
        )
        for job in found
    ]
    if rows:
        screen.write_table(("ID", "BEGUN (UTC)", "STEPS", "MACHINE", "WHO", "PROCEDURE"), rows)
    else:
        screen.write(("No job yet: edge jobs start PACK", FAINT))


@app.command("show")
def show_job(id: JobId, json: Json = False) -> None:
    """Show a job: its warnings, its steps, and what was done at each."""
    from edge.cli.ui.job import show_whole
    from edge.jobs.shapes import dump_job

    screen = Screen()
    with _open_jobs() as (_, jobs):
        job = jobs.get(id)
    if json:
        screen.write_json(dump_job(job))
    else:
        show_whole(screen, job)


@app.command("export")
def export_job(
    id: JobId,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="FILE.html or FILE.json.")],
) -> None:
    """Write the report of a job: one HTML file with its photos, or JSON."""
    import json

    from edge import files
    from edge.jobs.report import write_report
    from edge.jobs.shapes import dump_job

    if output.suffix not in (".html", ".json"):
        raise UsageError(f"{output.name} is neither HTML nor JSON.", "Name it report.html or report.json.")
    with _open_jobs() as (_, jobs):
        job = jobs.get(id)
        if output.suffix == ".html":
            text = write_report(job, lambda photo: jobs.read_photo(job.id, photo))
        else:
            text = json.dumps(dump_job(job), ensure_ascii=False, indent=1) + "\n"
    with files.translate_os_errors(output):
        files.write_atomically(output, text.encode())
    Screen().write(f"Wrote {output}")


@app.command("start")
def start_job(
    pack: PackName,
    procedure: Annotated[
        str, typer.Argument(metavar="PROCEDURE", help="Its id, or words of its name. None: list them.")
    ] = "",
    equipment: Annotated[
        str, typer.Option("--equipment", metavar="MACHINE", help="The machine it is done on.")
    ] = "",
    who: Who = "",
) -> None:
    """Begin a job, and do it here when this is a terminal.

    Without PROCEDURE, the numbered procedures of the pack are listed.
    """
    from edge.app import find_subject
    from edge.jobs.place import place_steps
    from edge.jobs.procedure import list_procedures
    from edge.packs.drawer import PageDrawer
    from edge.packs.store import PackStore

    screen = Screen()
    with _open_jobs() as (settings, jobs), PackStore(settings).open(pack) as opened:
        procedures = list_procedures(opened)
        if not procedure:
            _show_procedures(screen, procedures)
            return
        chosen = _choose(procedures, procedure)
        drawer = PageDrawer()
        try:
            chosen = place_steps(opened, chosen, drawer.locate)
        finally:
            drawer.stop()
        job = jobs.start(chosen, who or find_subject(settings), equipment)
        screen.write((f"Job {job.id}", STRONG))
        if sys.stdin.isatty():
            _do(screen, jobs, job, job.who)
        else:
            screen.write((f"Do it with: edge jobs do {job.id}", FAINT))


@app.command("do")
def do_job(id: JobId, who: Who = "") -> None:
    """Do a job from where it stands, step by step.

    Every entry is on the disk before the next question.
    """
    from edge.app import find_subject

    with _open_jobs() as (settings, jobs):
        _do(Screen(), jobs, jobs.get(id), who or find_subject(settings))


def _do(screen: Screen, jobs: Jobs, job: Job, who: str) -> None:
    from edge.cli.ui.job import JobDialogue

    JobDialogue(screen, jobs, job, who).run()


@contextmanager
def _open_jobs() -> Iterator[tuple[Settings, Jobs]]:
    from contextlib import closing

    from edge.config import load_settings
    from edge.jobs.store import Jobs

    settings = load_settings()
    with closing(Jobs(settings)) as jobs:
        yield settings, jobs


def _show_procedures(screen: Screen, procedures: Sequence[Procedure]) -> None:
    rows = [(each.id, str(len(each.steps)), each.document, each.name) for each in procedures]
    if rows:
        screen.write_table(("ID", "STEPS", "DOCUMENT", "PROCEDURE"), rows)
    else:
        screen.write(("This pack has no numbered procedures.", FAINT))


def _choose(procedures: Sequence[Procedure], wanted: str) -> Procedure:
    """Choose a procedure by its id, its name, or words of its name and of its heading.

    Raises:
        NotFoundError: none has these words, or several have.
    """
    words = wanted.lower().split()
    for found in (
        [each for each in procedures if each.id == wanted],
        [each for each in procedures if each.name.lower() == wanted.lower()],
        [each for each in procedures if all(word in f"{each.heading} {each.lead}".lower() for word in words)],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(f"{each.id} {each.name}" for each in found[:5])
            raise NotFoundError(f"{len(found)} procedures match '{wanted}'.", f"Give an id: {names}")
    raise NotFoundError(f"No procedure matches '{wanted}'.", "Without PROCEDURE they are listed.")
