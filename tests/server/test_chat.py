"""POST /chat, answered whole: the shape, conversations, and every kind of bad input."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from edge import shapes
from edge.server.body import MAX_BYTES

QUESTION = "How many grams of grease does the motor bearing take?"
SHARED = hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def ask(client: httpx.Client, message: str = QUESTION, **more: Any) -> httpx.Response:
    return client.post("/chat", json={"message": message, **more})


def test_an_answer_has_the_documented_shape_and_quotes_the_manual(client: httpx.Client) -> None:
    response = ask(client)
    answer = response.json()
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert list(answer) == [
        "answer",
        "refused",
        "mode",
        "citations",
        "warnings",
        "unverified",
        "conversation_id",
        "engine",
        "timings_ms",
        "receipt",
    ]
    assert "12 grams" in answer["answer"]
    assert (answer["refused"], answer["mode"], answer["engine"]) == (False, "extractive", "extractive")
    assert answer["timings_ms"]["evidence"] <= answer["timings_ms"]["total"]
    first = answer["citations"][0]
    assert list(first) == [
        "n",
        "pack",
        "version",
        "document",
        "page_from",
        "page_to",
        "heading",
        "text",
        "score",
        "signed",
        "boxes",
        "chunks",
    ]
    assert (first["pack"], first["version"], first["document"]) == ("pumps", "1.0", "pump.md")
    assert first["signed"] is False


def test_every_answer_conforms_to_its_schema(client: httpx.Client) -> None:
    for question in (QUESTION, "Who painted the Mona Lisa in Florence?", "How do I start the pump?"):
        TypeAdapter(shapes.Answer).validate_python(ask(client, question).json(), strict=True)


def test_what_the_packs_do_not_say_is_refused(client: httpx.Client) -> None:
    answer = ask(client, "Who painted the Mona Lisa in Florence?").json()
    assert (answer["refused"], answer["mode"]) == (True, "refused")


def test_a_conversation_is_remembered(client: httpx.Client) -> None:
    first = ask(client, "How many grams of grease does the motor bearing take?").json()
    second = ask(client, "And how often?", conversation_id=first["conversation_id"]).json()
    assert second["conversation_id"] == first["conversation_id"]
    assert "grease each year" in second["citations"][0]["text"]


def test_an_unknown_conversation_simply_begins(client: httpx.Client) -> None:
    answer = ask(client, conversation_id="never seen before").json()
    assert answer["conversation_id"] == "never seen before"


def test_each_question_without_a_conversation_begins_one(client: httpx.Client) -> None:
    assert ask(client).json()["conversation_id"] != ask(client).json()["conversation_id"]


def test_null_is_the_same_as_not_given(client: httpx.Client) -> None:
    nulls = dict.fromkeys(("conversation_id", "history", "equipment", "packs", "engine"))
    assert ask(client, **nulls).status_code == 200


@pytest.mark.parametrize(
    ("request_", "status", "kind", "detail"),
    [
        ({"message": ""}, 422, "usage", ""),
        ({"message": " \n"}, 422, "usage", ""),
        ({"message": "long " * 2000}, 422, "usage", ""),
        ({"message": QUESTION, "engine": "oracle"}, 422, "usage", "oracle"),
        ({"message": QUESTION, "packs": ["boats"]}, 404, "not-found", "boats"),
        ({}, 422, "validation", "message"),
        ([], 422, "validation", ""),
        ("text", 422, "validation", ""),
        ({"message": 7}, 422, "validation", "message"),
        ({"message": QUESTION, "pack": "pumps"}, 422, "validation", "pack"),
        ({"message": QUESTION, "stream": "perhaps"}, 422, "validation", "stream"),
        (
            {"message": QUESTION, "history": [{"role": "boss", "content": ""}]},
            422,
            "validation",
            "history.0.role",
        ),
        ({"message": QUESTION, "packs": ["a"] * 101}, 422, "validation", "packs"),
        ({"message": QUESTION, "equipment": "x" * 201}, 422, "validation", "equipment"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_bad_request_is_told_what_to_mend(
    client: httpx.Client, request_: Any, status: int, kind: str, detail: str, stream: bool
) -> None:
    if isinstance(request_, dict) and "stream" not in request_:
        request_ = request_ | {"stream": stream}
    response = client.post("/chat", json=request_)
    problem = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert response.status_code == problem["status"] == status
    assert problem["type"] == f"urn:edge:problem:{kind}"
    assert detail in problem["detail"]
    assert problem["hint"]
    if kind == "validation":
        assert detail in [error["field"] for error in problem["errors"]]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b'{"message": "caf\xe9"}', 400),
        (b'{"message": "\\ud800"}', 422),
        (b'{"message": NaN}', 422),
        (b"[" * 100_000, 400),
        (b"9" * 10_000, 400),
    ],
)
def test_a_body_that_is_not_json_text_is_a_problem_with_a_hint(
    client: httpx.Client, body: bytes, status: int
) -> None:
    response = client.post("/chat", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == status
    assert response.json()["hint"]


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_only_json_is_taken_as_json(client: httpx.Client, media_type: str | None) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    response = client.post("/chat", content=json.dumps({"message": QUESTION}), headers=headers)
    assert response.status_code == 415
    assert "Content-Type: application/json" in response.json()["hint"]


def _too_large() -> bytes:
    return json.dumps({"message": "x" * MAX_BYTES}).encode()


def test_a_body_of_more_than_a_mebibyte_is_refused(client: httpx.Client) -> None:
    response = client.post("/chat", content=_too_large(), headers={"Content-Type": "application/json"})
    assert response.status_code == 413
    assert response.json()["type"] == "urn:edge:problem:too-large"


def test_a_chunked_body_is_bounded_all_the_same(client: httpx.Client) -> None:
    body = _too_large()
    parts = (body[at : at + 65_536] for at in range(0, len(body), 65_536))
    response = client.post("/chat", content=parts, headers={"Content-Type": "application/json"})
    assert "content-length" not in response.request.headers
    assert response.status_code == 413


def test_a_large_question_within_that_is_refused_by_its_own_limit(client: httpx.Client) -> None:
    response = ask(client, "x" * 1_000_000)
    assert response.status_code == 422
    assert response.json()["type"] == "urn:edge:problem:usage"


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
near_misses = st.fixed_dictionaries(
    {"message": st.text() | any_json},
    optional={
        name: any_json | st.text(max_size=10)
        for name in ("conversation_id", "history", "equipment", "packs", "engine", "stream")
    }
    | {"engine": st.sampled_from(["extractive", "auto"]), "stream": st.booleans()},
)


@SHARED
@given(any_json | near_misses)
def test_no_json_makes_the_server_fail(client: httpx.Client, body: Any) -> None:
    response = client.post(
        "/chat", content=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    assert response.status_code in {200, 400, 404, 422}
    if response.status_code != 200:
        assert response.headers["content-type"] == "application/problem+json"
        TypeAdapter(shapes.Problem).validate_python(response.json())


@SHARED
@given(st.binary())
def test_no_bytes_make_the_server_fail(client: httpx.Client, body: bytes) -> None:
    response = client.post("/chat", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in {400, 422}
