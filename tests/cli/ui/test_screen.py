from __future__ import annotations

import io
import json

import pytest

from edge.cli.ui.screen import Screen, clean, format_count


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


LONG = "Tighten the bolts of the housing crosswise to 25 Nm and check them after an hour of running."


def test_piped_paragraphs_stay_on_one_line() -> None:
    stream = io.StringIO()
    Screen(stream).write((LONG, "bold"), indent=2, most=1)
    assert stream.getvalue() == f"  {LONG}\n"


def test_lines_of_a_paragraph_stand_under_each_other() -> None:
    stream = io.StringIO()
    Screen(stream).write("first\nsecond", lead="[1] ")
    assert stream.getvalue() == "[1] first\n    second\n"


def test_a_terminal_wraps_and_styles(terminal: Terminal) -> None:
    Screen(terminal).write((LONG, "bold"), lead="! ")
    lines = terminal.getvalue().splitlines()
    assert lines[0] == "! \x1b[1mTighten the bolts of the housing\x1b[0m"
    assert len(lines) == 3
    assert all(line.startswith("  ") for line in lines[1:])


def test_a_terminal_gets_no_more_lines_than_wanted(terminal: Terminal) -> None:
    Screen(terminal).write(LONG, most=2)
    lines = terminal.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[1].endswith(" …")
    assert max(map(len, lines)) <= 40


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_without_colour_gets_no_escape_codes(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    Screen(terminal).write((LONG, "bold red"))
    assert "\x1b" not in terminal.getvalue()
    assert max(map(len, terminal.getvalue().splitlines())) <= 40


def test_a_table_is_aligned() -> None:
    stream = io.StringIO()
    Screen(stream).write_table(("NAME", "TITLE"), [("pumps", "Pump manuals"), ("ups", ("", "bold"))])
    assert stream.getvalue() == "NAME   TITLE\npumps  Pump manuals\nups\n"


def test_a_table_fits_the_terminal(terminal: Terminal) -> None:
    Screen(terminal).write_table(("NAME", "TITLE"), [("pumps", LONG)])
    _, row = terminal.getvalue().splitlines()
    assert len(row) <= 40
    assert row.endswith(" …")


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("\x1b[2Jgone", "gone"),
        ("\x1b]0;title\x07text", "text"),
        ("back\x08\x08", "back"),
        ("c1\x9b31m", "c131m"),
        ("lone \udc80", "lone ?"),
        ("line\nnext\ttab", "line\nnext\ttab"),
    ],
)
def test_text_cannot_command_the_terminal(hostile: str, harmless: str) -> None:
    assert clean(hostile) == harmless


def test_json_keeps_letters_where_the_stream_can_hold_them() -> None:
    for encoding, written in (("utf-8", "Pümpe"), ("ascii", "P\\u00fcmpe")):
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, encoding)
        Screen(stream).write_json({"title": "Pümpe"})
        stream.flush()
        assert written.encode(encoding) in raw.getvalue()
        assert json.loads(raw.getvalue())["title"] == "Pümpe"


def test_plurals() -> None:
    assert [format_count(count, "page") for count in (0, 1, 1300)] == ["0 pages", "1 page", "1,300 pages"]
