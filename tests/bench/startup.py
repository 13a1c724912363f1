"""How long a person waits: for a help page, for the first answer of a new process, for evidence over HTTP."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx

from edge.evaluation import load_questions
from pack_cache import EDGE
from tests.bench.figures import Figure, compute_percentile
from tests.bench.packs import STARTER, open_starter
from tests.bench.program import main, say

PROCESSES = 7
QUESTIONS = 120
WARM_UP = 5


def run(options: Namespace) -> Iterator[Figure]:
    """Processes beside an empty Python; evidence beside GET /health."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"EDGE_HOME": home, "EDGE_ENGINE": "extractive"}
        with open_starter() as pack:
            _time_command([EDGE, "pack", "install", pack.path, "--unsigned"], environment)
        asked = [
            labelled.question.text
            for labelled in load_questions(STARTER.with_name("starter.questions.jsonl"))
        ]
        questions = random.Random(0).sample(asked, QUESTIONS)
        yield from _processes(questions, environment)
        yield from _measure_http(questions, environment)


def _processes(questions: Sequence[str], environment: dict[str, str]) -> Iterator[Figure]:
    say(f"{PROCESSES} processes each")
    commands = [
        ([sys.executable, "-c", "pass"], [EDGE, "--help"], [EDGE, "ask", question])
        for question in questions[:PROCESSES]
    ]
    times = [[_time_command(command, environment) for command in each] for each in commands]
    empty, helped, answered = (median(column) for column in zip(*times, strict=True))
    yield Figure("edge --help", helped, "s", "<= 0.3", empty)
    yield Figure("edge ask, new process, no language model", answered, "s", "<= 2", empty)


def _time_command(command: Sequence[str | Path], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def _measure_http(questions: Sequence[str], environment: dict[str, str]) -> Iterator[Figure]:
    say(f"{len(questions)} questions over HTTP, one after the other")
    with _serve(environment) as url, httpx.Client(base_url=url, timeout=60) as client:
        for question in questions[:WARM_UP]:
            _until_evidence(client, question)
        evidence = [_until_evidence(client, question) for question in questions]
        health = [_time_request(client) for _ in questions]
    yield Figure(
        "evidence over HTTP p50", compute_percentile(evidence, 50), "ms", "", compute_percentile(health, 50)
    )
    yield Figure(
        "evidence over HTTP p95",
        compute_percentile(evidence, 95),
        "ms",
        "<= 100",
        compute_percentile(health, 95),
    )


@contextmanager
def _serve(environment: dict[str, str]) -> Iterator[str]:
    """Start a server of its own process on a free port of loopback; give its URL."""
    server = subprocess.Popen(
        [EDGE, "serve", "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        yield server.stdout.readline().split()[0]
    finally:
        server.terminate()
        server.wait(20)


def _until_evidence(client: httpx.Client, question: str) -> float:
    """Milliseconds from the request to the whole event with the passages; the answer is read and left unused."""
    start, found = time.perf_counter(), 0.0
    with client.stream("POST", "/chat", json={"message": question, "stream": True}) as response:
        event = ""
        for line in response.iter_lines():
            if line.startswith("event:"):
                event = line
            elif line.startswith("data:") and event.endswith("evidence"):
                found = found or (time.perf_counter() - start) * 1000
    if not found:
        raise SystemExit(f"No evidence came for: {question}")
    return found


def _time_request(client: httpx.Client) -> float:
    start = time.perf_counter()
    client.get("/health").raise_for_status()
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    main(run)
