"""Checks which device computes. That the processor does the work although there is a GPU is a fault."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.config import Settings
from edge.doctor.check import Check
from edge.engine.machine import gpu
from edge.engine.machine.probe import parse_gpus, read_device_facts
from edge.engine.machine.resources import Device
from edge.engine.prepare import AUTO, find_back_ends
from edge.models.store import ModelStore


@dataclass
class Findings:
    """The GPUs that the check found, for the checks after it."""

    devices: tuple[Device, ...] = ()


def check_device(settings: Settings, found: Findings, root: Path = Path("/")) -> Check:
    """Check which device llama.cpp computes on. An idle GPU is a fault once there is a language model."""
    traces = gpu.find_gpu_traces(root)
    folder = find_back_ends(settings)
    modules = [path.name for path in folder.glob("libggml-*.so")] if folder else []
    facts = read_device_facts(folder) if modules or traces.card else {}
    found.devices = parse_gpus(facts)
    told = facts.get("problems")
    problems = [str(problem)[:200] for problem in told] if isinstance(told, list) else []
    verdict = gpu.judge(traces, found.devices, problems, modules, settings.gpu_layers)
    if not verdict.fails:
        return Check("device", "ok", verdict.detail)
    matters = ModelStore(settings).find_active() or settings.gpu_layers != AUTO
    return Check("device", "fail" if matters else "warn", verdict.detail, verdict.hint)
