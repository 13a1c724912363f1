"""/jobs: a procedure done over HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from edge.config import Settings
from edge.jobs.shapes import Job, Jobs, Procedures
from edge.packs.store import PackStore
from tests.conftest import BuildPack
from tests.jobs.test_store import make_photo

Start = Callable[..., Any]


@pytest.fixture
def pumps(start: Start, home: Path, tmp_path: Path, build_pack: BuildPack) -> httpx.Client:
    """A server with the PX-200's manual in use, in a home of its own."""
    store = PackStore(Settings(home=tmp_path / "home"))
    store.install(build_pack(name="px"), allow_unsigned=True)
    return start(home=tmp_path / "home")  # type: ignore[no-any-return]


def begin(client: httpx.Client) -> dict[str, Any]:
    (found,) = client.get("/packs/px/procedures").json()["procedures"]
    started = client.post(
        "/jobs", json={"pack": "px", "procedure": found["id"], "who": "Ada", "equipment": "no. 17"}
    )
    assert started.status_code == 200, started.text
    job: dict[str, Any] = started.json()
    return job


def test_a_job_is_done_from_the_list_of_procedures_to_the_report(pumps: httpx.Client) -> None:
    listed = pumps.get("/packs/px/procedures", params={"document": "px-200.md", "page": 1}).json()
    TypeAdapter(Procedures).validate_python(listed, strict=True)
    job = begin(pumps)
    TypeAdapter(Job).validate_python(job, strict=True)
    url = f"/jobs/{job['id']}"
    assert pumps.post(f"{url}/steps/1", json={"status": "done"}).status_code == 409
    for warning in job["procedure"]["warnings"]:
        pumps.post(f"{url}/warnings/{warning['number']}", json={"who": "Ada"})
    for step in job["procedure"]["steps"]:
        body = {"status": "done", "who": "Ada", "note": "ok", "reading": "3 bar"}
        job = pumps.post(f"{url}/steps/{step['number']}", json=body).json()
    assert (job["state"], job["current_step"]) == ("finished", None)
    assert job["records"][0]["notes"][0]["text"] == "ok"
    listed = pumps.get("/jobs", params={"state": "finished"}).json()
    TypeAdapter(Jobs).validate_python(listed, strict=True)
    assert [each["id"] for each in listed["jobs"]] == [job["id"]]
    assert pumps.get("/jobs", params={"state": "open"}).json() == {"jobs": []}
    assert pumps.get(url).json() == pumps.get(f"{url}/report.json").json() == job
    report = pumps.get(f"{url}/report.html")
    assert report.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in report.headers["content-security-policy"]
    assert "WARNING: The pump starts without notice." in report.text


def test_a_cited_passage_that_shows_steps_begins_a_job(pumps: httpx.Client) -> None:
    answer = pumps.post("/chat", json={"message": "How do I vent the pump?"}).json()
    cited = answer["citations"][0]
    body = {name: cited[name] for name in ("pack", "document", "heading", "text")}
    job = pumps.post("/jobs", json=body).json()
    assert job["procedure"]["name"] == "Venting"


def test_photos_of_some_megabytes_are_taken_and_larger_ones_refused(pumps: httpx.Client) -> None:
    job = begin(pumps)
    url = f"/jobs/{job['id']}/steps/1/photos"
    photo = make_photo() + bytes(3 << 20)
    job = pumps.post(url, content=photo, params={"who": "Ada"}).json()
    (kept,) = job["records"][0]["photos"]
    shown = pumps.get(f"/jobs/{job['id']}/photos/{kept['id']}")
    assert (shown.content, shown.headers["content-type"]) == (photo, "image/jpeg")
    assert pumps.post(url, content=bytes(9 << 20)).status_code == 413
    assert pumps.post(url, content=b"text").status_code == 413
    assert pumps.post("/chat", content=photo).status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/jobs/none", None, 404),
        ("GET", "/packs/none/procedures", None, 404),
        ("GET", "/packs/px/procedures?document=none", None, 404),
        ("GET", "/packs/px/procedures/1.1x", None, 404),
        ("POST", "/jobs", {"pack": "px"}, 422),
        ("POST", "/jobs", {"pack": "px", "procedure": "77.1"}, 404),
        ("POST", "/jobs", {"pack": "px", "document": "px-200.md", "heading": "x", "text": "y"}, 404),
        ("POST", "/jobs", {"pack": "px", "strange": 1}, 422),
        ("POST", "/jobs/none/steps/1", {"status": "done"}, 404),
        ("POST", "/jobs/none/steps/1", {}, 422),
        ("POST", "/jobs/none/steps/x", {"status": "done"}, 422),
        ("POST", "/jobs/none/steps/1", {"status": "perhaps"}, 422),
    ],
)
def test_a_wrong_request_gets_a_problem_that_says_what_to_do(
    pumps: httpx.Client, method: str, path: str, body: object, status: int
) -> None:
    response = pumps.request(method, path, json=body)
    assert response.status_code == status, response.text
    assert response.json()["hint"]


def test_a_job_outlives_its_pack(pumps: httpx.Client, tmp_path: Path) -> None:
    job = begin(pumps)
    shutil.rmtree(tmp_path / "home" / "packs")
    assert pumps.get(f"/jobs/{job['id']}").json() == job
