"""What a worker without a model tells about its sandbox."""

from __future__ import annotations

import pytest

from edge.doctor import system
from edge.engine.machine.probe import SandboxLevel, read_sandbox_level


def test_a_real_worker_tells() -> None:
    found = read_sandbox_level()
    assert found.landlock >= 1
    assert found.seccomp
    assert found.reasons == ()
    assert found.summary == f"workers are held by Landlock {found.landlock} and seccomp"
    assert system.check_sandbox(found).status == "ok"


def test_with_a_gpu_it_is_less() -> None:
    found = read_sandbox_level(gpu=True)
    assert found.reasons == ("the GPU's driver needs its devices",)
    assert "on the GPU" in system.check_sandbox(found).hint


@pytest.mark.parametrize(
    ("found", "detail", "hint"),
    [
        (
            SandboxLevel(0, True, ("the kernel has no Landlock",)),
            "workers are held by seccomp; the kernel has no Landlock",
            "a kernel with Landlock",
        ),
        (
            SandboxLevel(3, False, ("no seccomp: Function not implemented",)),
            "workers are held by Landlock 3; no seccomp: Function not implemented",
            "a kernel with seccomp",
        ),
        (SandboxLevel(0, False, ("no",)), "workers are not held at all; no", "only models that you trust"),
    ],
)
def test_what_is_missing_is_a_warning_with_the_reason(found: SandboxLevel, detail: str, hint: str) -> None:
    check = system.check_sandbox(found)
    assert (check.name, check.status, check.detail) == ("sandbox", "warn", detail)
    assert hint in check.hint
