"""Every error is a problem document with a hint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

import edge.server.body
import edge.server.chat
import edge.server.security  # noqa: F401  (all subclasses of EdgeError are known once these are imported)
from edge import shapes
from edge.errors import EdgeError
from edge.server.problems import describe_error, respond_with
from edge.types import Prompt, never

Start = Callable[..., Any]


def tree(root: type[EdgeError]) -> Iterator[type[EdgeError]]:
    yield root
    for branch in root.__subclasses__():
        yield from tree(branch)


@pytest.mark.parametrize("kind", sorted(set(tree(EdgeError)), key=lambda kind: kind.__name__))
def test_every_error_of_the_tree_is_a_problem(kind: type[EdgeError]) -> None:
    error = kind("It happened.", "Do this.")
    response = respond_with(error, "/chat")
    problem = describe_error(error, "/chat")
    TypeAdapter(shapes.Problem).validate_python(problem, strict=True)
    assert response.media_type == "application/problem+json"
    assert response.status_code == problem["status"] == kind.http_status
    assert (problem["title"], problem["detail"], problem["hint"]) == (kind.title, "It happened.", "Do this.")
    assert problem["type"].startswith("urn:edge:problem:")


def test_types_are_distinct() -> None:
    types = [describe_error(kind(""), "")["type"] for kind in set(tree(EdgeError))]
    assert len(set(types)) == len(types)


def test_an_unknown_path(client: httpx.Client) -> None:
    response = client.get("/absent")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Not Found",
        "instance": "/absent",
        "hint": "GET /openapi.json lists what there is.",
    }


@pytest.mark.parametrize(("path", "status"), [("/v1/absent", 404), ("/v1/embeddings", 405)])
def test_an_error_of_http_itself_has_no_code_for_openais_clients(
    client: httpx.Client, path: str, status: int
) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert response.json()["error"]["code"] is None


def test_a_method_that_is_not_allowed(client: httpx.Client) -> None:
    response = client.get("/chat")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.json()["hint"] == "Allowed: POST."


class FailingEngine:
    """Has a mistake in it."""

    name = "failing"

    def fits(self, prompt: Prompt) -> bool:
        return True

    def stream(self, prompt: Prompt, cancelled: Callable[[], bool] = never) -> Iterator[str]:
        raise ZeroDivisionError("secret detail")

    def close(self) -> None:
        pass


def test_what_nobody_foresaw_is_told_without_its_detail(start: Start) -> None:
    question = {"message": "How many grams of grease does the motor bearing take?"}
    client = start(FailingEngine())
    response = client.post("/chat", json=question)
    assert response.status_code == 500
    assert response.json()["type"] == "urn:edge:problem:internal"
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"
    assert 'route="/chat",status="500"} 1' in client.get("/metrics").text
