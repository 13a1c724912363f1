"""``edge audit``: list, verify, export, rotate, erase; receipts checked and replayed; meetings on a stick."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

Edge = Callable[..., Any]
QUESTION = "What torque do the housing bolts of the pump need?"


@pytest.fixture
def recorded(edge: Edge, home: Path, kpack: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a pack, of which two questions were asked."""
    monkeypatch.setenv("EDGE_EMBEDDER", "none")
    monkeypatch.setenv("EDGE_SUBJECT", "anna")
    monkeypatch.setenv("EDGE_DEVICE", "van7")
    edge("pack", "install", str(kpack), "--unsigned")
    edge("ask", QUESTION, "--receipt", str(home.with_name("r.txt")))
    edge("ask", "Who won the football world cup in 1974?")
    return home


def test_without_a_log_it_says_how_one_begins(edge: Edge, home: Path) -> None:
    for command in ("show", "verify", "rotate"):
        result = edge("audit", command)
        assert result.code == 3
        assert "first question" in result.err


def test_rows_are_listed_and_shown_whole(edge: Edge, recorded: Path) -> None:
    out = edge("audit", "show").out
    assert [line.split()[2:4] for line in out.splitlines()[1:]] == [["anna", "answered"], ["anna", "refused"]]
    assert json.loads(edge("audit", "show", "0").out)["record"]["question"] == QUESTION
    assert len(json.loads(edge("audit", "show", "--json").out)["rows"]) == 2
    assert edge("audit", "show", "7").code == 3


def test_it_verifies_and_names_the_row_that_was_changed(edge: Edge, recorded: Path) -> None:
    assert "2 rows: nothing differs." in edge("audit", "verify").out
    with apsw.Connection(str(recorded / "audit" / "log.sqlite")) as file:
        file.execute("DROP TRIGGER entry_stays; UPDATE entry SET time = time + 1 WHERE id = 1")
    result = edge("audit", "verify")
    assert (result.code, "row 1" in result.out) == (4, True)
    assert json.loads(edge("audit", "verify", "--json").out)["row"] == 1
    assert "audit" in [check["name"] for check in json.loads(edge("doctor", "--json").out)["checks"]]


def test_an_erased_subject_is_gone_from_list_and_export(edge: Edge, recorded: Path, tmp_path: Path) -> None:
    assert edge("audit", "erase", "ben", "--yes").code == 3
    assert edge("audit", "erase", "anna").code == 2
    assert edge("audit", "erase", "anna", "--before", "2020-01-01", "--yes").code == 0
    assert "answered" in edge("audit", "show").out
    assert edge("audit", "erase", "anna", "--yes").code == 0
    assert "answered" not in edge("audit", "show").out
    edge("audit", "export", str(tmp_path / "rows.jsonl"))
    assert "housing" not in (tmp_path / "rows.jsonl").read_text()
    assert edge("audit", "verify").code == 0


def test_sealed_rows_go_into_json_lines_only(edge: Edge, recorded: Path, tmp_path: Path) -> None:
    assert "Wrote 2 rows" in edge("audit", "export", str(tmp_path / "rows.jsonl"), "--sealed").out
    assert "housing" not in (tmp_path / "rows.jsonl").read_text()
    assert edge("audit", "export", str(tmp_path / "rows.parquet"), "--sealed").code == 2
    assert edge("audit", "rotate").out.startswith("New keys")


def test_a_receipt_is_checked_without_the_device(
    edge: Edge, recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt, key = str(recorded.with_name("r.txt")), str(recorded / "audit" / "device.vkey")
    text = Path(receipt).read_text()
    Path(receipt).with_name("vkey").write_text(Path(key).read_text())
    assert "The receipt holds." in edge("audit", "check", receipt, "--key", key).out
    monkeypatch.setenv("EDGE_HOME", str(tmp_path / "elsewhere"))
    result = edge("audit", "check", receipt)
    assert result.code == 0
    assert "compare it with the device's" in result.out
    assert QUESTION in result.out
    assert "25 Nm" in result.out
    shape = json.loads(edge("audit", "check", "-", "--json", input=text).out)
    assert (shape["holds"], shape["known"], shape["row"]) == (True, False, 0)
    assert not (tmp_path / "elsewhere").exists()
    wrong = edge("audit", "check", "-", input=text.replace("25 Nm", "52 Nm"))
    assert (wrong.code, "was changed" in wrong.err) == (5, True)
    assert edge("audit", "check", "none.txt").code == 3


def test_a_receipt_of_another_key_is_refused(edge: Edge, recorded: Path) -> None:
    other = "example/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    result = edge("audit", "check", str(recorded.with_name("r.txt")), "--key", other)
    assert result.code == 5


def test_a_receipt_is_replayed_and_told_what_differs(
    edge: Edge, recorded: Path, source: Path, tmp_path: Path
) -> None:
    receipt = str(recorded.with_name("r.txt"))
    result = edge("audit", "replay", receipt)
    assert (result.code, result.out) == (0, "The same answer.\n")
    newer = tmp_path / "newer"
    newer.mkdir()
    for file in source.iterdir():
        data = file.read_bytes().replace(b"25 Nm", b"28 Nm").replace(b'"1.2"', b'"1.3"')
        (newer / file.name).write_bytes(data)
    edge("pack", "build", str(newer), "-o", str(tmp_path / "new.kpack"))
    edge("pack", "install", str(tmp_path / "new.kpack"), "--unsigned")
    shape = json.loads(edge("audit", "replay", receipt, "--json").out)
    assert (shape["same"], shape["changes"]) == (False, ["The pack pumps was 1.2 and is 1.3."])
    assert "28 Nm" in shape["differences"][0]
    edge("pack", "remove", "pumps", "--yes")
    assert edge("audit", "replay", receipt).code == 3


def test_the_receipt_of_an_older_answer_can_be_had(edge: Edge, recorded: Path, tmp_path: Path) -> None:
    assert edge("audit", "receipt", "0").out.startswith("edge.audit/receipt@v1\n")
    assert edge("audit", "receipt", "0", "--qr").out.count("\n") > 20
    assert edge("audit", "receipt", "1", str(tmp_path / "r.svg")).code == 0
    assert (tmp_path / "r.svg").exists()
    assert edge("audit", "receipt", "9").code == 3


def test_no_receipt_where_there_is_no_log(
    edge: Edge, recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_AUDIT", "off")
    result = edge("ask", QUESTION, "--receipt", str(tmp_path / "none.txt"))
    assert (result.code, (tmp_path / "none.txt").exists()) == (3, False)


def test_devices_meet_on_a_stick(
    edge: Edge, recorded: Path, kpack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    assert edge("audit", "meet", str(stick)).code == 0
    monkeypatch.setenv("EDGE_HOME", str(tmp_path / "other"))
    monkeypatch.setenv("EDGE_DEVICE", "van9")
    edge("pack", "install", str(kpack), "--unsigned")
    edge("ask", QUESTION)
    assert "edge-audit/van7/" in edge("audit", "meet", str(stick)).out
    (seen,) = json.loads(edge("audit", "witnesses", "--json").out)["witnesses"]
    assert seen["rows"] == 3
    assert "van7" in edge("audit", "witnesses").out
    monkeypatch.setenv("EDGE_HOME", str(recorded))
    shape = json.loads(edge("audit", "meet", str(stick), "--json").out)
    assert [one["kind"] for one in shape["findings"]] == ["new", "cosigned by"]
