"""Workers for tests: options of real ones (one thread, a small context), and small processes that do as told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from edge.engine.process.options import WorkerOptions


def make_writer(model: Path, context: int = 4096, **options: Any) -> WorkerOptions:
    """Return a worker that writes; ``context`` tokens of prompt and answer together."""
    return WorkerOptions(
        model, "generate", input_tokens=context - context // 4, output_tokens=context // 4, **options
    )


READY = """
import json, os, signal, sys, threading, time
lock = threading.Lock()
def send(**frame):
    with lock: print(json.dumps(frame), flush=True)
send(ready={"name": "fake"})
"""

ECHO = (
    READY
    + """
for line in sys.stdin:
    send(id=json.loads(line)["id"], done={})
"""
)

WRITER = (
    READY
    + """
cancelled = set()
def write(number, count):
    for n in range(count):
        if number in cancelled: break
        send(id=number, token=f"{number}.{n} ")
    send(id=number, done={"tokens": n})
for line in sys.stdin:
    frame = json.loads(line)
    match frame["op"]:
        case "cancel": cancelled.add(frame["id"])
        case "given_up": send(id=frame["id"], done={"ids": sorted(cancelled)})
        case "write": threading.Thread(target=write, args=(frame["id"], frame["count"])).start()
"""
)
"""Writes ``count`` tokens for each request, for all at once."""


def make_script_command(text: str) -> list[str]:
    """Return the command that runs a script as a worker."""
    return [sys.executable, "-S", "-E", "-c", text]
