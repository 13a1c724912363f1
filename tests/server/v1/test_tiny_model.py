"""All of it together: OpenAI's client, the server, a pack, and a real language model that copies and cites."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from openai import OpenAI

from edge.app import Edge
from edge.config import Settings
from edge.models.store import ModelStore
from tests.server.conftest import serve

TINY = Path(__file__).parents[2] / "tiny_model" / "tiny.gguf"
QUESTION = "How many grams of grease does the motor bearing take?"


@pytest.fixture(scope="module")
def client(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    home = tmp_path_factory.mktemp("tiny") / "home"
    shutil.copytree(settings.home / "packs", home / "packs", symlinks=True)
    mine = replace(settings, home=home, engine="auto", threads=1)
    ModelStore(mine).add(TINY)
    with (
        Edge(mine) as edge,
        serve(edge) as server,
        OpenAI(base_url=f"{server.base_url}/v1", api_key="unused", max_retries=0, timeout=60) as made,
    ):
        yield made


def test_the_model_is_listed_and_answers(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["edge-grounded", "llama:tiny"]
    passage = "Passages:\n[1] a.md, page 1\nThe pump runs dry.\n\nQuestion: What does it do?"
    for model in ("llama:tiny", "tiny"):
        answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": passage}])
        assert answer.choices[0].message.content is not None
        assert answer.choices[0].message.content.startswith("The pump runs dry.")


@pytest.mark.parametrize("stream", [False, True])
def test_the_packs_are_answered_from_with_it(client: OpenAI, stream: bool) -> None:
    asked = client.chat.completions.create(
        model="edge-grounded", messages=[{"role": "user", "content": QUESTION}], stream=stream
    )
    last = [*asked][-1] if stream else asked  # type: ignore[misc]
    assert last.edge["mode"] == "generated"  # type: ignore[union-attr]
    assert last.edge["engine"] == "llama:tiny"  # type: ignore[union-attr]
    assert last.edge["answer"] == "The motor bearing takes 12 grams of grease each year. [1]"  # type: ignore[union-attr]
