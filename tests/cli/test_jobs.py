"""``edge jobs`` and ``edge notes``: a technician over ssh does a job, and writes a note."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Edge
from tests.jobs.test_store import make_photo


@pytest.fixture
def own(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An EDGE_HOME of this test with the pack in use."""
    shutil.copytree(installed, tmp_path / "home")
    monkeypatch.setenv("EDGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EDGE_EMBEDDER", "none")
    return tmp_path / "home"


def begin(edge: Edge) -> str:
    started = edge("jobs", "start", "pumps", "venting", "--equipment", "no. 17", "--who", "Ada")
    assert started.code == 0, started.err
    return started.out.split()[1]


def test_procedures_are_listed_and_one_is_begun_by_words_of_its_name(edge: Edge, own: Path) -> None:
    assert "Venting" in edge("jobs", "start", "pumps").out
    id = begin(edge)
    (job,) = json.loads(edge("jobs", "list", "--json").out)["jobs"]
    assert (job["id"], job["equipment"], job["who"]) == (id, "no. 17", "Ada")
    assert edge("jobs", "start", "pumps", "overhaul").code == 3


def test_a_job_is_done_line_by_line_and_goes_on_where_it_was_left(
    edge: Edge, own: Path, tmp_path: Path
) -> None:
    id = begin(edge)
    (tmp_path / "photo.jpg").write_bytes(make_photo())
    first = edge("jobs", "do", id, "--who", "Ada", input=f"y\nt rusty\np {tmp_path / 'photo.jpg'}\n\n?\nq\n")
    assert "WARNING: The pump starts without notice." in first.out
    assert "not possible" in first.out  # the list of commands
    assert f"edge jobs do {id}" in first.out
    second = edge("jobs", "do", id[-8:], input="n\nb\n\n\n")
    assert "WARNING" not in second.out
    assert "All steps are closed." in second.out
    shown = edge("jobs", "show", id).out
    assert "note: rusty" in shown
    assert "photos: 1" in shown
    assert edge("jobs", "list", "--open").out.startswith("No job")


def test_without_the_warning_read_nothing_is_done(edge: Edge, own: Path) -> None:
    id = begin(edge)
    edge("jobs", "do", id, input="n\nq\n")
    job = json.loads(edge("jobs", "show", id, "--json").out)
    assert job["acknowledged"] == [None]
    assert {record["status"] for record in job["records"]} == {"open"}


def test_the_report_is_written_as_html_or_json(edge: Edge, own: Path, tmp_path: Path) -> None:
    id = begin(edge)
    for name in ("report.html", "report.json"):
        assert edge("jobs", "export", id, "-o", str(tmp_path / name)).code == 0
    assert "<h1>Venting</h1>" in (tmp_path / "report.html").read_text()
    assert json.loads((tmp_path / "report.json").read_text())["id"] == id
    assert edge("jobs", "export", id, "-o", str(tmp_path / "report.pdf")).code == 2
    assert edge("jobs", "export", "none", "-o", str(tmp_path / "report.html")).code == 3


def test_a_note_is_written_found_and_removed(edge: Edge, own: Path) -> None:
    assert edge("notes", "list").out.startswith("No note yet")
    where = ("--pack", "pumps", "--document", "px-200.md", "--page", "1")
    wrote = edge("notes", "add", "The vent screw of the Leeds pump is left-handed.", *where)
    id = wrote.out.split()[1].rstrip(".")
    assert "left-handed" in edge("search", "Leeds vent screw").out
    (note,) = json.loads(edge("notes", "list", "--json").out)["notes"]
    assert (note["id"], note["page"]) == (id, 1)
    assert edge("notes", "remove", id).code == 0
    assert "left-handed" not in edge("search", "Leeds vent screw").out
