"""A job and what was done at its steps. Pure: a job is its procedure and the entries made since, in order.

Entries are only ever added. Going back adds another one, so that nothing that was done or read is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from edge.errors import UsageError
from edge.jobs.limits import Limit, Outcome, judge
from edge.jobs.procedure import Procedure, Step

Status = Literal["open", "done", "not_possible"]
Kind = Literal["acknowledged", "status", "note", "reading", "photo"]

_STATUSES: Mapping[str, Status] = {"open": "open", "done": "done", "not_possible": "not_possible"}

MAX_NAME = 200
"""Characters of a name: of a person, a machine."""
MAX_NOTE = 4_000
MAX_READING = 200
MAX_ENTRIES = 5_000
"""Of one job: a bound on what one client can write."""


class CautionsFirstError(UsageError):
    """A step is to be done, and a warning that applies was not acknowledged."""

    http_status = 409
    title = "Warnings first"


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was done or noted.

    Attributes:
        id: of this entry, on any device; the same one twice is one entry.
        kind: what it is.
        number: of the step, from 1; of the warning where one was acknowledged.
        at: when, in UTC (ISO 8601).
        who: who did it; empty where nobody said.
        text: a status, a note, a reading as typed, the media type of a photo.
        limit: what a reading was compared with, as the page says it; empty for none.
        outcome, said: of that comparison.
        size, sha256: of a photo.
    """

    id: str
    kind: Kind
    number: int
    at: str
    who: str
    text: str = ""
    limit: str = ""
    outcome: Outcome = "unknown"
    said: str = ""
    size: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What was done at a step: its status with the entry that set it, and all that was noted, oldest first."""

    status: Status = "open"
    set_by: Entry | None = None
    notes: tuple[Entry, ...] = ()
    readings: tuple[Entry, ...] = ()
    photos: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """A procedure that somebody does on a machine.

    Attributes:
        id: on any device.
        device: the one it was begun on.
        started: when, in UTC (ISO 8601).
        who: who began it. ``equipment``: the machine, as they name it.
        procedure: as it was when it was begun.
        acknowledged: for each warning the entry that acknowledged it, or None.
        steps: for each step what was done.
        entries: all that was written, in order.
    """

    id: str
    device: str
    started: str
    who: str
    equipment: str
    procedure: Procedure
    acknowledged: tuple[Entry | None, ...]
    steps: tuple[StepRecord, ...]
    entries: tuple[Entry, ...] = field(default=(), repr=False)

    @property
    def is_finished(self) -> bool:
        """True when each step is done, or was found not possible."""
        return all(step.status != "open" for step in self.steps)

    @property
    def finished(self) -> str | None:
        """When the last step was closed; None for a job that is open."""
        times = [step.set_by.at for step in self.steps if step.set_by]
        return max(times) if self.is_finished and times else None

    @property
    def current(self) -> int | None:
        """The number of the first step that is open."""
        return next((n for n, step in enumerate(self.steps, 1) if step.status == "open"), None)

    @property
    def last_entry(self) -> str:
        """When something was last written."""
        return max([self.started, *(entry.at for entry in self.entries)])


def make_job(
    id: str,
    device: str,
    started: str,
    who: str,
    equipment: str,
    procedure: Procedure,
    entries: Iterable[Entry] = (),
) -> Job:
    """Return a job after its entries."""
    job = Job(
        id=id,
        device=device,
        started=started,
        who=who,
        equipment=equipment,
        procedure=procedure,
        acknowledged=(None,) * len(procedure.cautions),
        steps=(StepRecord(),) * len(procedure.steps),
    )
    for entry in entries:
        job = add_entry(job, entry)
    return job


def add_entry(job: Job, entry: Entry) -> Job:
    """Return the job after one more entry."""
    if entry.kind == "acknowledged":
        acknowledged = list(job.acknowledged)
        acknowledged[entry.number - 1] = acknowledged[entry.number - 1] or entry
        return replace(job, acknowledged=tuple(acknowledged), entries=(*job.entries, entry))
    steps = list(job.steps)
    steps[entry.number - 1] = _add_to_step(steps[entry.number - 1], entry)
    return replace(job, steps=tuple(steps), entries=(*job.entries, entry))


def _add_to_step(step: StepRecord, entry: Entry) -> StepRecord:
    match entry.kind:
        case "note":
            return replace(step, notes=(*step.notes, entry))
        case "reading":
            return replace(step, readings=(*step.readings, entry))
        case "photo":
            return replace(step, photos=(*step.photos, entry))
    return replace(step, status=parse_status(entry.text), set_by=entry)


def parse_status(text: str) -> Status:
    """Return the status of a name.

    Raises:
        UsageError: there is none of this name.
    """
    if text in _STATUSES:
        return _STATUSES[text]
    raise UsageError(f"A step cannot be '{text}'.", "Send open, done or not_possible.")


def get_step(job: Job, number: int) -> Step:
    """Return a step of a job's procedure.

    Raises:
        UsageError: it has no step of this number.
    """
    if not 1 <= number <= len(job.procedure.steps):
        raise UsageError(f"There is no step {number}.", f"The job has steps 1 to {len(job.procedure.steps)}.")
    return job.procedure.steps[number - 1]


def check_entry(job: Job, entry: Entry) -> None:
    """Check that an entry may be added.

    Raises:
        UsageError: there is no such step or warning, it is too long, or there are too many.
        CautionsFirstError: a step is done before the warnings that apply are acknowledged.
    """
    if len(job.entries) >= MAX_ENTRIES:
        raise UsageError("This job has too many entries.", "Finish it and begin another one.")
    for text, most in ((entry.who, MAX_NAME), (entry.text, MAX_NOTE)):
        if len(text) > most:
            raise UsageError(f"A text of {len(text)} characters is too long.", f"At most {most}.")
    if entry.kind == "acknowledged":
        if not 1 <= entry.number <= len(job.procedure.cautions):
            raise UsageError(f"There is no warning {entry.number}.", "GET /jobs/{id} lists them.")
        return
    get_step(job, entry.number)
    if entry.kind == "status" and parse_status(entry.text) == "done":
        _check_acknowledged(job, entry.number)


def _check_acknowledged(job: Job, step: int) -> None:
    waiting = [
        number
        for number, (caution, by) in enumerate(zip(job.procedure.cautions, job.acknowledged, strict=True), 1)
        if by is None and (caution.before_step is None or caution.before_step <= step)
    ]
    if waiting:
        which = "warning " + ", ".join(map(str, waiting))
        raise CautionsFirstError(
            f"Read and acknowledge {which} before step {step} is done.", "Acknowledge each one first."
        )


def judge_reading(step: Step, entry: Entry, limit: int | None) -> Entry:
    """Return a reading with what comes of comparing it.

    Args:
        step: whose limits it is compared with.
        limit: which of these, from 0; None for the one of its unit.

    Raises:
        UsageError: there is no such limit.
    """
    if limit is not None and not 0 <= limit < len(step.limits):
        raise UsageError(f"Step {step.number} has no limit {limit}.", "They are counted from 0.")
    judgement = judge(step.limits, entry.text, limit)
    return replace(
        entry, limit=_name_limit(step.limits, limit), outcome=judgement.outcome, said=judgement.said
    )


def _name_limit(limits: Sequence[Limit], chosen: int | None) -> str:
    if chosen is not None:
        return limits[chosen].text
    return limits[0].text if len(limits) == 1 else ""
