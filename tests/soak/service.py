"""``edge serve`` in a process of its own, with the starter pack and the tiny model, and what it holds on to."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pack_cache import EDGE, STARTER, build_cached_pack, build_with_edge

MODEL = Path(__file__).parents[1] / "tiny_model" / "tiny.gguf"
IDLE_METRICS = ("edge_turns_in_progress", "edge_requests_running", "edge_requests_waiting")


@dataclass(frozen=True, slots=True)
class Holding:
    """What a process holds: resident memory in bytes, threads, descriptors."""

    memory: int
    threads: int
    descriptors: int


class Service:
    """A server on a free port of loopback.

    Args:
        pid: of its process.
        port: where it listens.
    """

    def __init__(self, pid: int, port: int) -> None:
        self.pid, self.port = pid, port

    def find_workers(self) -> dict[str, int]:
        """Return process ids of its workers by their task (embed, generate)."""
        found = {}
        children = Path(f"/proc/{self.pid}/task").glob("*/children")
        for pid in (int(child) for file in children for child in _read(file).split()):
            command = _read(Path(f"/proc/{pid}/cmdline")).rstrip("\0").split("\0")
            if "edge.engine.worker" in command:
                found[str(json.loads(command[-1])["task"])] = pid
        return found

    def read_processor_s(self) -> float:
        """Return seconds that service and workers have computed."""
        return sum(_read_processor_s(pid) for pid in (self.pid, *self.find_workers().values()))

    def read_holdings(self) -> dict[str, Holding]:
        """Return what each of its processes holds, by name."""
        return {name: read_holding(pid) for name, pid in {"service": self.pid, **self.find_workers()}.items()}

    def find_unfinished(self) -> dict[str, float]:
        """Return what the service says is still going on; empty when it is idle."""
        text = self.get("/metrics")
        values = dict(re.findall(r"^(\w+) ([\d.]+)$", text, re.MULTILINE))
        return {name: float(values[name]) for name in IDLE_METRICS if float(values.get(name, 0))}

    def get(self, path: str) -> str:
        """Return what GET says."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as reply:
            text: str = reply.read().decode()
            return text


def read_holding(pid: int) -> Holding:
    """Return what a process holds now."""
    status = dict(line.split(":\t", 1) for line in _read(Path(f"/proc/{pid}/status")).splitlines())
    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    return Holding(int(status["VmRSS"].split()[0]) * 1024, int(status["Threads"]), descriptors)


@contextmanager
def serve() -> Iterator[Service]:
    """Start a service, and give it while it runs."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"EDGE_HOME": home, "EDGE_ENGINE": "llama"}
        pack = build_cached_pack(STARTER, build_with_edge)
        for command in (
            ["pack", "install", str(pack), "--unsigned"],
            ["model", "add", str(MODEL)],
            ["model", "use", MODEL.stem],
        ):
            subprocess.run([EDGE, *command], env=environment, check=True, stdout=subprocess.DEVNULL)
        with Path(home, "log").open("w+") as log:
            process = subprocess.Popen(
                [EDGE, "serve", "--port", "0"], env=environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
            try:
                assert process.stdout is not None
                url = process.stdout.readline().split()[0]
                yield Service(process.pid, int(url.rpartition(":")[2].strip("/")))
            finally:
                process.terminate()
                process.wait(30)
                log.seek(0)
                if complaints := log.read():
                    print(f"The service said:\n{complaints[-4000:]}")


def _read(path: Path) -> str:
    """Read a file of a process that may be gone."""
    try:
        return path.read_text()
    except OSError:
        return ""


def _read_processor_s(pid: int) -> float:
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100 if fields else 0.0
