"""Random models are loaded by llama.cpp, count as they say, and never end an answer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from llama_cpp import Llama

from tests.bench.random_model import Shape, make_text, write

VOCABULARY = 20_256 + 3


@pytest.fixture(scope="module", params=["q4_k_m", "q8_0", "f16"])
def llama(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Llama]:
    path = tmp_path_factory.mktemp("random") / "model.gguf"
    write(path, Shape("test", "qwen2", 3, 256, 512, 4, 2, VOCABULARY, 512, request.param))
    model = Llama(str(path), n_ctx=512, n_threads=1, verbose=False)
    yield model
    model.close()


def test_a_text_has_as_many_tokens_as_were_asked_for(llama: Llama) -> None:
    tokens = llama.tokenize(make_text(100).encode(), add_bos=False)
    assert len(tokens) == 100
    assert llama.detokenize(tokens).decode() == make_text(100)


def test_texts_differ_by_their_seed() -> None:
    assert make_text(50, seed=1) == make_text(50, seed=1) != make_text(50, seed=2)


def test_an_answer_goes_on_until_it_is_cut(llama: Llama) -> None:
    reply = llama.create_chat_completion(
        [{"role": "user", "content": make_text(20)}], temperature=0, max_tokens=200
    )
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["usage"]["completion_tokens"] == 200


def test_greedy_text_is_no_loop(llama: Llama) -> None:
    tokens = []
    for token in llama.generate(llama.tokenize(make_text(20).encode(), add_bos=False), temp=0.0):
        tokens.append(token)
        if len(tokens) == 100:
            break
    assert len(set(pairwise(tokens))) > 80
