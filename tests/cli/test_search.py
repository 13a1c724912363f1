from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Edge = Callable[..., Any]


def test_passages_with_their_place(edge: Edge, ready: Path) -> None:
    out = edge("search", "E 207").out
    assert out.startswith("Found in pumps 1.2  UNSIGNED\n\n[1] faults.csv, row 2\n")
    assert "blocked condensate drain" in out


def test_json(edge: Edge, ready: Path) -> None:
    found = json.loads(edge("search", "housing bolts torque", "-k", "1", "--json").out)
    assert set(found) == {"results", "ms"}
    assert [result["document"] for result in found["results"]] == ["px-200.md"]


def test_k_is_at_least_one(edge: Edge, ready: Path) -> None:
    result = edge("search", "pump", "-k", "0")
    assert result.code == 2
    assert "-k" in result.err


def test_nothing_found_is_said(edge: Edge, ready: Path) -> None:
    result = edge("search", "zzzzqqqq")
    assert (result.code, result.out.splitlines()[0]) == (0, "Nothing found.")
