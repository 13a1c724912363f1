"""The report of a job: one file, with everything that was done and what it was done from."""

from __future__ import annotations

from html.parser import HTMLParser

from pydantic import TypeAdapter

from edge.jobs.procedure import Procedure
from edge.jobs.report import write_report
from edge.jobs.shapes import Job as JobShape
from edge.jobs.shapes import dump_job
from edge.jobs.store import Jobs
from tests.jobs.test_store import begin, make_photo


class Links(HTMLParser):
    """Collects what a page would load, and checks that its elements are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_report_holds_all_that_was_done(jobs: Jobs, procedure: Procedure) -> None:
    job = begin(jobs, procedure)
    jobs.set_status(job.id, 1, "done", "Ada")
    jobs.add_note(job.id, 2, "<b>Little oil</b> & rust", "Ada")
    jobs.set_status(job.id, 3, "not_possible", "Ben")
    jobs.add_photo(job.id, 3, make_photo(), "Ada")
    job = jobs.add_reading(job.id, 5, "3.4 bar", who="Ada")
    page = write_report(job, lambda id: jobs.read_photo(job.id, id))
    for text in (
        "Changing the seal", "PX-200 no. 17", "Ada, Ben", "open: 2 of 5 steps", "step 3, 5",
        "WARNING: The pump starts without notice. Lock out the mains before you open the housing.",
        "&lt;b&gt;Little oil&lt;/b&gt; &amp; rust", "OUTSIDE THE LIMIT", "between 2 and 3 bar",
        procedure.digest, procedure.sha256, "px 1.0, UNSIGNED", "torque wrench", "4711-23", "@media print",
    ):  # fmt: skip
        assert text in page, text
    links = Links()
    links.feed(page)
    assert links.open == []
    assert len(links.loaded) == 1
    assert links.loaded[0].startswith("data:image/jpeg;base64,")


def test_an_empty_job_has_a_report_too(jobs: Jobs, procedure: Procedure) -> None:
    page = write_report(jobs.start(procedure), lambda id: jobs.read_photo("", id))
    assert "Not acknowledged" in page
    assert "not named" in page


def test_the_data_has_its_documented_shape(jobs: Jobs, procedure: Procedure) -> None:
    job = begin(jobs, procedure)
    jobs.add_photo(job.id, 3, make_photo())
    job = jobs.add_reading(job.id, 5, "3.4 bar")
    shape = dump_job(job)
    TypeAdapter(JobShape).validate_python(shape, strict=True)
    assert shape["procedure"]["steps"][4]["limits"] == [
        {"text": "between 2 and 3 bar", "kind": "between", "unit": "bar", "low": 2.0, "high": 3.0}
    ]
    assert shape["records"][4]["readings"][0]["outcome"] == "out"
