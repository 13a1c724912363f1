"""A job in a terminal: shows warnings and steps, and takes what was done at each, line by line."""

from __future__ import annotations

import re
from pathlib import Path

from edge import files
from edge.cli.ui.screen import ALERT, CAREFUL, FAINT, GOOD, MARK, STRONG, Part, Screen
from edge.errors import EdgeError
from edge.jobs.job import Entry, Job, StepRecord
from edge.jobs.limits import Outcome
from edge.jobs.procedure import Step
from edge.jobs.store import Jobs

COMMANDS = {
    "Enter": "the step is done",
    "n": "it is not possible",
    "r 52 Nm": "a reading; r2 8 Nm for the second limit",
    "t TEXT": "a note",
    "p FILE": "a photo",
    "b": "back",
    "q": "leave; nothing is lost",
}
_STYLES: dict[Outcome, str] = {"in": GOOD, "out": ALERT, "differs": CAREFUL, "unknown": CAREFUL}
_READING = re.compile(r"r(\d*)\s+(.+)")
_MARKS = {"open": " ", "done": "x", "not_possible": "-"}


class JobDialogue:
    """Goes through a job with somebody at the keyboard. Each answer is written before the next question.

    Args:
        screen: where it is shown.
        jobs: where it is kept.
        job: as it stands.
        who: does it.
    """

    def __init__(self, screen: Screen, jobs: Jobs, job: Job, who: str) -> None:
        self._screen, self._jobs, self._job, self._who = screen, jobs, job, who

    def run(self) -> None:
        """Ask until all steps are closed, the input ends, or somebody leaves."""
        procedure = self._job.procedure
        self._screen.write((procedure.name, STRONG), (f"  {procedure.document}", FAINT))
        for name, things in (("Tools", procedure.tools), ("Parts", procedure.parts)):
            if things:
                self._screen.write(", ".join(things), lead=(f"{name}: ", FAINT))
        number: int | None = self._job.current
        while number is not None:
            if not self._acknowledge(number):
                return self._leave()
            show_step(self._screen, self._job, number)
            line = self._ask("> ")
            if line is None or line == "q":
                return self._leave()
            try:
                number = self._handle(line, number)
            except EdgeError as error:
                self._screen.write((error.message, ALERT))
                self._screen.write(error.hint)
        self._screen.write_gap()
        self._screen.write(
            ("All steps are closed.", GOOD), f" edge jobs export {self._job.id} -o report.html"
        )

    def _handle(self, line: str, number: int) -> int | None:
        """Do what a line says, and return the step to show next."""
        job, who = self._job, self._who
        if line in ("", "n"):
            status = "not_possible" if line else "done"
            self._job = self._jobs.set_status(job.id, number, status, who)
            return self._find_next(number)
        if line == "b":
            return max(1, number - 1)
        if match := _READING.fullmatch(line):
            limit = int(match[1]) - 1 if match[1] else None
            self._job = self._jobs.add_reading(job.id, number, match[2], limit, who)
            return number
        command, _, text = line.partition(" ")
        if command == "t" and text:
            self._job = self._jobs.add_note(job.id, number, text, who)
        elif command == "p" and text:
            path = Path(text.strip()).expanduser()
            with files.translate_os_errors(path):
                data = path.read_bytes()
            self._job = self._jobs.add_photo(job.id, number, data, who)
        else:
            self._screen.write_table(("TYPE", "FOR"), COMMANDS.items())
        return number

    def _find_next(self, number: int) -> int | None:
        """Return the next open step behind one, else the first open one."""
        later = range(number + 1, len(self._job.steps) + 1)
        return next((n for n in later if self._job.steps[n - 1].status == "open"), self._job.current)

    def _acknowledge(self, step: int) -> bool:
        """Show the warnings that were not acknowledged; False when somebody leaves."""
        cautions = zip(self._job.procedure.cautions, self._job.acknowledged, strict=True)
        for number, (caution, by) in enumerate(cautions, 1):
            if by is not None or (caution.before_step is not None and caution.before_step > step):
                continue
            self._screen.write_gap()
            self._screen.write((caution.text, ALERT), (f"  page {caution.page}", FAINT), lead=("! ", ALERT))
            while (line := self._ask("Read and understood? y/q ")) not in ("y", "yes"):
                if line is None or line == "q":
                    return False
            self._job = self._jobs.acknowledge(self._job.id, number, self._who)
        return True

    def _ask(self, prompt: str) -> str | None:
        try:
            return input(prompt if self._screen.terminal else "").strip()
        except (EOFError, KeyboardInterrupt):
            return None

    def _leave(self) -> None:
        self._screen.write_gap()
        self._screen.write((f"It goes on with: edge jobs do {self._job.id}", FAINT))


def show_step(screen: Screen, job: Job, number: int) -> None:
    """Write one step with its limits and what was noted so far."""
    step, record = job.procedure.steps[number - 1], job.steps[number - 1]
    screen.write_gap()
    state = "" if record.status == "open" else f"  {record.status.replace('_', ' ')}"
    where = step.place or f"page {step.page}"
    screen.write((f"Step {number} of {len(job.steps)}", STRONG), (f"  {where}{state}", FAINT))
    _show_body(screen, step, record)


def show_whole(screen: Screen, job: Job) -> None:
    """Write a whole job."""
    procedure = job.procedure
    screen.write((procedure.name, STRONG), (f"  {job.id}", FAINT))
    source = f"{procedure.document}, {procedure.pack} {procedure.version}"
    state = f"finished {job.finished[:16]}" if job.finished else f"open, step {job.current}"
    for name, text in (("machine", job.equipment), ("who", job.who), ("from", source), ("state", state)):
        if text:
            screen.write(text, lead=(f"{name:8} ", FAINT))
    for caution, by in zip(procedure.cautions, job.acknowledged, strict=True):
        read = f"  read by {by.who}" if by and by.who else "  read" if by else "  not acknowledged"
        screen.write((caution.text, ALERT), (read, FAINT), lead=("! ", ALERT))
    for step, record in zip(procedure.steps, job.steps, strict=True):
        screen.write_gap()
        screen.write(
            (f"[{_MARKS[record.status]}] Step {step.number}", STRONG), (f"  page {step.page}", FAINT)
        )
        _show_body(screen, step, record)


def _show_body(screen: Screen, step: Step, record: StepRecord) -> None:
    screen.write(step.text, indent=4)
    for line in step.details:
        screen.write((line, FAINT), indent=4)
    for number, limit in enumerate(step.limits, 1):
        screen.write((limit.text, MARK), lead=(f"limit {number}: ", FAINT), indent=4)
    for reading in record.readings:
        screen.write(reading.text, *_judge(reading), lead=("reading: ", FAINT), indent=4)
    for note in record.notes:
        screen.write(note.text, lead=("note: ", FAINT), indent=4)
    if record.photos:
        screen.write(str(len(record.photos)), lead=("photos: ", FAINT), indent=4)


def _judge(reading: Entry) -> list[Part]:
    return [(f"  {reading.said}", _STYLES[reading.outcome])]
