"""Jobs as they are kept: what was written is there again, whoever asks."""

from __future__ import annotations

import io
import os
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from edge.config import Settings
from edge.errors import NotFoundError, StorageError, UsageError
from edge.jobs.job import CautionsFirstError, Job
from edge.jobs.procedure import Procedure
from edge.jobs.store import MAX_PHOTO_BYTES, Jobs, PhotoError


def make_photo(kind: str = "JPEG", size: tuple[int, int] = (40, 30)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, kind)
    return out.getvalue()


def claim_size(png: bytes, width: int, height: int) -> bytes:
    """Write another size into the header of a PNG."""
    header = b"IHDR" + struct.pack(">II", width, height) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


def begin(jobs: Jobs, procedure: Procedure) -> Job:
    """A job whose warnings are all acknowledged."""
    job = jobs.start(procedure, who="Ada", equipment="PX-200 no. 17")
    for number in range(1, len(procedure.cautions) + 1):
        job = jobs.acknowledge(job.id, number, "Ada")
    return job


def test_a_job_is_there_again_after_a_restart(settings: Settings, jobs: Jobs, procedure: Procedure) -> None:
    job = begin(jobs, procedure)
    jobs.set_status(job.id, 1, "done", "Ada")
    jobs.add_note(job.id, 2, "Little oil.", "Ada")
    written = jobs.add_reading(job.id, 4, "52 Nm", who="Ada")
    jobs.close()
    again = Jobs(settings).get(job.id)
    assert again == written
    assert again.procedure == procedure
    assert (again.steps[0].status, again.steps[1].notes[0].text) == ("done", "Little oil.")
    assert again.steps[3].readings[0].outcome == "differs"
    assert again.current == 2


def test_a_step_is_not_done_before_its_warnings_are_acknowledged(jobs: Jobs, procedure: Procedure) -> None:
    job = jobs.start(procedure)
    with pytest.raises(CautionsFirstError, match="warning 1, 2"):
        jobs.set_status(job.id, 1, "done")
    jobs.set_status(job.id, 1, "not_possible")
    jobs.acknowledge(job.id, 1)
    jobs.acknowledge(job.id, 2)
    assert jobs.set_status(job.id, 1, "done").steps[0].status == "done"
    with pytest.raises(CautionsFirstError, match="warning 3"):  # it stands in front of step 4
        jobs.set_status(job.id, 4, "done")


def test_going_back_loses_nothing(jobs: Jobs, procedure: Procedure) -> None:
    job = begin(jobs, procedure)
    jobs.add_reading(job.id, 2, "0.1 bar")
    jobs.set_status(job.id, 2, "done")
    job = jobs.set_status(job.id, 2, "open")
    assert job.steps[1].status == "open"
    assert [reading.text for reading in job.steps[1].readings] == ["0.1 bar"]
    assert [entry.text for entry in job.entries if entry.kind == "status"] == ["done", "open"]


def test_the_same_entry_sent_twice_is_written_once(jobs: Jobs, procedure: Procedure) -> None:
    job = begin(jobs, procedure)
    once = jobs.add_note(job.id, 1, "Rust.", entry="mine-1")
    assert jobs.add_note(job.id, 1, "Rust.", entry="mine-1") == once
    assert jobs.start(procedure, id="my-job").id == jobs.start(procedure, id="my-job").id
    assert len(jobs.list()) == 2


def test_a_job_is_finished_when_every_step_is_closed(jobs: Jobs, procedure: Procedure) -> None:
    job = begin(jobs, procedure)
    assert job.finished is None
    for number in range(1, 6):
        job = jobs.set_status(job.id, number, "not_possible" if number == 3 else "done")
    assert job.is_finished
    assert job.finished
    assert job.current is None


def test_photos_are_kept_as_they_were_sent(jobs: Jobs, procedure: Procedure) -> None:
    job = begin(jobs, procedure)
    photo = make_photo()
    job = jobs.add_photo(job.id, 1, photo, "Ada")
    (entry,) = job.steps[0].photos
    found = jobs.read_photo(job.id, entry.id)
    assert (found.data, found.media_type) == (photo, "image/jpeg")
    with pytest.raises(NotFoundError):
        jobs.read_photo(job.id, "other")


@pytest.mark.parametrize("data", [b"", b"not a picture", make_photo("GIF"), b"\xff\xd8\xff" + bytes(100)])
def test_what_is_no_photo_is_refused(jobs: Jobs, procedure: Procedure, data: bytes) -> None:
    job = begin(jobs, procedure)
    with pytest.raises(PhotoError):
        jobs.add_photo(job.id, 1, data)
    assert jobs.get(job.id) == job


def test_a_photo_that_is_too_large_is_refused(jobs: Jobs, procedure: Procedure) -> None:
    job = begin(jobs, procedure)
    with pytest.raises(PhotoError, match="larger"):
        jobs.add_photo(job.id, 1, make_photo() + bytes(MAX_PHOTO_BYTES))
    with pytest.raises(PhotoError, match="pixels"):
        jobs.add_photo(job.id, 1, claim_size(make_photo("PNG"), 10_000, 8_001))


def test_a_job_is_found_by_a_part_of_its_id(jobs: Jobs, procedure: Procedure) -> None:
    job = jobs.start(procedure)
    assert jobs.get(job.id[-8:]) == job
    jobs.start(procedure)
    with pytest.raises(NotFoundError, match="Several"):
        jobs.get(job.id[:8])
    with pytest.raises(NotFoundError):
        jobs.get("no-such-job")


def test_bad_entries_change_nothing(jobs: Jobs, procedure: Procedure) -> None:
    job = begin(jobs, procedure)
    for wrong in (
        lambda: jobs.set_status(job.id, 0, "done"),
        lambda: jobs.set_status(job.id, 6, "done"),
        lambda: jobs.set_status(job.id, 1, "maybe"),
        lambda: jobs.acknowledge(job.id, 4),
        lambda: jobs.add_note(job.id, 1, " "),
        lambda: jobs.add_note(job.id, 1, "x" * 4_001),
        lambda: jobs.add_reading(job.id, 4, "50 Nm", limit=7),
        lambda: jobs.add_reading(job.id, 4, ""),
    ):
        with pytest.raises(UsageError):
            wrong()
    assert jobs.get(job.id) == job


def test_a_damaged_database_is_an_error_and_stays_as_it_is(settings: Settings, procedure: Procedure) -> None:
    settings.jobs_file.parent.mkdir(parents=True)
    settings.jobs_file.write_bytes(b"no database " * 100)
    with pytest.raises(StorageError) as caught:
        Jobs(settings).start(procedure)
    assert "aside" in caught.value.hint
    assert settings.jobs_file.read_bytes() == b"no database " * 100


def test_reading_makes_no_file(settings: Settings, jobs: Jobs) -> None:
    assert jobs.list() == []
    assert not settings.home.exists()


WORKER = """
import sys
from pathlib import Path
from edge.config import Settings
from edge.jobs.store import Jobs
jobs = Jobs(Settings(home=Path(sys.argv[1])))
(job,) = jobs.list()
n = len(job.entries)
while True:
    job = jobs.add_note(job.id, 1, f"note {n}", entry=f"note-{n}")
    n += 1
    print(n, flush=True)
"""


def test_kill_9_loses_no_acknowledged_entry(settings: Settings, jobs: Jobs, procedure: Procedure) -> None:
    """A few of the moments of tests/torture/test_jobs.py."""
    jobs.start(procedure)
    jobs.close()
    for moment in (1, 4, 9):
        acknowledged = kill_after(settings.home, moment)
        entries = Jobs(settings).list()[0].entries
        assert len(entries) >= acknowledged
        assert [entry.text for entry in entries] == [f"note {n}" for n in range(len(entries))]


def kill_after(home: Path, lines: int) -> int:
    """Let a process write until it has acknowledged so many entries more, kill it; return what it told last."""
    command = [sys.executable, "-c", WORKER, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        told = [next(process.stdout) for _ in range(lines)]
        os.kill(process.pid, signal.SIGKILL)
        told += process.stdout.readlines()
    return int([line for line in told if line.endswith("\n")][-1])
