from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.errors import ModelError

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
    assert edge("model", "list").out.splitlines()[1].split() == ["other", size, "MB", "in", "use"]


def test_what_is_not_a_model_is_refused(edge: Edge, home: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.gguf"
    empty.touch()
    result = edge("model", "add", str(empty))
    assert result.code == ModelError.exit_code
    assert "hint: " in result.err
    assert json.loads(edge("model", "list", "--json").out) == {"models": []}


def test_remove_asks(edge: Edge, home: Path) -> None:
    edge("model", "add", str(TINY))
    assert "--yes" in edge("model", "remove", "tiny").err
    assert edge("model", "remove", "tiny", "--yes").out == "Deleted tiny.\n"
    assert edge("model", "use", "tiny").code == 3
