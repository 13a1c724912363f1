from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.errors import ModelError
from tests.engine.chain_model import write_chain_lora, write_chain_model
from tests.models.hub_server import Hub, serve

Edge = Callable[..., Any]
TINY = Path(__file__).parents[1] / "tiny_model" / "tiny.gguf"


def test_the_first_model_is_used_until_another_is_chosen(edge: Edge, home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(TINY.read_bytes())
    assert "edge model add" in edge("model", "list").out
    assert edge("model", "add", str(TINY)).out.endswith(" is in use\n")
    assert edge("model", "add", str(other)).out.endswith("edge model use other\n")
    assert edge("model", "use", "other").out == "other is in use\n"
    models = json.loads(edge("model", "list", "--json").out)["models"]
    assert [(model["name"], model["active"]) for model in models] == [("other", True), ("tiny", False)]
    size = f"{TINY.stat().st_size / 1e6:.1f}"
    assert edge("model", "list").out.splitlines()[1].split() == [
        "other",
        size,
        "MB",
        "installed",
        "in",
        "use",
    ]


def test_what_is_not_a_model_is_refused(edge: Edge, home: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.gguf"
    empty.touch()
    result = edge("model", "add", str(empty))
    assert result.code == ModelError.exit_code
    assert "hint: " in result.err
    assert json.loads(edge("model", "list", "--json").out) == {"models": []}


def test_a_model_is_pulled_from_a_hub(edge: Edge, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(Hub(files={"tiny-Q8_0.gguf": TINY.read_bytes(), "tiny-Q4_0.gguf": TINY.read_bytes()})) as hub:
        monkeypatch.setenv("EDGE_HUB", hub.address)
        several = edge("model", "pull", "owner/model-GGUF")
        assert several.code == 2
        assert "tiny-Q8_0.gguf" in several.err
        result = edge("model", "pull", "hf:owner/model-GGUF:Q8_0")
    assert result.out == f"tiny-Q8_0 ({TINY.stat().st_size / 1e6:.1f} MB) is in use\n"
    assert "ask" in result.err


def test_an_adapter_is_used_with_a_model(edge: Edge, home: Path, tmp_path: Path) -> None:
    edge("model", "add", str(write_chain_model(tmp_path / "chain.gguf", "ab")))
    adapter = write_chain_lora(tmp_path / "short.gguf", "a")
    assert edge("model", "add", str(adapter)).out.endswith("edge model use MODEL --lora short\n")
    assert edge("model", "use", "chain", "--lora", "short:0.5").out == "chain is in use with short\n"
    rows = [line.split() for line in edge("model", "list").out.splitlines()[1:]]
    assert [row[0] for row in rows] == ["chain", "short"]
    assert rows[1][-3:] == ["in", "use", "adapter"]
    models = json.loads(edge("model", "list", "--json").out)["models"]
    assert [model["kind"] for model in models] == ["model", "adapter"]
    assert edge("model", "use", "chain", "--lora", "short:x").code == 2


def test_remove_asks(edge: Edge, home: Path) -> None:
    edge("model", "add", str(TINY))
    assert "--yes" in edge("model", "remove", "tiny").err
    assert edge("model", "remove", "tiny", "--yes").out == "Deleted tiny.\n"
    assert edge("model", "use", "tiny").code == 3
