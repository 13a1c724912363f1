"""Rows for other programs: JSON lines, open or sealed; Parquet where pyarrow is there."""

from __future__ import annotations

import builtins
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from edge.audit import export
from edge.audit.store import LogStore
from edge.errors import UsageError


def test_json_lines_hold_what_was_asked(filled: LogStore, tmp_path: Path) -> None:
    assert export.write_json_lines(export.list_rows(filled, 290), tmp_path / "rows.jsonl") == 10
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["row"] for row in rows] == list(range(290, 300))
    assert rows[0]["record"]["question"] == "How tight is bolt 290?"
    assert (rows[0]["who"], rows[0]["time"]) == ("person 2", "2026-09-21T14:18:10.000+00:00")


def test_sealed_rows_say_nothing_without_the_device(filled: LogStore) -> None:
    (row, *_) = export.list_rows(filled, sealed=True)
    assert set(row) == {"row", "time", "subject", "epoch", "receipt", "payload"}
    assert b64decode(row["payload"]) == filled.get_row(0).payload


def test_without_pyarrow_it_says_what_to_do(
    filled: LogStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match="pyarrow"):
        export.write_parquet(export.list_rows(filled), tmp_path / "rows.parquet")
    assert list(tmp_path.glob("*.parquet")) == []


def test_a_time_that_is_none_is_shown_as_it_is() -> None:
    assert export.format_time(10**18) == str(10**18)
