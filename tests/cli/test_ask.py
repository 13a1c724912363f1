from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.simulators.openai_server import Upstream, respond, say

Edge = Callable[..., Any]
TINY = Path(__file__).parents[1] / "tiny_model" / "tiny.gguf"
QUESTION = "What torque do the housing bolts of the pump need?"


def test_evidence_comes_first_then_the_answer_with_its_page(edge: Edge, ready: Path) -> None:
    result = edge("ask", QUESTION)
    assert (result.code, result.err) == (0, "")
    evidence, _, answer = result.out.partition("\nAnswer\n")
    assert evidence.startswith(
        "Found in pumps 1.2  UNSIGNED\n[1] px-200.md, page 1  PX-200 pump > Torque\n    "
    )
    assert re.match(r"The housing bolts are tightened crosswise to 25 Nm\..* \[1\]", answer)
    assert "\nSources\n[1] px-200.md, page 1\n" in answer
    assert result.out.count("UNSIGNED") == 1


def test_an_ordinary_answer_fits_a_small_terminal(in_terminal: Callable[..., str], ready: Path) -> None:
    assert len(in_terminal("ask", QUESTION, environment={"NO_COLOR": "1"}).splitlines()) < 24


def test_warnings_are_shown_word_for_word(edge: Edge, ready: Path) -> None:
    out = edge("ask", "How do I open the housing of the pump?").out
    assert (
        "! WARNING: The pump starts without notice. "
        "Switch off and lock out the mains before you open the housing. ["
    ) in out


def test_json_is_the_shape_of_the_public_surface(edge: Edge, ready: Path) -> None:
    answer = json.loads(edge("ask", QUESTION, "--json").out)
    assert set(answer) >= {
        "answer", "refused", "mode", "citations", "warnings", "unverified", "conversation_id", "engine", "timings_ms",
    }  # fmt: skip
    assert (answer["mode"], answer["refused"], answer["engine"]) == ("extractive", False, "extractive")
    assert "25 Nm" in answer["answer"]
    assert answer["citations"][0]["document"] == "px-200.md"
    assert answer["citations"][0]["signed"] is False


def test_a_server_that_is_named_answers(edge: Edge, ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_OPENAI_MODEL", "qwen")
    with Upstream(say("The housing bolts take ", "25 Nm. [1]")) as server:
        monkeypatch.setenv("EDGE_OPENAI_URL", server.url)
        answer = json.loads(edge("ask", QUESTION, "--engine", "openai", "--json").out)
        assert (answer["mode"], answer["engine"]) == ("generated", "openai:qwen")
        assert answer["answer"] == "The housing bolts take 25 Nm. [1]"
    assert "Passages:" in server.asked[0][1]["messages"][-1]["content"]


def test_without_it_the_manual_is_quoted_and_why_is_said(
    edge: Edge, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_OPENAI_MODEL", "qwen")
    with Upstream(respond(b"<html>", kind="text/html")) as server:
        monkeypatch.setenv("EDGE_OPENAI_URL", server.url)
        answer = json.loads(edge("ask", QUESTION, "--engine", "openai", "--json").out)
    assert answer["mode"] == "extractive"
    assert "25 Nm" in answer["answer"]
    assert "text/html" in answer["notice"]


def test_a_refusal_is_an_answer(edge: Edge, ready: Path) -> None:
    result = edge("ask", "Who won the football world cup in 1974?", "--json")
    assert result.code == 0
    assert json.loads(result.out)["refused"] is True
    assert edge("ask", "Who won the football world cup in 1974?").code == 0


def test_a_dash_reads_the_question_from_standard_input(edge: Edge, ready: Path) -> None:
    assert "25 Nm" in edge("ask", "-", input=f"{QUESTION}\n").out


@pytest.mark.parametrize(
    "question", [b"x" * 1_000_000, b"\xff\xfe pump", b"   \n"], ids=["a megabyte", "not UTF-8", "empty"]
)
def test_a_question_that_cannot_be_asked_is_an_error_of_usage(
    edge: Edge, ready: Path, question: bytes
) -> None:
    result = edge("ask", "-", input=question)
    assert result.code == 2
    assert result.err.startswith("error: ")
    assert "hint: " in result.err


def test_invalid_utf_8_on_the_command_line_is_an_error_of_usage(
    program: Callable[..., Any], ready: Path
) -> None:
    result = program("ask", b"pump \xff\xfe")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: ")


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [("--pack", "none-such", 3), ("--equipment", "ZZ-9", 3), ("--engine", "none-such", 2)],
)
def test_what_does_not_exist_is_named(edge: Edge, ready: Path, option: str, value: str, code: int) -> None:
    result = edge("ask", QUESTION, option, value)
    assert result.code == code
    assert value in result.err


def test_options_narrow_the_search(edge: Edge, ready: Path) -> None:
    assert "25 Nm" in edge("ask", QUESTION, "--pack", "pumps", "--equipment", "px 200").out


def test_without_a_pack_it_says_how_to_get_one(edge: Edge, home: Path) -> None:
    result = edge("ask", QUESTION)
    assert result.code == 3
    assert "edge pack install" in result.err


def test_a_damaged_pack_is_told_and_the_others_answer(edge: Edge, home: Path, kpack: Path) -> None:
    edge("pack", "install", str(kpack), "--unsigned")
    broken = home / "packs" / "fans"
    broken.mkdir()
    (broken / "active.json").write_text("nothing")
    result = edge("ask", QUESTION)
    assert result.code == 0
    assert "25 Nm" in result.out
    assert result.err.startswith("note: 'fans' is left out: ")
    assert "edge pack install" in result.err


def test_when_every_pack_is_damaged_it_says_so_once(edge: Edge, home: Path, kpack: Path) -> None:
    edge("pack", "install", str(kpack), "--unsigned")
    next(home.rglob("*.kpack")).write_bytes(b"nothing")
    result = edge("ask", QUESTION)
    assert (result.code, result.err.count("not a knowledge pack")) == (4, 1)


def test_a_terminal_shows_the_answer_being_written_and_then_the_checked_one(
    in_terminal: Callable[..., str], ready: Path
) -> None:
    shown = in_terminal("ask", QUESTION)
    assert "\x1b[1mpx-200.md, page 1\x1b[0m" in shown
    provisional, _, checked = shown.rpartition("\x1b[1mAnswer\x1b[0m")
    assert "\x1b[2m" in provisional
    assert "25 Nm" in checked


def test_no_color_leaves_no_escape_codes(in_terminal: Callable[..., str], ready: Path) -> None:
    shown = in_terminal("ask", QUESTION, environment={"NO_COLOR": "1"})
    assert "25 Nm" in shown
    assert "\x1b" not in shown


def test_a_language_model_writes_when_one_is_installed(
    edge: Edge, home: Path, kpack: Path, in_terminal: Callable[..., str]
) -> None:
    """The tiny model copies how passage [1] opens."""
    edge("pack", "install", str(kpack), "--unsigned")
    edge("model", "add", str(TINY))
    answer = json.loads(edge("ask", QUESTION, "--json").out)
    assert (answer["mode"], answer["engine"]) == ("generated", "llama:tiny")
    assert answer["answer"] == "The housing bolts are tightened crosswise to 25 Nm. [1]"
    assert "crosswise to 25 Nm. \x1b[36m[1]" in in_terminal("ask", QUESTION)
