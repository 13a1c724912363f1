from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Edge = Callable[..., Any]


def test_a_line_for_every_check(edge: Edge, ready: Path) -> None:
    result = edge("doctor")
    assert result.code == 0
    assert "ok    sqlite     SQLite " in result.out
    assert "warn  pack       pumps 1.2, UNSIGNED, 2 documents, installed today" in result.out


def test_json(edge: Edge, ready: Path) -> None:
    checks = json.loads(edge("doctor", "--json").out)["checks"]
    assert {check["name"] for check in checks} >= {
        "python", "processor", "memory", "home", "sqlite", "embedder", "pack", "model",
    }  # fmt: skip
    assert {check["status"] for check in checks} <= {"ok", "warn"}


def test_exit_code_1_when_something_is_wrong(edge: Edge, home: Path, kpack: Path) -> None:
    edge("pack", "install", str(kpack), "--unsigned")
    (file,) = home.rglob("*.kpack")
    file.write_bytes(b"nothing")
    result = edge("doctor")
    assert result.code == 1
    assert "\nfail  pack       pumps: " in result.out
