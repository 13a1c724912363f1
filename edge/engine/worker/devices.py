"""The devices llama.cpp computes on, from its one registry, and the back ends that are loaded into it as modules.

A module comes from a folder that was named, never from the working directory or a search path.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CPU, GPU, INTEGRATED_GPU = 0, 1, 2  # enum ggml_backend_dev_type

PROCESSOR_MODULES = "libggml-cpu-*.so"
MODULES = "libggml-*.so"
_ALWAYS_THERE = ("libggml-base.so", "libggml-cpu.so")


@dataclass(frozen=True, slots=True)
class Found:
    """A device: its name in the registry, what it is, its kind and its bytes of memory."""

    name: str
    description: str
    kind: int
    free: int
    total: int

    @property
    def is_gpu(self) -> bool:
        """Whether layers can be given to it."""
        return self.kind in (GPU, INTEGRATED_GPU)

    @property
    def is_shared(self) -> bool:
        """Whether its memory is the machine's own."""
        return self.kind == INTEGRATED_GPU


class Registry:
    """llama.cpp's registry of back ends and devices, through the library that also computes."""

    def __init__(self, library: Any) -> None:
        self._library = library
        signatures: dict[str, tuple[list[Any], Any]] = {
            "ggml_backend_load": ([ctypes.c_char_p], ctypes.c_void_p),
            "ggml_backend_load_all_from_path": ([ctypes.c_char_p], None),
            "ggml_backend_dev_count": ([], ctypes.c_size_t),
            "ggml_backend_dev_get": ([ctypes.c_size_t], ctypes.c_void_p),
            "ggml_backend_dev_name": ([ctypes.c_void_p], ctypes.c_char_p),
            "ggml_backend_dev_description": ([ctypes.c_void_p], ctypes.c_char_p),
            "ggml_backend_dev_type": ([ctypes.c_void_p], ctypes.c_int),
            "ggml_backend_dev_memory": (
                [ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_size_t)],
                None,
            ),
        }
        for name, (arguments, result) in signatures.items():
            function = getattr(library, name)
            function.argtypes, function.restype = arguments, result

    def load_processor(self, folder: Path) -> None:
        """Load the variant for this processor, where the variants are modules."""
        if any(folder.glob(PROCESSOR_MODULES)):
            self._library.ggml_backend_load_all_from_path(os.fsencode(folder))

    def load_modules(self, folder: Path) -> tuple[str, ...]:
        """Load every other back end of a folder; the names of those that cannot be."""
        names = sorted(path.name for path in folder.glob(MODULES))
        wanted = [n for n in names if n not in _ALWAYS_THERE and not n.startswith("libggml-cpu-")]
        return tuple(n for n in wanted if not self._library.ggml_backend_load(os.fsencode(folder / n)))

    def devices(self) -> tuple[Found, ...]:
        """All devices, the processor among them."""
        return tuple(self._device(n) for n in range(self._library.ggml_backend_dev_count()))

    def _device(self, number: int) -> Found:
        device = ctypes.c_void_p(self._library.ggml_backend_dev_get(number))
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self._library.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
        return Found(
            self._library.ggml_backend_dev_name(device).decode(errors="replace"),
            self._library.ggml_backend_dev_description(device).decode(errors="replace"),
            self._library.ggml_backend_dev_type(device),
            free.value,
            total.value,
        )
