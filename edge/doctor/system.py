"""Checks the machine: interpreter, processor, memory, disk, SQLite, and the sandbox of the workers."""

from __future__ import annotations

import platform
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from edge.database import open_memory
from edge.doctor.check import Check
from edge.engine.machine.probe import Processor, SandboxLevel
from edge.engine.machine.resources import CGROUP, CGROUPS, MEMINFO, count_cores, read_memory
from edge.files import format_size, read_free_bytes

LOW_MEMORY = 10**9
LOW_DISK = 10**9


def check_python() -> Check:
    """Check the interpreter and the platform."""
    version = platform.python_version()
    where = f"Python {version} on {platform.system()} {platform.machine()}"
    if sys.platform != "linux":
        return Check("python", "warn", where, "edge is tested on Linux.")
    return Check("python", "ok", where)


def check_processor(found: Processor, machine: str = "") -> Check:
    """Check how many cores this process may use, and for which instruction sets llama.cpp is compiled."""
    detail = f"{count_cores()} cores; {found.summary}"
    if found.problems:
        hint = "Check this edge with `edge self-test`, or install it again."
        return Check("processor", "warn", f"{detail}; {found.problems[0]}", hint)
    if (machine or platform.machine()) == "x86_64" and "AVX2" not in found.features:
        return Check("processor", "warn", detail, "Without AVX2 a language model is several times slower.")
    return Check("processor", "ok", detail)


def check_memory(meminfo: Path = MEMINFO, cgroup: Path = CGROUP, cgroups: Path = CGROUPS) -> Check:
    """Check how much memory is free, within the limits of control groups."""
    found = read_memory(meminfo, cgroup, cgroups)
    if found is None:
        return Check("memory", "ok", "size unknown")
    detail = f"{found.free / 1e9:.1f} of {found.total / 1e9:.1f} GB free"
    if found.limited:
        detail += ", limited by a control group"
    if found.free < LOW_MEMORY:
        return Check("memory", "warn", detail, "A language model may not fit; answers that quote do.")
    return Check("memory", "ok", detail)


def check_home(folder: Path) -> Check:
    """Check that the state folder can be written, and the space on its disk. A missing folder is not made."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = read_free_bytes(folder)
    detail = f"{folder}, {format_size(free)} free"
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(bytes(4096))
    except OSError as error:
        hint = (
            "Questions are answered all the same, but nothing can be installed. Set EDGE_HOME to change that."
        )
        return Check("home", "warn", f"{detail}; not writable: {error.strerror}", hint)
    if free < LOW_DISK:
        return Check("home", "warn", detail, "Free some space before the next pack or model comes.")
    return Check("home", "ok", detail)


def check_sqlite() -> Check:
    """Check SQLite with FTS5 and sqlite-vec by a search with each."""
    with closing(open_memory()) as connection:
        ((version, vectors),) = connection.execute("SELECT sqlite_version(), vec_version()")
        connection.execute("CREATE VIRTUAL TABLE word USING fts5(text, tokenize='porter')")
        connection.execute("INSERT INTO word VALUES ('pumps')")
        found = connection.execute("SELECT count(*) FROM word WHERE word MATCH 'pump'").fetchall()
        connection.execute("CREATE VIRTUAL TABLE place USING vec0(at INT8[8])")
        connection.execute("INSERT INTO place VALUES (7, vec_int8(x'0102030405060708'))")
        sql = "SELECT rowid FROM place WHERE at MATCH vec_int8(x'0102030405060709') AND k = 1"
        nearest = connection.execute(sql).fetchall()
    detail = f"SQLite {version} with FTS5, sqlite-vec {vectors}"
    if found != [(1,)] or nearest != [(7,)]:
        return Check("sqlite", "fail", f"{detail}, but a search finds the wrong rows", "Install edge again.")
    return Check("sqlite", "ok", detail)


def check_sandbox(found: SandboxLevel) -> Check:
    """Check how well the processes that read models are locked in."""
    if not found.reasons:
        return Check("sandbox", "ok", found.summary)
    if found.landlock and found.seccomp:
        hint = "Only use models on the GPU that you trust."
    elif found.seccomp:
        hint = "No file can be opened once a model is loaded; a kernel with Landlock (5.13) protects earlier."
    else:
        hint = "Use a kernel with seccomp and Landlock (5.13), and only models that you trust."
    return Check("sandbox", "warn", found.summary, hint)
