"""A model inside another file writes what it writes from a file of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge.engine.llama import LlamaEngine
from edge.errors import EngineError
from tests.engine.conftest import ANSWER, make_prompt
from tests.engine.workers import make_writer

OFFSET = 65536


@pytest.fixture
def around(model: Path, tmp_path: Path) -> Path:
    """A file with the model in its middle."""
    path = tmp_path / "program"
    path.write_bytes(bytes(OFFSET) + model.read_bytes() + b"what follows it" * 999)
    return path


def test_it_answers_from_within(around: Path) -> None:
    engine = LlamaEngine(replace(make_writer(around, 512), offset=OFFSET))
    assert "".join(engine.stream(make_prompt())) == ANSWER
    engine.close()


def test_where_no_model_begins_it_is_refused(around: Path) -> None:
    engine = LlamaEngine(replace(make_writer(around, 512), offset=OFFSET + 32))
    with pytest.raises(EngineError):
        "".join(engine.stream(make_prompt()))
    engine.close()
