from __future__ import annotations

import pytest

from edge.cli.ui import progress


def test_piped_progress_is_a_line_a_second_at_most(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([10.0, 10.0, 10.4, 10.99, 11.1, 11.1, 12.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    with progress.show_progress() as report:
        for done in range(1, 6):
            report("read", f"{done}.pdf", done, 5)
    assert capsys.readouterr() == ("", "read 1/5 1.pdf\nread 4/5 4.pdf\n")


def test_a_name_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.show_progress() as report:
        report("read", "\x1b[2Jgone.pdf", 1, 1)
    assert capsys.readouterr().err == "read 1/1 gone.pdf\n"
