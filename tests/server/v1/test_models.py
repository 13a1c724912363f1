"""GET /v1/models through OpenAI's client."""

from __future__ import annotations

import pytest
from openai import NotFoundError, OpenAI
from pydantic import TypeAdapter

from edge.engine.scripted import ScriptedEngine
from edge.server.v1.responses import Models
from tests.server.conftest import LocalClient, Start
from tests.server.v1.conftest import OpenAIOf


def names(client: OpenAI) -> list[str]:
    return [model.id for model in client.models.list()]


def test_the_packs_answer_under_a_name_of_their_own_even_without_a_language_model(
    start: Start, openai_of: OpenAIOf
) -> None:
    assert names(openai_of(start())) == ["edge-grounded"]


def test_one_model_is_described_as_it_is_listed(start: Start, openai_of: OpenAIOf) -> None:
    client = openai_of(start())
    assert client.models.retrieve("edge-grounded") == client.models.list().data[0]
    with pytest.raises(NotFoundError) as caught:
        client.models.retrieve("org/other")
    assert caught.value.code == "model_not_found"


def test_the_embedder_is_listed(grounded: OpenAI) -> None:
    first, embedder = names(grounded)
    assert first == "edge-grounded"
    assert len(grounded.embeddings.create(model=embedder, input="a").data) == 1


def test_the_language_model_is_listed_by_the_name_it_answers_to(start: Start, openai_of: OpenAIOf) -> None:
    client = openai_of(start(ScriptedEngine(["a"])))
    assert names(client) == ["edge-grounded", "scripted"]
    answer = client.chat.completions.create(model="scripted", messages=[{"role": "user", "content": "b"}])
    assert answer.choices[0].message.content == "a"


def test_the_room_of_the_language_model_is_told(start: Start) -> None:
    client = start(ScriptedEngine(), max_input_tokens=300, max_output_tokens=100)
    body = client.get("/v1/models").json()
    assert body["data"][1]["max_model_len"] == 400
    TypeAdapter(Models).validate_python(body, strict=True)


def test_an_engine_that_cannot_be_made_is_not_listed(start: Start, openai_of: OpenAIOf) -> None:
    assert names(openai_of(start(engine="openai"))) == ["edge-grounded"]


def test_it_asks_for_the_token_as_everything_does(start: Start, openai_of: OpenAIOf) -> None:
    server: LocalClient = start(host="0.0.0.0", token="correct horse")
    refused = server.get("/v1/models")
    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == "invalid_api_key"
    with OpenAI(base_url=f"{server.base_url}/v1", api_key="correct horse", max_retries=0) as client:
        assert names(client) == ["edge-grounded"]


def test_a_foreign_page_may_not_ask(start: Start) -> None:
    response = start().get("/v1/models", headers={"Origin": "https://evil.example"})
    assert response.status_code == 403
    assert response.json()["error"]["type"] == "permission_error"
