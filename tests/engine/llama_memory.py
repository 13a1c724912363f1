"""What llama.cpp itself says a context takes, without allocating any of it.

python -m tests.engine.llama_memory FILE...      each: {"CELLS REQUESTS KV": {"kv", "compute", "logits"}} in MiB
"""

from __future__ import annotations

import ctypes
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge.engine.machine.fit import BATCH, EXTRA_OUTPUTS, EXTRA_SEQUENCES
from edge.engine.process.options import KvType

RUNS: tuple[tuple[int, int, KvType], ...] = (
    (5120, 1, "f16"), (5120, 1, "q4_0"), (20_480, 16, "f16"), (20_480, 16, "q8_0"), (69_632, 64, "f16"),
)  # fmt: skip


def ask_llama(paths: Sequence[Path]) -> dict[str, dict[str, dict[str, float]]]:
    """Ask llama.cpp for every file and every one of ``RUNS``, in a process of its own."""
    command = [sys.executable, "-m", "tests.engine.llama_memory", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    told: dict[str, dict[str, dict[str, float]]] = json.loads(done.stdout)
    return told


def _measure(path: str) -> dict[str, dict[str, float]]:
    from edge.engine.worker.binding import GGML_TYPES, L

    lines: list[str] = []

    @L.llama_log_callback  # type: ignore[untyped-decorator, unused-ignore]
    def log(_level: int, text: bytes, _data: object) -> None:
        lines.append(text.decode(errors="replace"))

    L.llama_log_set(log, ctypes.c_void_p(0))
    parameters = L.llama_model_default_params()
    parameters.use_extra_bufts, parameters.no_alloc = False, True
    parameters.load_mode = L.LLAMA_LOAD_MODE_NONE
    model = L.llama_model_load_from_file(path.encode(), parameters)
    assert model, "".join(lines)
    told = {}
    for cells, requests, kind in RUNS:
        lines.clear()
        values = L.llama_context_default_params()
        values.n_ctx, values.n_batch, values.n_ubatch = cells, BATCH, BATCH
        values.n_seq_max, values.n_outputs_max = requests + EXTRA_SEQUENCES, requests + EXTRA_OUTPUTS
        values.kv_unified, values.type_k, values.type_v = True, GGML_TYPES[kind], GGML_TYPES[kind]
        context = L.llama_init_from_model(model, values)
        assert context, "".join(lines)
        told[f"{cells} {requests} {kind}"] = _parse_sizes("".join(lines))
        L.llama_free(context)
    return told


def _parse_sizes(text: str) -> dict[str, float]:
    def sum_sizes(pattern: str) -> float:
        return sum(float(number) for number in re.findall(pattern, text))

    return {
        "kv": sum_sizes(r"size\s*=\s*([0-9.]+) MiB \(\s*\d+ cells"),
        "compute": sum_sizes(r"compute buffer size\s*=\s*([0-9.]+) MiB"),
        "logits": sum_sizes(r"output buffer size\s*=\s*([0-9.]+) MiB"),
    }


if __name__ == "__main__":
    results: dict[str, Any] = {Path(path).stem: _measure(path) for path in sys.argv[1:]}
    print(json.dumps(results))
