"""A job under ``kill -9`` of the server and loss of power at any moment: no acknowledged entry is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from random import Random

import httpx
import pytest

from edge.config import Settings
from edge.jobs.procedure import list_procedures
from edge.jobs.store import Jobs
from edge.packs.pack import Pack
from edge.packs.store import PackStore
from tests.conftest import BuildPack
from tests.torture.disk import read, run
from tests.torture.power import Recording, Write

TIMES = 50
LONGEST_S = 0.4
"""From the first entry on; a server writes some dozens meanwhile."""
STATES = 200


@pytest.fixture
def home(tmp_path: Path, build_pack: BuildPack) -> Path:
    """A device with a pump's manual and a job that has begun."""
    settings = Settings(home=tmp_path / "home")
    pack = PackStore(settings).install(build_pack(name="px"), allow_unsigned=True).pack
    with Pack.open(pack.path) as opened:
        jobs = Jobs(settings)
        jobs.start(list_procedures(opened)[0], id="the-job")
        jobs.close()
    return settings.home


def test_a_server_killed_at_50_moments_loses_no_acknowledged_entry(home: Path) -> None:
    random, acknowledged = Random(1), 0
    for _ in range(TIMES):
        acknowledged = write_until_killed(home, acknowledged, random.uniform(0, LONGEST_S))
        written = read_notes(home)
        assert len(written) - acknowledged in (0, 1)  # the last one may be written and not yet told
        assert written == [f"note {n}" for n in range(len(written))]
        acknowledged = len(written)
    print(f"killed {TIMES} times, {acknowledged} entries")
    assert acknowledged > TIMES


def write_until_killed(home: Path, number: int, after_s: float) -> int:
    """Serve, send notes one after another, kill the server, and return how many notes were acknowledged by then."""
    kept = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    environment = {**kept, "EDGE_HOME": str(home), "EDGE_EMBEDDER": "none", "EDGE_ENGINE": "extractive"}
    command = [sys.executable, "-m", "edge", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        url = server.stdout.readline().partition("  ")[0]
        timer = threading.Timer(after_s, os.kill, (server.pid, signal.SIGKILL))
        with httpx.Client(base_url=url, timeout=20) as client:
            try:
                client.get("/jobs/the-job").raise_for_status()
                timer.start()
                while True:
                    body = {"note": f"note {number}", "id": f"n{number}"}
                    client.post("/jobs/the-job/steps/1", json=body).raise_for_status()
                    number += 1
            except httpx.TransportError:
                return number
            finally:
                timer.cancel()
                server.kill()


def test_what_was_acknowledged_survives_a_loss_of_power(home: Path) -> None:
    if "LD_PRELOAD" not in os.environ:
        pytest.fail("`make torture` loads the disk that this test needs")
    recording, record = Recording(home), home.with_name("record")
    assert run(lambda: write_notes(home), home, home.with_name("said"), record=record)[0] == 0
    recording.add(read(record))
    last, survivor, counts = len(recording.steps), home.with_name("survivor"), []
    for number in range(STATES):
        random = Random(number)
        moment = random.randrange(last + 1)
        told = [step for step in recording.steps[:moment] if isinstance(step, Write) and step.data == b"told"]
        recording.crash(moment, random, survivor)
        written = read_notes(survivor)
        assert written == [f"note {n}" for n in range(len(written))]
        assert len(written) >= len(told)
        counts.append(len(written))
        shutil.rmtree(survivor)
    print(f"{STATES} states of {last} steps, {min(counts)} to {max(counts)} entries")
    assert len(set(counts)) > 1


def write_notes(home: Path) -> int:
    """Write notes, and a mark to a file after each one that is acknowledged."""
    jobs = Jobs(Settings(home=home))
    with (home / "told").open("wb", buffering=0) as told:
        for number in range(12):
            jobs.add_note("the-job", 1, f"note {number}")
            told.write(b"told")
    return 0


def read_notes(home: Path) -> list[str]:
    jobs = Jobs(Settings(home=home))
    try:
        return [note.text for note in jobs.get("the-job").steps[0].notes]
    finally:
        jobs.close()
