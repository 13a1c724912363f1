"""No request of a client, however odd, is ever a fault of the server; and what it answers is what OpenAPI says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from edge.engine.scripted import ScriptedEngine, quote_opening
from edge.server.v1.requests import ChatCompletionRequest, EmbeddingRequest
from edge.server.v1.responses import ChatCompletion, Embeddings, Error
from tests.server.conftest import LocalClient

Start = Callable[..., Any]
MANY = hypothesis_settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.just("\ud800")
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
texts = st.text(max_size=40) | st.sampled_from(["grease", "bearing grams of grease", "\x00", "\ud800"])
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "developer"]) | scalars},
        optional={"content": texts | anything, "name": anything, "tool_calls": anything},
    ),
    max_size=4,
)
plausible: dict[str, st.SearchStrategy[Any]] = {
    "stream": st.booleans(),
    "edge": st.fixed_dictionaries({"grounded": st.booleans()}, optional={"packs": anything, "engine": texts}),
    "max_tokens": st.integers(-1, 2**70),
    "temperature": st.floats() | st.integers(0, 2),
    "top_p": st.floats(0, 1),
    "seed": st.integers(-(2**65), 2**65),
    "stop": texts | st.lists(texts, max_size=5),
    "logprobs": st.booleans(),
    "top_logprobs": st.integers(-1, 21),
    "n": st.integers(0, 2),
    "response_format": st.fixed_dictionaries(
        {"type": st.sampled_from(["text", "json_object", "json_schema"])},
        optional={
            "json_schema": st.fixed_dictionaries({"schema": anything}, optional={"name": anything}) | anything
        },
    ),
    "stream_options": st.fixed_dictionaries({}, optional={"include_usage": st.booleans()}) | anything,
    "tools": anything,
    "user": anything,
}
chats = st.fixed_dictionaries(
    {"model": st.sampled_from(["scripted", "edge-grounded"]) | texts, "messages": messages | anything},
    optional={name: likely | anything for name, likely in plausible.items()},
)


@pytest.fixture
def server(start: Start) -> LocalClient:
    client: LocalClient = start(ScriptedEngine(quote_opening), max_question_bytes=200)
    return client


def send(client: httpx.Client, path: str, body: bytes) -> httpx.Response:
    response = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code < 500, (response.text, body)
    if response.status_code != 200:
        TypeAdapter(Error).validate_python(response.json(), strict=True)
    return response


@MANY
@given(body=chats)
@example(body={"model": "scripted", "messages": [{"role": "user", "content": "\ud800"}]})
@example(body={"model": "scripted", "messages": [], "temperature": float("inf")})
def test_chats(server: LocalClient, body: Any) -> None:
    response = send(server, "/v1/chat/completions", json.dumps(body).encode())
    if response.status_code == 200 and not body.get("stream"):
        TypeAdapter(ChatCompletion).validate_python(response.json(), strict=True)
    elif response.status_code == 200:
        assert response.text.endswith("data: [DONE]\n\n") or '"error"' in response.text


@MANY
@given(
    body=st.fixed_dictionaries(
        {"model": texts, "input": texts | st.lists(texts, max_size=4) | anything},
        optional={
            "encoding_format": st.sampled_from(["float", "base64"]) | anything,
            "dimensions": st.integers() | anything,
        },
    )
)
def test_embeddings(bare: LocalClient, body: Any) -> None:
    name = bare.get("/v1/models").json()["data"][-1]["id"]
    response = send(bare, "/v1/embeddings", json.dumps(body | {"model": name}).encode())
    if response.status_code == 200:
        TypeAdapter(Embeddings).validate_python(response.json(), strict=True)


@MANY
@given(body=anything.map(json.dumps).map(str.encode) | st.binary(max_size=200))
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings"])
@example(body=b"[" * 100_000)
@example(body=b'{"model": 1' + b"0" * 5000 + b"}")
def test_any_bytes(server: LocalClient, path: str, body: bytes) -> None:
    send(server, path, body)


@pytest.mark.parametrize("model", [ChatCompletionRequest, EmbeddingRequest])
def test_openapi_describes_each_field_that_is_taken(server: LocalClient, model: Any) -> None:
    described = server.get("/openapi.json").json()["components"]["schemas"][model.__name__]
    assert set(described["properties"]) == set(model.model_fields)
    assert described.get("additionalProperties", True) is (model is ChatCompletionRequest)


@pytest.mark.parametrize("depth", [31, 33, 5000])
def test_a_schema_that_is_nested_too_deep_is_refused(server: LocalClient, depth: int) -> None:
    schema = '{"not":' * depth + "{}" + "}" * depth
    form = f'{{"type": "json_schema", "json_schema": {{"schema": {schema}}}}}'
    body = f'{{"model": "scripted", "messages": [{{"role": "user", "content": "a"}}], "response_format": {form}}}'
    response = send(server, "/v1/chat/completions", body.encode())
    assert response.status_code == (200 if depth < 32 else 400)
