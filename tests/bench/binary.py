"""What the one file costs beside an installation: ``python -m tests.bench.binary``; ``--full`` puts 4.7 GB inside.

The program is dist/edge (``make binary``), or the one that ``EDGE_PROGRAM`` names. With ``--full`` 10 GB of disk are
used for a while, beside the model of random weights that the cache folder keeps.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from unittest.mock import patch

from edge import app
from edge.bundle.admit import admit
from edge.bundle.bundle import open_bundle
from edge.bundle.compose import add_part
from edge.config import Settings
from edge.embedded.part import EXECUTABLE
from edge.engine.llama import LlamaEngine
from edge.evaluation import load_questions
from edge.models.store import ModelStore
from edge.packs.store import PackStore
from edge.types import Message, Prompt, Question
from tests.bench.figures import Figure, compute_percentile
from tests.bench.packs import STARTER, open_starter
from tests.bench.program import main, say
from tests.bench.random_model import QWEN_7B, make_random_model
from tests.binary.conftest import PROGRAM, write_empty

STARTS = 9
FIRST_STARTS = 5
QUESTIONS = 60
PASSAGES = 5

Command = Sequence[str | Path]
Environment = Mapping[str, str]

SOURCE: Command = [sys.executable, "-m", "edge"]


def run(options: Namespace) -> Iterator[Figure]:
    """Measure the one file: size, starts, a pack and a model inside."""
    if not PROGRAM.exists():
        raise SystemExit("There is no dist/edge: make binary")
    parts = open_bundle(PROGRAM).parts
    size = PROGRAM.stat().st_size - sum(part.size for part in parts[2:])
    yield Figure("size without models and packs", size / 1e6, "MB", "<= 80")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        environment = _make_environment(scratch)
        with open_starter() as pack:
            PackStore(Settings(home=scratch / "home")).install(pack.path, allow_unsigned=True)
        yield from _starts(scratch, environment)
        yield from _measure_searches(scratch)
        if options.full:
            yield from _measure_large(scratch, environment)


def _make_environment(scratch: Path) -> Environment:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EDGE_")}
    return kept | {"EDGE_HOME": str(scratch / "home"), "EDGE_CACHE": str(scratch / "cache")}


def _starts(scratch: Path, environment: Environment) -> Iterator[Figure]:
    say(f"{FIRST_STARTS} first starts")
    first = []
    for number in range(FIRST_STARTS):
        cache = scratch / f"cache-{number}"
        first.append(_start([PROGRAM], {**environment, "EDGE_CACHE": str(cache)}))
        shutil.rmtree(cache)
    yield Figure("first start to /health, with unpacking", median(first), "s", "<= 3")
    say(f"{STARTS} starts each")
    warm, source = _time_in_turn(STARTS, ([PROGRAM], environment), (SOURCE, environment))
    yield Figure("start to /health", warm, "s", "<= 1.3", source)
    yield Figure("the same, over python -m edge serve", warm / source, "", "<= 1.2")


def _time_in_turn(laps: int, *each: tuple[Command, Environment]) -> list[float]:
    """Return the median start of each, one after the other so often, after one that is not counted."""
    times = [[_start(command, environment) for command, environment in each] for _ in range(laps + 1)]
    return [median(column) for column in zip(*times[1:], strict=True)]


def _start(command: Command, environment: Environment) -> float:
    """Seconds until a server has answered GET /health."""
    begun = time.perf_counter()
    server = subprocess.Popen(
        [*command, "serve", "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        address = server.stdout.readline().split()[0]
        with urllib.request.urlopen(f"{address}/health") as response:
            state = json.load(response)
        seconds = time.perf_counter() - begun
    finally:
        server.terminate()
        server.wait(20)
        if server.stdout:
            server.stdout.close()
    if state["status"] != "ok":
        raise SystemExit(f"It is up, but not well: {state}")
    return seconds


def _measure_searches(scratch: Path) -> Iterator[Figure]:
    """Ask a pack inside and the same one installed the same questions, in turn."""
    say(f"{QUESTIONS} questions to a pack inside, and to the same installed")
    asked = [
        labelled.question.text for labelled in load_questions(STARTER.with_name("starter.questions.jsonl"))
    ]
    bare, target = write_empty(PROGRAM, scratch / "bare"), scratch / "with-pack"
    with open_starter() as pack:
        add_part(open_bundle(bare), admit(pack.path), target)
    inside, installed = [], []
    with patch.dict(os.environ, {EXECUTABLE: str(target)}):
        first = app.build(Settings(home=scratch / "none"))
        first.library.open_packs()
    with closing(first), closing(app.build(Settings(home=scratch / "home"))) as second:
        assert [pack.path.parent for pack in first.library.open_packs()] == [target]
        for text in asked[: QUESTIONS + 10]:
            inside.append(_search(first, text))
            installed.append(_search(second, text))
    target.unlink()
    for percent in (50, 95):
        value, peer = (compute_percentile(times[10:], percent) for times in (inside, installed))
        yield Figure(f"search in a pack inside p{percent}", value, "ms", "", peer)


def _search(edge: app.Edge, text: str) -> float:
    begun = time.perf_counter()
    edge.retriever.search(Question(text), PASSAGES)
    return (time.perf_counter() - begun) * 1000


def _measure_large(scratch: Path, environment: Environment) -> Iterator[Figure]:
    model, target = make_random_model(QWEN_7B), scratch / "edge"
    say("4.7 GB inside")
    copied = _time_command(["cp", "--reflink=never", model, scratch / "copy"], environment)
    (scratch / "copy").unlink()
    shutil.copy(PROGRAM, target)
    added = _time_command([target, "bundle", "add", model], environment)
    megabytes = model.stat().st_size / 1e6
    yield Figure("edge bundle add, hashing on the way", megabytes / added, "MB/s", "", megabytes / copied)
    verified = _time_command([target, "bundle", "verify"], environment)
    yield Figure("edge bundle verify", megabytes / verified, "MB/s")
    with_it, without = _time_in_turn(STARTS, ([target], environment), ([PROGRAM], environment))
    yield Figure("start to /health with it", with_it, "s", "", without)
    yield Figure("the same, over the start without", with_it / without, "", "<= 1.1")
    yield from _measure_answer(scratch, target, model)


def _measure_answer(scratch: Path, target: Path, model: Path) -> Iterator[Figure]:
    """Measure what a worker that writes with the weights in the program takes, of memory and of disk."""
    say("its weights in memory, and what is on the disk afterwards")
    home = scratch / "answering"
    settings = Settings(home=home, repack="off", parallel=1, max_input_tokens=512, max_output_tokens=32)
    with patch.dict(os.environ, {EXECUTABLE: str(target)}):
        path = ModelStore(settings).require_active()
        assert path == target / model.name
        with closing(LlamaEngine.from_settings(settings, path)) as engine:
            begun = time.perf_counter()
            prompt = Prompt("", (), (Message("user", "abc"),), 8)
            pieces = engine.stream(prompt)
            next(pieces)
            yield Figure("first word of a new copy, hashed before", time.perf_counter() - begun, "s")
            list(pieces)
            anonymous = _read_anonymous_mb(engine.pid or 0)
    yield Figure("memory of the worker that is no file", anonymous, "MB", "<= 300")
    disk = sum(file.stat().st_size for file in home.rglob("*") if file.is_file())
    yield Figure("written to the disk to answer with it", disk / 1e6, "MB", "<= 100")


def _read_anonymous_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in status if line.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024 / 1e6


def _time_command(command: Command, environment: Environment) -> float:
    begun = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main(run)
