"""How fast a CUDA device copies its own memory: what bounds the decoding of one request."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path
from typing import Any

BYTES = 1 << 30
TIMES = 20
_DEVICE_TO_DEVICE = 3
_NAMES = ("libcudart.so", "libcudart.so.13", "libcudart.so.12")
_FOLDERS = (
    "/usr/local/cuda/lib64",
    "/usr/local/cuda/targets/x86_64-linux/lib",
    "/usr/local/cuda/targets/aarch64-linux/lib",
)


def measure_device_bandwidth() -> float | None:
    """Return bytes read and written a second on the first device; None where the CUDA runtime is not found or fails."""
    library = _load_runtime()
    if library is None:
        return None
    source, target = ctypes.c_void_p(), ctypes.c_void_p()
    size = ctypes.c_size_t(BYTES)
    if library.cudaMalloc(ctypes.byref(source), size) or library.cudaMalloc(ctypes.byref(target), size):
        return None
    try:
        library.cudaMemcpy(target, source, size, _DEVICE_TO_DEVICE)
        library.cudaDeviceSynchronize()
        start = time.perf_counter()
        failed = any(library.cudaMemcpy(target, source, size, _DEVICE_TO_DEVICE) for _ in range(TIMES))
        failed = bool(library.cudaDeviceSynchronize()) or failed
        seconds = time.perf_counter() - start
    finally:
        library.cudaFree(source)
        library.cudaFree(target)
    return None if failed else 2 * BYTES * TIMES / seconds


def _load_runtime() -> Any:
    for name in (*_NAMES, *(str(Path(folder, name)) for folder in _FOLDERS for name in _NAMES)):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None
