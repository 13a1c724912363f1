"""Traces of a GPU on this machine, and the reason why llama.cpp does not use it.

A GPU that lies idle while the processor works is the commonest fault of an installation, and nothing says so by itself.
Pure functions of a root folder, of what a worker said and of the settings: no driver is called.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge.engine.machine.resources import Device

MODULE = "libggml-cuda.so"
BUILD = (
    "Build it with `python build/cuda.py` (Jetson: build/jetson/README.md), "
    "and put it into the folder back-ends in edge's home."
)

_LIBRARIES = (
    "usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib/aarch64-linux-gnu/nvidia",
    "usr/lib/aarch64-linux-gnu/tegra", "usr/lib64", "usr/lib", "usr/lib/wsl/lib", "usr/local/cuda/lib64",
    "usr/local/cuda/targets/x86_64-linux/lib", "usr/local/cuda/targets/aarch64-linux/lib",
)  # fmt: skip
_NODES = ("nvidia0", "nvidiactl", "nvidia-uvm", "nvgpu", "nvhost-gpu", "nvmap", "dxg")


@dataclass(frozen=True, slots=True)
class Traces:
    """Traces of an NVIDIA GPU that can be seen without its driver.

    Args:
        name: what it is, empty when nothing says so.
        card: there is one: the kernel's driver or the bus shows it.
        jetson: it is part of the processor.
        nodes: its device files.
        closed: those of them that this process may not open.
        libraries: names of NVIDIA's libraries that were found.
    """

    name: str = ""
    card: bool = False
    jetson: bool = False
    nodes: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    libraries: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Verdict:
    """``fails`` when a GPU is there, or was asked for, and is not used."""

    fails: bool
    detail: str
    hint: str = ""


def find_gpu_traces(root: Path = Path("/")) -> Traces:
    """Look for the traces of a GPU below a root folder."""
    nodes = [root / "dev" / name for name in _NODES]
    there = [node for node in nodes if node.exists()]
    closed = [node.name for node in there if not os.access(node, os.R_OK | os.W_OK)]
    jetson = (root / "etc/nv_tegra_release").exists() or (root / "dev/nvgpu").exists()
    cards = _read_cards(root)
    return Traces(
        name=next(iter(cards), "NVIDIA Jetson" if jetson else "NVIDIA GPU"),
        card=bool(
            cards or jetson or any(node.name in ("nvidia0", "dxg") for node in there) or _is_on_bus(root)
        ),
        jetson=jetson,
        nodes=tuple(node.name for node in there),
        closed=tuple(closed),
        libraries=frozenset(
            _find_libraries(root, ("libcuda.so", "libcublas.so", "libcublasLt.so", "libcudart.so"))
        ),
    )


def judge(
    traces: Traces, devices: Iterable[Device], problems: Iterable[str], modules: Iterable[str], wanted: str
) -> Verdict:
    """Decide which device computes, and whether that is a silent fall-back.

    Args:
        traces: see `find_gpu_traces`.
        devices: GPUs that llama.cpp offers.
        problems: why back ends were not loaded, in llama.cpp's words.
        modules: names of the back ends in the folder for them; none without one.
        wanted: the setting ``gpu_layers``.
    """
    usable = max(devices, key=lambda device: device.free, default=None)
    if usable:
        memory = f"{usable.free / 1e9:.1f} of {usable.total / 1e9:.1f} GB free"
        if wanted == "0":
            return Verdict(False, f"processor; {usable.description} is switched off by gpu_layers = 0")
        return Verdict(False, f"{usable.description} ({usable.name}), {memory}")
    asked = wanted not in ("auto", "0")
    if wanted == "0" or not (traces.card or asked):
        return Verdict(
            False, "processor" + ("; no GPU was found" if not traces.card else ", as gpu_layers = 0 says")
        )
    why = (
        f"processor only, though there is an {traces.name}"
        if traces.card
        else "processor only, though gpu_layers asks for a GPU"
    )
    problem = next(iter(problems), "")
    missing, hint = _find_missing(traces, list(modules), problem)
    return Verdict(True, f"{why}: {missing}", f'{hint} Or set gpu_layers = "0" to leave it idle.')


def _find_missing(traces: Traces, modules: list[str], problem: str) -> tuple[str, str]:
    """Find the first thing that is missing, from the hardware up, and what to do."""
    if not traces.card:
        return "no NVIDIA GPU was found", "Check that it is seated, and shown by lspci."
    if not traces.nodes:
        return (
            "its driver is not loaded (no device files)",
            "Install NVIDIA's driver, and restart; in a container, pass the GPU in.",
        )
    if traces.closed:
        nodes = ", ".join(f"/dev/{name}" for name in traces.closed)
        return (
            f"{nodes} may not be opened",
            "Add this user to the group of these files (video or render), and log in again.",
        )
    if "libcuda.so" not in traces.libraries:
        return (
            "the driver's library libcuda.so.1 was not found",
            "Install the driver's user part; in a container, pass it in.",
        )
    if not any(name.startswith("libggml-cuda") for name in modules):
        return f"the back end {MODULE} is not there", BUILD
    if "driver version is insufficient" in problem:
        return (
            "its driver is older than the CUDA of the back end",
            "Update NVIDIA's driver, or build with an older CUDA.",
        )
    for library in ("libcublas.so", "libcublasLt.so", "libcudart.so"):
        if library in problem or (library not in traces.libraries and not problem):
            return (
                f"{library} was not found",
                "Install the CUDA libraries that the back end was built with (cuBLAS and the runtime).",
            )
    if problem:
        return (
            problem,
            "Build the back end with the CUDA of this machine's driver, and with the llama.cpp that edge brings.",
        )
    return (
        "the back end found no device it can use",
        "Check with nvidia-smi; the driver may be older than the CUDA it was built with.",
    )


def _read_cards(root: Path) -> list[str]:
    """Read the names of cards from the kernel's driver."""
    names = []
    for file in sorted((root / "proc/driver/nvidia/gpus").glob("*/information")):
        try:
            lines = dict(
                line.split(":", 1)
                for line in file.read_text(encoding="utf-8", errors="replace").splitlines()
                if ":" in line
            )
        except OSError:
            continue
        names.append(lines.get("Model", "NVIDIA GPU").strip())
    return names


def _is_on_bus(root: Path) -> bool:
    """Return whether the PCI bus has a display or 3D controller of NVIDIA, with a driver or without."""
    for folder in (root / "sys/bus/pci/devices").glob("*"):
        try:
            vendor = (folder / "vendor").read_text(encoding="ascii").strip()
            kind = (folder / "class").read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if vendor == "0x10de" and kind.startswith("0x03"):
            return True
    return False


def _find_libraries(root: Path, names: Iterable[str]) -> Iterable[str]:
    """Return those of the libraries that are there, in any version."""
    folders = [root / folder for folder in _LIBRARIES]
    return [name for name in names if any(next(folder.glob(f"{name}*"), None) for folder in folders)]
