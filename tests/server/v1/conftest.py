"""OpenAI's own client, of a real server with a real model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from openai import OpenAI

from edge.app import Edge, Mode
from edge.config import Settings
from edge.engine.llama import LlamaEngine
from tests.engine.chain_model import write_chain_model
from tests.engine.workers import make_writer
from tests.server.conftest import LocalClient, Start, serve

TEXT = "Use 25µl"
OpenAIOf = Callable[[LocalClient], OpenAI]


@pytest.fixture
def openai_of() -> Iterator[OpenAIOf]:
    """OpenAI's client of a server."""
    with ExitStack() as stack:
        yield lambda client: stack.enter_context(
            OpenAI(base_url=f"{client.base_url}/v1", api_key="unused", max_retries=0, timeout=20)
        )


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real GGUF that says TEXT, whatever it is asked."""
    return write_chain_model(tmp_path_factory.mktemp("models") / "chain.gguf", TEXT)


@pytest.fixture
def llama(chain: Path) -> Iterator[LlamaEngine]:
    engine = LlamaEngine(make_writer(chain, 512))
    yield engine
    engine.close()


@pytest.fixture
def openai(start: Start, llama: LlamaEngine, openai_of: OpenAIOf) -> OpenAI:
    """A client of a server with that model in use, through llama.cpp."""
    return openai_of(start(llama, max_output_tokens=128))


@pytest.fixture(scope="session")
def bare(settings: Settings) -> Iterator[LocalClient]:
    """A server with packs and the embedder, without a language model."""
    with Edge(replace(settings, embedder=""), Mode.SERVER) as edge, serve(edge) as started:
        yield started


@pytest.fixture
def grounded(bare: LocalClient, openai_of: OpenAIOf) -> OpenAI:
    """OpenAI's client of it."""
    return openai_of(bare)
