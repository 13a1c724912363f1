"""The devices llama.cpp computes on, from its one registry, and the back ends that are loaded into it as modules.

A module comes from a folder that was named, never from the working directory or a search path.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path
from typing import Any

CPU, GPU, INTEGRATED_GPU = 0, 1, 2  # enum ggml_backend_dev_type

CPUINFO = Path("/proc/cpuinfo")
FIRST_CORE = 8192
"""Characters of it that surely hold all of the first core."""

MODULES = "libggml-*.so"
_ALWAYS_THERE = ("libggml-base.so", "libggml-cpu.so")

VARIANTS = {
    "sapphirerapids": "avx512f", "zen4": "avx512f", "cooperlake": "avx512f", "icelake": "avx512f",
    "cascadelake": "avx512f", "cannonlake": "avx512f", "skylakex": "avx512f", "alderlake": "avx",
    "haswell": "avx", "piledriver": "avx", "ivybridge": "avx", "sandybridge": "avx", "sse42": "", "x64": "",
    "armv9.2_2": "", "armv9.2_1": "", "armv8.6_2": "", "armv8.6_1": "", "armv8.2_3": "", "armv8.2_2": "",
    "armv8.2_1": "", "armv8.0_1": "",
}  # fmt: skip
"""llama.cpp's names of the variants of the processor's code (ggml/src/CMakeLists.txt), those that ggml ranks higher
first, and the flag that the kernel must report for them. ggml asks an x86 processor alone; where kernel or hypervisor
keep its wide registers off, their first use ends the process.
"""

_BUILD_FACTS = ("LLAMAFILE", "OPENMP", "REPACK", "ACCELERATE", "KLEIDIAI", "CPU_HBM")
"""Entries that llama.cpp lists among the features of a processor, and that are none."""


class _Feature(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("value", ctypes.c_char_p))


_GetFeatures = ctypes.CFUNCTYPE(ctypes.POINTER(_Feature), ctypes.c_void_p)


@dataclass(frozen=True, slots=True)
class Device:
    """A device: its name in the registry, what it is, its kind and its bytes of memory."""

    name: str
    description: str
    kind: int
    free: int
    total: int

    @property
    def is_gpu(self) -> bool:
        """True when layers can be given to it."""
        return self.kind in (GPU, INTEGRATED_GPU)

    @property
    def is_shared(self) -> bool:
        """True when its memory is the machine's own."""
        return self.kind == INTEGRATED_GPU


class Registry:
    """llama.cpp's registry of back ends and devices, through the library that also computes."""

    def __init__(self, library: Any) -> None:
        self._library = library
        signatures: dict[str, tuple[list[Any], Any]] = {
            "ggml_backend_load": ([ctypes.c_char_p], ctypes.c_void_p),
            "ggml_backend_reg_by_name": ([ctypes.c_char_p], ctypes.c_void_p),
            "ggml_backend_reg_get_proc_address": ([ctypes.c_void_p, ctypes.c_char_p], ctypes.c_void_p),
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

    def load_processor(self, folder: Path, cpuinfo: Path = CPUINFO) -> str:
        """Load the best variant of a folder that this processor and its kernel can run, where none is linked in.

        `ggml_backend_load` asks the variant itself and takes none that cannot run. Not ``ggml_backend_load_all…``: it
        also loads what an environment variable names.

        Returns:
            its name; empty when one is linked in, or none can be loaded.
        """
        if self._find_processor():
            return ""
        loads = self._library.ggml_backend_load
        names = list_variants(folder, cpuinfo)
        return next((name for name in names if loads(os.fsencode(folder / _name_file(name)))), "")

    def list_features(self) -> tuple[str, ...] | None:
        """Return what the loaded code for the processor uses, such as ``AVX2``; None when there is no such code."""
        processor = self._find_processor()
        if not processor:
            return None
        name = b"ggml_backend_get_features"
        listed = _GetFeatures(self._library.ggml_backend_reg_get_proc_address(processor, name))(processor)
        entries = takewhile(lambda entry: entry.name, (listed[n] for n in count()))
        names = [entry.name.decode() for entry in entries if entry.value == b"1"]
        return tuple(name for name in names if name not in _BUILD_FACTS)

    def load_modules(self, folder: Path) -> tuple[str, ...]:
        """Load every other back end of a folder; the names of those that cannot be."""
        names = sorted(path.name for path in folder.glob(MODULES))
        wanted = [n for n in names if n not in _ALWAYS_THERE and not n.startswith("libggml-cpu-")]
        return tuple(n for n in wanted if not self._library.ggml_backend_load(os.fsencode(folder / n)))

    def list_devices(self) -> tuple[Device, ...]:
        """List all devices, the processor among them."""
        return tuple(self._describe_device(n) for n in range(self._library.ggml_backend_dev_count()))

    def _find_processor(self) -> Any:
        return self._library.ggml_backend_reg_by_name(b"CPU")

    def _describe_device(self, number: int) -> Device:
        device = ctypes.c_void_p(self._library.ggml_backend_dev_get(number))
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self._library.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
        return Device(
            self._library.ggml_backend_dev_name(device).decode(errors="replace"),
            self._library.ggml_backend_dev_description(device).decode(errors="replace"),
            self._library.ggml_backend_dev_type(device),
            free.value,
            total.value,
        )


def list_variants(folder: Path, cpuinfo: Path = CPUINFO) -> tuple[str, ...]:
    """List the variants of the processor's code that are in a folder and that the kernel lets run, best first."""
    reported = _read_flags(cpuinfo)
    there = {name: needed for name, needed in VARIANTS.items() if (folder / _name_file(name)).exists()}
    return tuple(name for name, needed in there.items() if not needed or not reported or needed in reported)


def _name_file(variant: str) -> str:
    return f"libggml-cpu-{variant}.so"


def _read_flags(cpuinfo: Path) -> set[str]:
    """Read what the kernel lets programs use, in the words of the first core; nothing when it does not say."""
    try:
        with cpuinfo.open(encoding="ascii", errors="replace") as file:
            return set(file.read(FIRST_CORE).split())
    except OSError:
        return set()
