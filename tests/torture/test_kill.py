"""A real ``edge sync`` over HTTP, killed at any moment: a version serves, the next sync gets through."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from tests.sync.mirror import Mirror, Request, serve
from tests.torture.disk import KILLED
from tests.torture.scenario import Scenario

TIMES = 100
PIECES = 20


@pytest.mark.parametrize("scenario", ["sync", "delta"], indirect=True)
def test_killed_at_a_random_moment_a_version_serves(scenario: Scenario) -> None:
    random, seen = Random(1), []
    with serve(scenario.repository.folder) as mirror:
        mirror.ways["targets/"] = _in_pieces
        longest = max(_sync(scenario.make_device(), mirror)[1] for _ in range(3))
        while len(seen) < TIMES:
            home = scenario.make_device()
            code, _ = _sync(home, mirror, kill_after=random.uniform(0, longest))
            assert code in {KILLED, 0}
            seen += (
                [scenario.read_version(home)] if code else []
            )  # some are faster than the slowest of the three
            scenario.finish(home)
    print(f"killed {len(seen)} times in {longest:.2f} s, {seen.count('2.0')} with the new version in use")
    assert set(seen) == {"1.0", "2.0"}


def _sync(home: Path, mirror: Mirror, kill_after: float | None = None) -> tuple[int, float]:
    """Return the exit code, and the seconds from the first request on: what comes before it is Python starting up."""
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    mirror.asked.clear()
    with subprocess.Popen(
        [sys.executable, "-m", "edge", "sync", mirror.address],
        env={**environment, "EDGE_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while not mirror.asked and process.poll() is None:
            time.sleep(0.0005)
        start = time.monotonic()
        try:
            process.wait(kill_after)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.returncode, time.monotonic() - start


def _in_pieces(request: Request) -> None:
    """Send a file in pieces, as a network brings it."""
    request.send_head()
    data = request.data[request.start :]
    size = len(data) // PIECES + 1
    for start in range(0, len(data), size):
        request.send_body(data[start : start + size])
        request.mirror.closing.wait(0.005)
