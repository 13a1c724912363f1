"""The one file on processors that are not at hand, emulated by qemu, which has everything but AVX-512.

The program's processes start one another, and a process that an emulated one starts would not be emulated: a small
library that is put before all others sees to that. qemu knows neither Landlock nor seccomp, so that the sandbox is
missing, which is said.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from edge.bundle.admit import admit
from edge.bundle.bundle import open_bundle
from edge.bundle.compose import add_part
from tests.binary.conftest import TINY_MODEL, Run
from tests.binary.test_program import QUESTION

QEMU = shutil.which("qemu-x86_64")
COMPILER = os.environ.get("CC") or shutil.which("cc")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not QEMU, reason="apt-get install qemu-user"),
    pytest.mark.skipif(not COMPILER, reason="there is no C compiler"),
    pytest.mark.skipif(os.uname().machine != "x86_64", reason="it is the x86-64 program that is emulated"),
]

STAY = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
int execve(const char *path, char *const arguments[], char *const variables[]) {
    char *words[64] = { getenv("GGML_EMULATOR"), "-cpu", getenv("GGML_EMULATED"), (char *)path };
    for (int n = 1; n < 60 && arguments[n]; n++) words[n + 3] = arguments[n];
    int (*execute)(const char *, char *const[], char *const[]) = dlsym(RTLD_NEXT, "execve");
    return execute(words[0], words, variables);
}
int execvp(const char *path, char *const arguments[]) { return execve(path, arguments, environ); }
"""
"""Variables whose names begin so are among those that a worker gets."""

Emulate = Callable[..., Any]


@pytest.fixture(scope="module")
def stay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that keeps processes emulated."""
    file = tmp_path_factory.mktemp("stay") / "stay.so"
    command = [str(COMPILER), "-shared", "-fPIC", "-x", "c", "-", "-o", str(file), "-ldl"]
    subprocess.run(command, input=STAY, text=True, check=True)
    return file


@pytest.fixture
def emulate(
    run: Run,
    program: Path,
    starter: Path,
    stay: Path,
    cache: Path,
    environment: Mapping[str, str],
    tmp_path: Path,
) -> Emulate:
    """Runs the program, with the tiny model and the starter pack inside, on a processor; what it prints as JSON."""
    copy = Path(shutil.copy(program, tmp_path / "edge"))
    for each in (TINY_MODEL, starter):
        add_part(open_bundle(copy), admit(each), copy)
    run("--version", program=copy)  # unpacked
    unpacked = max(cache.glob("*/edge"), key=lambda path: path.stat().st_mtime)

    def call(processor: str, *arguments: str) -> Any:
        variables = {"GGML_EMULATOR": str(QEMU), "GGML_EMULATED": processor, "EDGE_EXECUTABLE": str(copy)}
        done = subprocess.run(
            [str(QEMU), "-E", f"LD_PRELOAD={stay}", "-cpu", processor, unpacked, *arguments, "--json"],
            env={**environment, **variables}, cwd=tmp_path, capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    return call


@pytest.mark.parametrize(
    ("processor", "variant"),
    [
        ("Nehalem", "sse42"),  # 2008
        ("SandyBridge", "sandybridge"),  # 2011
        ("IvyBridge", "ivybridge"),  # 2012: laptops of 2013
        ("Haswell", "haswell"),  # 2013
        ("EPYC", "haswell"),  # 2017
    ],
)
def test_the_same_file_runs_on_it(emulate: Emulate, processor: str, variant: str) -> None:
    # The self-test also hashes 300 MB: minutes, emulated.
    told = emulate(processor, "doctor", "--deep")["checks"]
    checks = {check["name"]: check for check in told}
    assert f"cores; {variant} (" in checks["processor"]["detail"]
    assert {check["name"] for check in told if check["status"] == "fail"} == set()
    assert checks["embedder"]["status"] == checks["writing"]["status"] == "ok"
    answer = emulate(processor, "ask", QUESTION, "--engine", "llama")
    assert answer["engine"] == f"llama:{TINY_MODEL.stem}"


def test_a_processor_that_is_too_old_is_told(program: Path, environment: Mapping[str, str]) -> None:
    command = [str(QEMU), "-cpu", "Penryn", program, "--version"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "SSE4.2" in done.stderr
