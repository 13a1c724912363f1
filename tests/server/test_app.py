"""The application as a whole: its OpenAPI document, and what it keeps to itself."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from edge import __version__

PUBLIC = {
    ("post", "/session"),
    ("post", "/chat"),
    ("get", "/search"),
    ("get", "/packs"),
    ("get", "/receipts/{receipt}"),
    ("get", "/packs/{pack}/changes"),
    ("post", "/citations/check"),
    ("get", "/packs/{pack}/procedures"),
    ("get", "/packs/{pack}/procedures/{procedure}"),
    ("post", "/feedback"),
    ("get", "/feedback"),
    ("get", "/notes"),
    ("post", "/notes"),
    ("delete", "/notes/{id}"),
    ("post", "/jobs"),
    ("get", "/jobs"),
    ("get", "/jobs/{id}"),
    ("post", "/jobs/{id}/warnings/{n}"),
    ("post", "/jobs/{id}/steps/{n}"),
    ("post", "/jobs/{id}/steps/{n}/photos"),
    ("get", "/jobs/{id}/photos/{photo}"),
    ("get", "/jobs/{id}/report.html"),
    ("get", "/jobs/{id}/report.json"),
    ("get", "/documents/{pack}/{document}"),
    ("get", "/documents/{pack}/{document}/contents"),
    ("get", "/documents/{pack}/{document}/find"),
    ("get", "/documents/{pack}/{document}/pages/{n}.png"),
    ("get", "/documents/{pack}/{document}/pages/{n}/places"),
    ("get", "/documents/{pack}/{document}/text"),
    ("get", "/equipment"),
    ("get", "/health"),
    ("get", "/metrics"),
    ("post", "/v1/chat/completions"),
    ("get", "/v1/models"),
    ("get", "/v1/models/{name}"),
    ("post", "/v1/embeddings"),
}


@pytest.fixture(scope="session")
def document(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def test_openapi_lists_exactly_the_public_endpoints(document: dict[str, Any]) -> None:
    listed = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert listed == PUBLIC
    assert document["info"]["version"] == __version__


def test_every_endpoint_documents_its_success_and_its_problems(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert set(operation["responses"]) == {"200", "default"}, path
            problem = "application/json" if path.startswith("/v1/") else "application/problem+json"
            assert set(operation["responses"]["default"]["content"]) == {problem}
            assert operation["summary"]


def test_every_reference_leads_to_a_shape(document: dict[str, Any]) -> None:
    names = re.findall(r'"\$ref": "([^"]*)"', json.dumps(document))
    assert names
    assert set(names) <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


def test_chat_documents_both_of_its_forms(document: dict[str, Any]) -> None:
    content = document["paths"]["/chat"]["post"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "text/event-stream"}
    assert content["application/json"]["schema"]["$ref"].endswith("/Answer")


def test_pages_are_documented_as_pictures(document: dict[str, Any]) -> None:
    operation = document["paths"]["/documents/{pack}/{document}/pages/{n}.png"]["get"]
    assert set(operation["responses"]["200"]["content"]) == {"image/png"}


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/packs/"])
def test_nothing_else_is_served(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_telemetry_stays_off_whatever_the_environment_says(
    edge: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge.server.app import create_app

    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    assert not any(
        create_app(edge)._telemetry[name] for name in ("tracing", "metrics", "logs", "auto_configure")
    )
