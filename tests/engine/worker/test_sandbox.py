"""The locked room, tried from inside by a real process (inmate.py), with the kernel's locks and without some of them."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.engine.llama import LlamaEngine
from edge.engine.worker import syscalls
from tests.engine.conftest import ANSWER, prompt
from tests.engine.worker import inmate
from tests.engine.workers import writer

LANDLOCK, SECCOMP = "landlock_create_ruleset", "seccomp"

READING = {"read /etc/passwd", "read a secret", "read a secret by a link", "read its folder", "old read"}
READING |= {"read the parent's memory", "read the parent's environment"}
WRITING = {"write a new file", "write over a file", "append to a file", "write over the model", "mkdir", "unlink"}
WRITING |= {"write into a nameless file", "mknod", "truncate", "empty a file in passing"}
"""What Landlock keeps away alone. Nothing else is tried without seccomp: it might work."""

Report = dict[str, Any]


@pytest.fixture(scope="module")
def run(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The inmate's report on a kernel that lacks some calls."""
    reports: dict[str, Report] = {}

    def call(missing: str) -> Report:
        if missing not in reports:
            home = tmp_path_factory.mktemp("home")
            secret = home / "state.sqlite"
            secret.write_text("secret")
            only = {"": "", LANDLOCK: "", SECCOMP: ",".join({*READING, *WRITING, *ALLOWED})}
            arguments = (model, secret, os.getpid(), missing, only.get(missing, ",".join(ALLOWED)))
            done = subprocess.run(
                [sys.executable, inmate.__file__, *map(str, arguments)],
                check=False, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": "."},
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            reports[missing] = {**json.loads(done.stdout.splitlines()[-1]), "secret": secret.read_text()}
        return reports[missing]

    return call


FORBIDDEN = sorted(inmate.forbidden("", "", 0, ""))
ALLOWED = sorted(inmate.allowed("", 0))

WHO = pytest.mark.parametrize("who", ["main thread", "old thread", "new thread"])


@WHO
def test_nothing_that_is_forbidden_works(run: Any, who: str) -> None:
    results = run("")["threads"][who]
    assert {name: results[name] for name in FORBIDDEN if results[name] not in ("EPERM", "EACCES", "ENOSYS")} == {}


@WHO
def test_computing_goes_on(run: Any, who: str) -> None:
    results = run("")["threads"][who]
    assert {name: results[name] for name in ALLOWED} == dict.fromkeys(ALLOWED, "done")


def test_the_level_says_so(run: Any) -> None:
    report = run("")
    assert report["level"]["landlock"] >= 1
    assert report["level"] == {
        "landlock": report["level"]["landlock"], "seccomp": True, "gpu": False, "reasons": []
    }  # fmt: skip
    assert report["secret"] == "secret"
    assert report["status"]["NoNewPrivs"] == "1"
    assert report["status"]["Seccomp"] == "2"


@WHO
def test_without_landlock_nothing_is_opened_at_all(run: Any, who: str) -> None:
    results = run(LANDLOCK)["threads"][who]
    assert {name for name in FORBIDDEN if results[name] not in ("EPERM", "EACCES", "ENOSYS")} == set()
    refused = {"read the model again", "import a module"}
    assert {name for name in ALLOWED if results[name] != "done"} == refused


def test_without_landlock_the_level_says_so(run: Any) -> None:
    level = run(LANDLOCK)["level"]
    assert level["landlock"] == 0
    assert level["seccomp"] is True
    assert level["reasons"] == ["the kernel has no Landlock"]


@WHO
def test_without_seccomp_files_are_still_out_of_reach(run: Any, who: str) -> None:
    results = run(SECCOMP)["threads"][who]
    assert {results[name] for name in (READING | WRITING) & set(results)} == {"EACCES"}
    assert {name: results[name] for name in ALLOWED} == dict.fromkeys(ALLOWED, "done")


def test_without_seccomp_the_level_says_so(run: Any) -> None:
    level = run(SECCOMP)["level"]
    assert level["landlock"] >= 1
    assert level["seccomp"] is False
    assert level["reasons"] == ["no seccomp: Function not implemented"]


def test_without_both_the_worker_still_works(run: Any) -> None:
    report = run(f"{LANDLOCK},{SECCOMP}")
    assert report["level"]["landlock"] == 0
    assert report["level"]["seccomp"] is False
    assert len(report["level"]["reasons"]) == 2
    assert report["threads"]["main thread"]["read the model again"] == "done"


def test_a_real_worker_answers_from_inside(model: Path) -> None:
    engine = LlamaEngine(writer(model, 512))
    try:
        assert "".join(engine.stream(prompt())) == ANSWER
        level = engine.facts()["sandbox"]
        assert level["reasons"] == []
        assert level["seccomp"] is True
        threads = Path(f"/proc/{engine.pid}/task").iterdir()
        states = [re.search(r"Seccomp:\t(\d)", (one / "status").read_text()) for one in threads]
        assert {state[1] for state in states if state} == {"2"}
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("machine", "header", "pattern"),
    [
        ("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h", r"#define __NR_(\w+)\s+(\d+)"),
        ("aarch64", "/usr/include/asm-generic/unistd.h", r"#define __NR(?:3264)?_(\w+)\s+(\d+)"),
    ],
)
def test_the_numbers_are_those_of_the_kernel(machine: str, header: str, pattern: str) -> None:
    if not Path(header).exists():
        pytest.skip("no kernel headers here")
    known = {name: int(number) for name, number in re.findall(pattern, Path(header).read_text())}
    ours = {name: numbers[machine] for name, numbers in syscalls.NUMBERS.items() if machine in numbers}
    assert {name: number for name, number in ours.items() if known.get(name) != number} == {}


@pytest.mark.parametrize("machine", syscalls.ARCHITECTURES)
@pytest.mark.parametrize("opening", ["nothing", "reading", "any"])
def test_a_program_is_within_the_kernels_limits(machine: str, opening: Any) -> None:
    program = syscalls.program(machine, os.getpid(), opening, False)
    assert len(program) % syscalls.INSTRUCTION_BYTES == 0
    assert len(program) // syscalls.INSTRUCTION_BYTES < 4096  # BPF_MAXINSNS


def test_this_machine_is_one_that_is_known() -> None:
    assert platform.machine() in syscalls.ARCHITECTURES
