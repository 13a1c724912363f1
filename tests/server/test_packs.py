"""GET /packs and GET /health."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from pydantic import TypeAdapter

from edge import __version__, shapes
from edge.packs.pointer import POINTER

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
