"""GET /packs and GET /health."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
from pydantic import TypeAdapter

from edge import __version__, shapes
from edge.config import Settings
from edge.database import open_writable
from edge.doctor.search import check_packs
from edge.packs.format import TRAILER_BYTES, seal
from edge.packs.pointer import POINTER
from edge.packs.store import PackStore
from tests.conftest import BuildPack

Start = Callable[..., Any]


def damaged_home(home: Path) -> Path:
    (home / "packs" / "pumps").mkdir(parents=True)
    (home / "packs" / "pumps" / POINTER).write_text("{")
    return home


def test_installed_packs_are_listed(client: httpx.Client) -> None:
    listed = client.get("/packs").json()
    TypeAdapter(shapes.Packs).validate_python(listed, strict=True)
    (pack,) = listed["packs"]
    assert (pack["name"], pack["version"], pack["title"]) == ("pumps", "1.0", "Pump manuals")
    assert pack["signed"] is False
    assert listed["problems"] == []


def test_a_pack_that_cannot_be_used_is_listed_with_what_to_do(start: Start, tmp_path: Path) -> None:
    listed = start(home=damaged_home(tmp_path)).get("/packs").json()
    assert listed["packs"] == []
    (problem,) = listed["problems"]
    assert problem["name"] == "pumps"
    assert problem["hint"]


def test_health_tells_version_packs_engine_and_status(client: httpx.Client) -> None:
    assert client.get("/health").json() == {
        "status": "ok",
        "version": __version__,
        "packs": 1,
        "engine": "extractive",
    }


def test_without_a_pack_health_is_degraded(start: Start, tmp_path: Path) -> None:
    health = start(home=tmp_path).get("/health")
    assert health.status_code == 200
    assert (health.json()["status"], health.json()["packs"]) == ("degraded", 0)


def test_with_a_damaged_pack_health_is_degraded(start: Start, tmp_path: Path) -> None:
    assert start(home=damaged_home(tmp_path)).get("/health").json()["status"] == "degraded"


def test_with_an_engine_that_cannot_be_made_health_is_degraded(start: Start) -> None:
    health = start(engine="llama").get("/health").json()
    assert (health["status"], health["engine"]) == ("degraded", "llama")


def test_without_a_pack_a_question_says_what_to_install(start: Start, tmp_path: Path) -> None:
    response = start(home=tmp_path).post("/chat", json={"message": "How do I start the pump?"})
    assert response.status_code == 409
    assert response.json()["type"] == "urn:edge:problem:nothing-installed"
    assert "edge pack install" in response.json()["hint"]


def test_a_pack_that_fails_when_asked_is_set_aside_and_the_others_answer(
    start: Start, home: Path, tmp_path: Path, build_pack: BuildPack
) -> None:
    """As an older edge may have installed it: sealed, but its document has no title that can be read."""
    shutil.copytree(home, tmp_path / "home")
    store = PackStore(Settings(home=tmp_path / "home"))
    manual = {"crane.md": "# Crane\n\nPrime the pump of the crane before you start it."}
    path = store.install(build_pack(manual, name="crane"), allow_unsigned=True).pack.path
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-TRAILER_BYTES])
    with closing(open_writable(path)) as connection:
        connection.execute("UPDATE document SET title = x'ff'")
    seal(path)
    client = start(home=tmp_path / "home")
    assert client.get("/health").json()["status"] == "ok"  # opening reads no rows
    answer = client.post("/chat", json={"message": "How do I start the pump?"}).json()
    assert {cited["pack"] for cited in answer["citations"]} == {"pumps"}, answer
    assert client.get("/health").json()["status"] == "degraded"
    listed = client.get("/packs").json()
    assert [pack["name"] for pack in listed["packs"]] == ["pumps"]
    assert [problem["name"] for problem in listed["problems"]] == ["crane"]
    assert "title" in str(listed["problems"][0])
    (failed,) = [check for check in check_packs(store, None) if check.status == "fail"]
    assert "title" in failed.detail


def test_what_changed_between_two_versions_is_told_and_old_citations_are_checked(
    start: Start, tmp_path: Path, build_pack: BuildPack
) -> None:
    store = PackStore(Settings(home=tmp_path / "home"))
    manual = "# Crane\n\n## Torque\n\nThe hook bolt is tightened to 88 Nm.\n"
    store.install(build_pack({"crane.md": manual}, name="crane"), allow_unsigned=True)
    client = start(home=tmp_path / "home")
    answer = client.post("/chat", json={"message": "What torque for the hook bolt?"}).json()
    assert "88 Nm" in answer["answer"]
    citations = {"citations": answer["citations"]}
    assert client.post("/citations/check", json=citations).json()["changed"] is False
    newer = build_pack({"crane.md": manual.replace("88", "95")}, name="crane", version="2.0")
    store.install(newer, allow_unsigned=True)
    found = client.get("/packs/crane/changes").json()
    assert [change["said"] for change in found["changes"]] == ["88 Nm is now 95 Nm, crane.md page 1 (Torque)"]
    checked = client.post("/citations/check", json=citations).json()
    assert checked["changed"] is True
    assert checked["citations"][0]["status"] == "changed"
    assert client.get("/packs/crane/changes", params={"old": "7"}).status_code == 404
    assert client.post("/citations/check", json={"citations": [{"pack": "crane"}]}).status_code == 422
