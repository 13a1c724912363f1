from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

Edge = Callable[..., Any]


def test_it_serves_until_ctrl_c_and_says_where(ready: Path) -> None:
    command = [sys.executable, "-m", "edge", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            url, _, hint = server.stdout.readline().partition("  ")
            assert url.startswith("http://127.0.0.1:")
            assert hint == "(Ctrl-C stops)\n"
            with urllib.request.urlopen(f"{url.rstrip('/')}/search?q=E-207&k=1") as response:
                (result,) = json.load(response)["results"]
            assert result["document"] == "faults.csv"
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) == 0


def test_a_pack_that_is_left_out_is_told_at_the_start(edge: Edge, ready: Path) -> None:
    broken = ready / "packs" / "fans"
    broken.mkdir()
    (broken / "active.json").write_text("nothing")
    result = edge("serve", "--host", "0.0.0.0", "--port", "0")  # ends at once for want of a token
    assert result.err.startswith("note: 'fans' is left out: ")


def test_another_address_needs_a_token(edge: Edge, ready: Path) -> None:
    result = edge("serve", "--host", "0.0.0.0", "--port", "0")
    assert result.code == 2
    assert "token" in result.err
