"""The locked room, tried from inside by a real process (inmate.py), with the kernel's locks and without some."""

from __future__ import annotations

import json
import os
import platform
import re
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from edge.engine.interface import Sampling
from edge.engine.process.options import WorkerOptions
from edge.engine.process.supervisor import Worker
from edge.engine.worker import syscalls
from tests.engine.worker import inmate
from tests.engine.workers import make_writer

LANDLOCK, SECCOMP = "landlock_create_ruleset", "seccomp"

READING = {"read /etc/passwd", "read a secret", "read a secret by a link", "read its folder", "old read"}
READING |= {"read the parent's memory", "read the parent's environment"}
WRITING = {
    "write a new file",
    "write over a file",
    "append to a file",
    "write over the model",
    "mkdir",
    "unlink",
}
WRITING |= {"write into a nameless file", "mknod", "truncate", "empty a file in passing"}
"""What Landlock keeps away alone. Nothing else is tried without seccomp: it might work."""

Report = dict[str, Any]


@pytest.fixture(scope="module")
def run(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The inmate's report on a kernel that lacks some calls."""
    reports: dict[str, Report] = {}

    def call(missing: str, gpu_layers: int = 0) -> Report:
        key = f"{missing} {gpu_layers}"
        if key not in reports:
            home = tmp_path_factory.mktemp("home")
            secret = home / "state.sqlite"
            secret.write_text("secret")
            only = {"": "", LANDLOCK: "", SECCOMP: ",".join({*READING, *WRITING, *ALLOWED})}
            arguments = (
                model,
                secret,
                os.getpid(),
                missing,
                only.get(missing, ",".join(ALLOWED)),
                gpu_layers,
            )
            done = subprocess.run(
                [sys.executable, inmate.__file__, *map(str, arguments)],
                check=False, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": "."},
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            reports[key] = {**json.loads(done.stdout.splitlines()[-1]), "secret": secret.read_text()}
        return reports[key]

    return call


FORBIDDEN = sorted(inmate.list_forbidden("", "", 0, ""))
ALLOWED = sorted(inmate.list_allowed("", 0))

WHO = pytest.mark.parametrize("who", ["main thread", "old thread", "new thread"])


@WHO
def test_nothing_that_is_forbidden_works(run: Any, who: str) -> None:
    results = run("")["threads"][who]
    assert {
        name: results[name] for name in FORBIDDEN if results[name] not in ("EPERM", "EACCES", "ENOSYS")
    } == {}


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


def test_it_costs_next_to_nothing(run: Any) -> None:
    assert run("")["seconds"] < 0.05  # 2 ms on a machine that has nothing else to do


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


@WHO
def test_with_a_gpu_all_but_its_devices_is_still_forbidden(run: Any, who: str) -> None:
    results = run("", 1)["threads"][who]
    assert {
        name: results[name] for name in FORBIDDEN if results[name] not in ("EPERM", "EACCES", "ENOSYS")
    } == {}
    assert {name: results[name] for name in ALLOWED} == dict.fromkeys(ALLOWED, "done")


def test_with_a_gpu_the_level_says_so(run: Any) -> None:
    level = run("", 1)["level"]
    assert level["gpu"] is True
    assert level["reasons"] == ["the GPU's driver needs its devices"]


def test_without_both_the_worker_still_works(run: Any) -> None:
    report = run(f"{LANDLOCK},{SECCOMP}")
    assert report["level"]["landlock"] == 0
    assert report["level"]["seccomp"] is False
    assert len(report["level"]["reasons"]) == 2
    assert report["threads"]["main thread"]["read the model again"] == "done"


def start(options: WorkerOptions, missing: Sequence[str]) -> Worker:
    """Return a real worker on a kernel that lacks some calls."""
    text = f"""
import ctypes, errno
from edge.engine.worker import __main__ as worker, sandbox
real = sandbox._call_system
def call(name, *arguments):
    if name not in {missing!r}: return real(name, *arguments)
    ctypes.set_errno(errno.ENOSYS)
    return -1
sandbox._call_system = call
worker.main([{options.to_json()!r}])
"""
    return Worker(options.model, [sys.executable, "-c", text], inherit=[n for n in [options.exchange] if n])


@pytest.mark.parametrize("missing", [(), (LANDLOCK,), (SECCOMP,), (LANDLOCK, SECCOMP)])
def test_a_real_worker_does_all_it_does_from_inside(model: Path, missing: tuple[str, ...]) -> None:
    exchange = os.memfd_create("exchange")
    os.ftruncate(exchange, 2**24)
    worker = start(make_writer(model, 512, parallel=2, exchange=exchange), missing)
    messages = [{"role": "user", "content": "How much oil?"}]
    samplings = (
        Sampling(),
        Sampling(temperature=0.9, top_k=40, top_p=0.9, min_p=0.01, seed=7, presence_penalty=0.5),
        Sampling(stop=("25",), logprobs=2),
        Sampling(schema='{"type": "object", "properties": {"oil": {"type": "number"}}}'),
    )
    try:
        assert next(worker.request("count", messages=messages))["done"]["tokens"] > 0
        for sampling in samplings:
            fields = {"messages": messages, "max_tokens": 8, "sampling": asdict(sampling)}
            assert "done" in list(worker.request("generate", **fields))[-1]
        assert len(worker.read_facts()["sandbox"]["reasons"]) == len(missing)
        threads = Path(f"/proc/{worker.pid}/task").iterdir()
        states = {re.search(r"Seccomp:\t(\d)", (one / "status").read_text())[1] for one in threads}  # type: ignore[index]
        assert states == {"0" if SECCOMP in missing else "2"}
    finally:
        worker.close()
        os.close(exchange)


@pytest.mark.parametrize("missing", [(), (LANDLOCK,)])
def test_an_embedder_does_all_it_does_from_inside(embedder_path: Path, missing: tuple[str, ...]) -> None:
    worker = start(WorkerOptions(embedder_path, "embed", 2), missing)
    try:
        texts = ["The pump has lost its prime.", "There is air in the pump."]
        assert "vectors" in next(worker.request("embed", texts=texts))["done"]
        assert len(next(worker.request("count", texts=texts))["done"]["counts"]) == 2
    finally:
        worker.close()


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


def verdict(program: bytes, machine: int, number: int, *arguments: int) -> int:
    """Return what the kernel's machine for filters makes of a call: linux/filter.h, as far as it is used."""
    words = [number & 0xFFFFFFFF, machine, 0, 0]
    for argument in (*arguments, *[0] * (6 - len(arguments))):
        words += [argument & 0xFFFFFFFF, argument >> 32 & 0xFFFFFFFF]
    instructions = list(struct.iter_unpack("=HBBI", program))
    place = value = 0
    while True:
        code, yes, no, constant = instructions[place]
        place += 1
        match code:
            case 0x20:  # BPF_LD | BPF_W | BPF_ABS
                value = words[constant // 4]
            case 0x06:  # BPF_RET | BPF_K
                return int(constant)
            case 0x15 | 0x35 | 0x45:  # BPF_JMP | BPF_JEQ, BPF_JGE, BPF_JSET
                true = {0x15: value == constant, 0x35: value >= constant, 0x45: bool(value & constant)}[code]
                place += yes if true else no


ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x50001, 0x50026
READ, WRITE = os.O_RDONLY | os.O_CLOEXEC, os.O_WRONLY
FUTEX = {"x86_64": 202, "aarch64": 98}


@pytest.mark.parametrize("machine", syscalls.ARCHITECTURES)
def test_the_filter_decides_as_it_should_on_every_machine(machine: str) -> None:
    program = syscalls.make_filter(machine, 1000, "reading", False)
    assert len(program) // syscalls.INSTRUCTION_BYTES < 4096  # BPF_MAXINSNS

    def decides(name: str, *arguments: int) -> int:
        number = syscalls.NUMBERS[name][machine]
        return verdict(program, syscalls.ARCHITECTURES[machine], number, *arguments)

    assert verdict(program, syscalls.ARCHITECTURES[machine], FUTEX[machine]) == ALLOW
    assert verdict(program, 0x40000003, 1) == KILL  # i386
    assert verdict(program, syscalls.ARCHITECTURES[machine], 0x40000000 + 2) == KILL
    assert verdict(program, syscalls.ARCHITECTURES[machine], 600) == ENOSYS
    assert decides("openat", 2**64 - 100, 0, READ) == ALLOW
    for flags in (WRITE, os.O_RDWR, os.O_CREAT, os.O_TRUNC, os.O_TMPFILE, 2**32 + WRITE):
        assert decides("openat", 2**64 - 100, 0, flags) == EPERM
    assert decides("clone", 0x3D0F00) == ALLOW  # as pthread_create calls it
    assert decides("clone", 17) == EPERM  # as fork does
    assert decides("clone3") == decides("openat2") == ENOSYS
    for name in ("kill", "tgkill", "prlimit64"):
        assert decides(name, 1000) == ALLOW
        assert decides(name, 1001) == decides(name, 2**32 - 1) == EPERM
    assert decides("prlimit64", 0) == ALLOW
    assert decides("kill", 0) == EPERM
    assert decides("ioctl", 0, 0x5401) == ALLOW
    assert decides("ioctl", 0, 0x5412) == decides("ioctl", 0, 2**32 + 0x5412) == EPERM
    assert decides("fcntl", 0, 2) == ALLOW
    assert decides("fcntl", 0, 8) == EPERM
    assert decides("seccomp") == decides("landlock_restrict_self") == ALLOW
    for name in (
        "socket",
        "connect",
        "execve",
        "ptrace",
        "mount",
        "bpf",
        "fchmod",
        "unlinkat",
        "io_uring_setup",
    ):
        assert decides(name) == EPERM


@pytest.mark.parametrize("machine", syscalls.ARCHITECTURES)
def test_a_gpu_gets_its_devices_and_cannot_type(machine: str) -> None:
    program = syscalls.make_filter(machine, 1000, "any", True)

    def decides(name: str, *arguments: int) -> int:
        number = syscalls.NUMBERS[name][machine]
        return verdict(program, syscalls.ARCHITECTURES[machine], number, *arguments)

    assert decides("openat", 2**64 - 100, 0, os.O_RDWR) == ALLOW
    assert decides("ioctl", 5, 0xC0104600) == ALLOW
    assert decides("ioctl", 0, 0x5412) == EPERM
    assert decides("socket") == decides("execve") == EPERM


def test_this_machine_is_one_that_is_known() -> None:
    assert platform.machine() in syscalls.ARCHITECTURES
