"""POST /v1/embeddings through OpenAI's client, with the embedder that comes with edge."""

from __future__ import annotations

import base64
import threading
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from openai import OpenAI
from pydantic import TypeAdapter

from edge.app import Edge
from edge.engine.interface import Vectors
from edge.engine.scripted import ScriptedEmbedder
from edge.server.v1 import embeddings
from edge.server.v1.responses import Embeddings
from tests.server.conftest import LocalClient, serve

TEXTS = ["The pump has lost its prime.", "There is air in the pump.", "Invoices are sent on Friday."]


@pytest.fixture(scope="session")
def model(bare: LocalClient) -> str:
    name: str = bare.get("/v1/models").json()["data"][-1]["id"]
    return name


def test_vectors_are_those_that_search_works_with(grounded: OpenAI, model: str) -> None:
    answer = grounded.embeddings.create(model=model, input=TEXTS)
    prime, air, invoices = (np.array(one.embedding) for one in answer.data)
    assert np.allclose([np.linalg.norm(one) for one in (prime, air, invoices)], 1, atol=1e-5)
    assert prime @ air > 0.4 > prime @ invoices
    assert [one.index for one in answer.data] == [0, 1, 2]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 10


def test_floats_and_base64_are_the_same_numbers(bare: LocalClient, model: str) -> None:
    def of(form: str) -> Any:
        body = {"model": model, "input": TEXTS[0], "encoding_format": form}
        return bare.post("/v1/embeddings", json=body).json()

    floats, encoded = of("float"), of("base64")
    decoded = np.frombuffer(base64.b64decode(encoded["data"][0]["embedding"]), "<f4")
    assert np.array_equal(np.array(floats["data"][0]["embedding"], "f4"), decoded)
    TypeAdapter(Embeddings).validate_python(floats, strict=True)
    TypeAdapter(Embeddings).validate_python(encoded, strict=True)


def test_many_texts_keep_their_order(grounded: OpenAI, model: str) -> None:
    texts = [f"text {n}" for n in range(3 * embeddings.AT_A_TIME + 1)]
    together = grounded.embeddings.create(model=model, input=texts).data
    alone = grounded.embeddings.create(model=model, input=texts[-1]).data[0]
    assert np.allclose(together[-1].embedding, alone.embedding, atol=1e-6)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"input": ""}, "at least 1"),
        ({"input": []}, "at least 1"),
        ({"input": ["a", ""]}, "at least 1"),
        ({"input": [1, 2]}, "string"),
        ({"input": "word " * 300}, "the embedder reads 254"),
        ({"input": "a", "dimensions": 100}, "384"),
        ({"input": "a", "encoding_format": "hex"}, "float"),
        ({"input": "a", "more": 1}, "not permitted"),
    ],
)
def test_what_cannot_be_embedded_is_told(bare: LocalClient, model: str, body: Any, says: str) -> None:
    response = bare.post("/v1/embeddings", json={"model": model} | body)
    assert response.status_code == 400
    assert says in response.json()["error"]["message"]


def test_another_model_is_not_found(grounded: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="ada"):
        grounded.embeddings.create(model="ada", input="a")


def test_without_an_embedder_it_says_so(client: httpx.Client) -> None:
    response = client.post("/v1/embeddings", json={"model": "minilm", "input": "a"})
    assert response.status_code == 404
    assert "keyword" in response.json()["error"]["message"]


def test_a_client_that_goes_ends_the_work(edge: Edge) -> None:
    class SlowEmbedder(ScriptedEmbedder):
        begun, go, parts = threading.Event(), threading.Event(), 0

        def embed(self, texts: Sequence[str]) -> Vectors:
            self.parts += 1
            self.begun.set()
            assert self.go.wait(10)
            return super().embed(texts)

    slow = SlowEmbedder()
    with Edge(edge.settings) as other:
        other.embedder = slow  # type: ignore[assignment]
        with serve(other) as server:
            body = {"model": "scripted", "input": ["a"] * 400}
            with pytest.raises(httpx.ReadTimeout):
                server.post("/v1/embeddings", json=body, timeout=httpx.Timeout(10, read=2))
            assert slow.begun.is_set()
            while 'route="/v1/embeddings",status="499"' not in server.get("/metrics").text:
                pass
            slow.go.set()
    assert slow.parts == 1
