"""Real models for real workers: chains of tokens (see chain_model.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.engine.llama import LlamaEngine
from edge.types import Message, Prompt
from tests.engine.chain_model import write_chain_model
from tests.engine.workers import make_writer

ANSWER = "Öl 25µ✓"

MakeEngine = Callable[..., LlamaEngine]


def make_prompt(text: str = "How much oil?", max_tokens: int = 64, system: str = "Answer.") -> Prompt:
    return Prompt(text, (), (Message("system", system), Message("user", text)), max_tokens)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Answers everything with ANSWER."""
    return write_chain_model(tmp_path_factory.mktemp("models") / "chain.gguf", ANSWER)


@pytest.fixture(scope="session")
def endless_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Counts from 1 to 9 until its context is full."""
    path = tmp_path_factory.mktemp("models") / "endless.gguf"
    return write_chain_model(path, "123456789", endless=True, context=4096)


@pytest.fixture
def engine(model: Path) -> Iterator[LlamaEngine]:
    engine = LlamaEngine(make_writer(model, 512))
    yield engine
    engine.close()


@pytest.fixture
def endless(endless_model: Path) -> Iterator[LlamaEngine]:
    engine = LlamaEngine(make_writer(endless_model, 4096))
    yield engine
    engine.close()
