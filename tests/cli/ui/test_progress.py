from __future__ import annotations

from types import SimpleNamespace

import pytest

from edge.cli.ui import progress


def test_piped_progress_is_a_line_a_second_at_most(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([10.0, 10.0, 10.4, 10.99, 11.1, 11.1, 12.0])
    monkeypatch.setattr("edge.cli.ui.progress.time", SimpleNamespace(monotonic=lambda: next(clock)))
    with progress.show_progress() as report:
        for done in range(1, 6):
            report("read", f"{done}.pdf", done, 5)
    assert capsys.readouterr() == ("", "read 1/5 1.pdf\nread 4/5 4.pdf\n")


def test_a_name_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.show_progress() as report:
        report("read", "\x1b[2Jgone.pdf", 1, 1)
    assert capsys.readouterr().err == "read 1/1 gone.pdf\n"


def test_bytes_are_reported_in_megabytes() -> None:
    reports: list[tuple[str, str, int, int]] = []
    report = progress.report_megabytes(lambda *what: reports.append(what), "copy")
    report("tiny.gguf", 3 << 20, 5 << 20)
    assert reports == [("copy", "tiny.gguf", 3, 5)]


def test_speed_is_reported_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 12.0])
    monkeypatch.setattr("edge.cli.ui.progress.time", SimpleNamespace(monotonic=lambda: next(clock)))
    reports: list[tuple[str, str, int, int]] = []
    report = progress.report_speed(lambda *what: reports.append(what), "fetch")
    report("pumps.kpack", 1_000_000, 9_000_000)
    report("pumps.kpack", 5_000_000, 9_000_000)
    assert reports == [
        ("fetch kB", "pumps.kpack", 1000, 9000),
        ("fetch kB", "pumps.kpack, 2.0 MB/s", 5000, 9000),
    ]
