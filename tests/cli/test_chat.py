from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge import plugins
from edge.cli.chat import COMMANDS
from edge.cli.ui.interrupt import defer_interrupt
from edge.engine.scripted import ScriptedEngine
from edge.types import Prompt

Edge = Callable[..., Any]


def test_a_follow_up_knows_what_was_said(edge: Edge, ready: Path) -> None:
    out = edge("chat", input="What torque do the housing bolts need?\nand the coupling bolts?\n").out
    first, second = out.split("\nAnswer\n")[1:]
    assert "25 Nm" in first
    assert "8 Nm" in second


def test_sources_are_shown_whole(edge: Edge, ready: Path) -> None:
    out = edge("chat", input="What torque do the housing bolts need?\n/sources\n").out
    assert out.count("The coupling bolts are tightened to 8 Nm.") >= 1
    assert "There is no answer with sources yet." in edge("chat", input="/sources\n").out


def test_an_error_does_not_end_the_conversation(edge: Edge, ready: Path) -> None:
    lines = "/equipment ZZ-9\nhousing bolts torque\n/equipment\nhousing bolts torque\n"
    out = edge("chat", input=lines).out
    assert "No pack in use is about the equipment 'ZZ-9'." in out
    assert "25 Nm" in out.split("Equipment: all.")[1]


def test_new_forgets(edge: Edge, ready: Path) -> None:
    out = edge("chat", input="housing bolts torque\n/new\n/sources\n").out
    assert out.index("New conversation.") < out.index("There is no answer with sources yet.")


def test_help_lists_every_command(edge: Edge, ready: Path) -> None:
    out = edge("chat", input="/help\n/nonsense\n").out
    assert all(command in out for command in COMMANDS)
    assert "There is no /nonsense" in out


def test_quit_and_the_end_of_input_leave(edge: Edge, ready: Path) -> None:
    assert edge("chat", input="/quit\n/nonsense\n").code == 0
    assert "nonsense" not in edge("chat", input="/quit\n/nonsense\n").out
    assert edge("chat", input="").code == 0


def test_the_packs_are_named_with_their_mark(edge: Edge, ready: Path) -> None:
    assert edge("chat").out.startswith("Packs: pumps 1.2 UNSIGNED.")


def test_without_a_pack_it_says_how_to_get_one(edge: Edge, home: Path) -> None:
    assert edge("chat").out.startswith("No pack is installed: edge pack install FILE.kpack.")


def test_ctrl_c_stops_the_answer_and_the_conversation_goes_on(
    edge: Edge, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pieces(prompt: Prompt) -> list[str]:
        if "again" not in prompt.question:
            signal.raise_signal(signal.SIGINT)
        return ["The housing bolts are tightened crosswise to 25 Nm. [1]"]

    monkeypatch.setitem(plugins.BUILT_IN, "scripted", lambda *_: ScriptedEngine(pieces))
    lines = "What torque do the housing bolts need?\nAgain: what torque do the housing bolts need again?\n"
    out = edge("chat", "--engine", "scripted", input=lines).out
    assert "Stopped.\n" in out
    assert out.count("\nAnswer\n") == 1
    assert "25 Nm" in out.split("\nAnswer\n")[1]


def test_ctrl_c_asks_for_an_end_and_insists_the_second_time() -> None:
    before = signal.getsignal(signal.SIGINT)
    with defer_interrupt() as stopped:
        assert not stopped()
        signal.raise_signal(signal.SIGINT)
        assert stopped()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
