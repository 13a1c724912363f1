"""The sandbox a worker computes in: no network, no other program, nothing written, nothing read but the model.

A model file comes from outside and is read by C++ code: if a crafted one takes this process over, it must not get any
further. `restrict_before_loading` takes away all files but those that loading needs (Landlock) and all system calls
that neither loading nor computing needs (seccomp); `restrict_after_loading` takes what only loading needs. No
privileges and no libraries are used. Where the kernel lacks one of the two the other still counts, and the level says
so. What stays possible is to ask whether a file exists, and how large it is (stat): neither can forbid that.

man 7 landlock, man 2 seccomp; linux/landlock.h, linux/seccomp.h, linux/filter.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from edge.engine.process.frames import Frame
from edge.engine.process.options import WorkerOptions
from edge.engine.worker import syscalls

_LIBC = ctypes.CDLL(None, use_errno=True)

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38

# Landlock rights: (the first ABI that knows them, the bits of all rights up to then).
_FILE_RIGHTS = ((1, 0x1FFF), (2, 0x3FFF), (3, 0x7FFF), (5, 0xFFFF))
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _IOCTL_DEV = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 15
_TCP_ABI, _TCP_RIGHTS = 4, 3  # bind, connect
_SCOPE_ABI, _SCOPES = 6, 3  # abstract sockets and signals stay inside
_ATTRIBUTE_BYTES = ((1, 8), (_TCP_ABI, 16), (_SCOPE_ABI, 24))

LIBRARIES = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
MACHINE = ("/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu", "/sys/devices/system/node")
GPU_READ: tuple[str, ...] = (
    "/proc/driver",
    "/proc/self",
    "/proc/devices",
    "/proc/modules",
    "/proc/filesystems",
    "/proc/version",
)
GPU_READ += (
    "/sys",
    "/usr/local/cuda",
    "/opt/nvidia",
    "/etc/nv_tegra_release",
    "/usr/share/vulkan",
    "/etc/vulkan",
)
GPU_DEVICES = ("nvidia*", "nvhost*", "nvmap", "nvgpu", "nvsciipc", "dri", "kfd")
"""Files that drivers read, and devices that they open under ``/dev``."""


@dataclass(frozen=True, slots=True)
class Level:
    """The locks that hold. ``landlock`` is the kernel's ABI, 0 for none; ``reasons`` say what is missing and why."""

    landlock: int = 0
    seccomp: bool = False
    gpu: bool = False
    reasons: tuple[str, ...] = ()

    def to_frame(self) -> Frame:
        """Return this as a part of the worker's facts."""
        return {
            "landlock": self.landlock,
            "seccomp": self.seccomp,
            "gpu": self.gpu,
            "reasons": list(self.reasons),
        }


def restrict_before_loading(options: WorkerOptions) -> Level:
    """Restrict the process as far as loading allows. To be called before any thread is started.

    For a GPU, whose driver does at its start what computing never needs, only files are taken away yet.
    """
    level = Level(gpu=options.gpu_layers > 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would be a file with passages in it
    _LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)  # nobody attaches a debugger or reads the memory
    if _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return replace(level, reasons=("the kernel does not know no_new_privs",))
    level = _restrict_files(level, options)
    return level if level.gpu else _restrict_calls(level, "reading")


def restrict_after_loading(level: Level) -> Level:
    """Take away what only loading needs, from all threads; what holds now.

    Without Landlock nothing at all can be opened any more. With a GPU, devices can be opened and driven, so that
    without Landlock files can be written there too.
    """
    if level.gpu:
        level = _restrict_calls(level, "any")
        return replace(level, reasons=(*level.reasons, "the GPU's driver needs its devices"))
    return _restrict_calls(level, "nothing") if level.seccomp and not level.landlock else level


def _restrict_files(level: Level, options: WorkerOptions) -> Level:
    try:
        abi = _read_landlock_abi()
        threads = len(os.listdir("/proc/self/task"))
        _apply_landlock(abi, options, level.gpu)
    except OSError as error:
        known = {errno.ENOSYS: "the kernel has no Landlock", errno.EOPNOTSUPP: "Landlock is switched off"}
        reason = known.get(error.errno or 0) or f"no Landlock: {error.strerror}"
        return replace(level, reasons=(*level.reasons, reason))
    if threads > 1:  # they keep what they had
        return replace(level, reasons=(*level.reasons, f"{threads - 1} threads ran before Landlock"))
    return replace(level, landlock=abi)


def _restrict_calls(level: Level, opening: syscalls.Opening) -> Level:
    try:
        _install_filter(syscalls.make_filter(platform.machine(), os.getpid(), opening, level.gpu))
    except (OSError, KeyError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"not known for {platform.machine()}"
        return replace(level, seccomp=False, reasons=(*level.reasons, f"no seccomp: {reason}"))
    return replace(level, seccomp=True)


def _read_landlock_abi() -> int:
    return _check_result(_call_system("landlock_create_ruleset", None, 0, 1))


def _apply_landlock(abi: int, options: WorkerOptions, gpu: bool) -> None:
    rights = _get_newest(_FILE_RIGHTS, abi)
    network = _TCP_RIGHTS if abi >= _TCP_ABI else 0
    scopes = _SCOPES if abi >= _SCOPE_ABI else 0
    attributes = struct.pack("=QQQ", rights, network, scopes)[: _get_newest(_ATTRIBUTE_BYTES, abi)]
    ruleset = _check_result(_call_system("landlock_create_ruleset", attributes, len(attributes), 0))
    try:
        for path in (
            *_list_model_files(options),
            *_list_program_files(),
            *(map(Path, GPU_READ) if gpu else ()),
        ):
            _allow(ruleset, path, _READ_FILE | _READ_DIR)
        if gpu:
            for path in _list_devices():
                _allow(ruleset, path, (_READ_FILE | _READ_DIR | _WRITE_FILE | _IOCTL_DEV) & rights)
        _check_result(_call_system("landlock_restrict_self", ruleset, 0))
    finally:
        os.close(ruleset)


def _list_model_files(options: WorkerOptions) -> Iterator[Path]:
    yield from (path for path in (options.model, *(path for path, _ in options.loras)) if path.is_file())
    if options.back_ends:
        yield options.back_ends


def _list_program_files() -> Iterator[Path]:
    """Yield what the interpreter and llama.cpp still load: their own folders, not all of the module search path, which
    may be one that holds anything.
    """
    yield from (Path(path) for path in (*LIBRARIES, *MACHINE))
    yield Path(os.__file__).parent  # the standard library
    yield Path(__file__).parents[2]  # edge itself
    yield from (Path(path) for path in sys.path if path.endswith(("site-packages", "dist-packages", ".zip")))
    yield Path(sys.base_prefix, "lib")
    yield from (Path(path) for path in os.environ.get("LD_LIBRARY_PATH", "").split(":") if path)
    # The one-file executable: its own file and what it unpacked.
    if unpacked := getattr(sys, "_MEIPASS", None):
        yield from (Path(sys.executable), Path(unpacked))


def _list_devices() -> Iterator[Path]:
    for pattern in GPU_DEVICES:
        yield from Path("/dev").glob(pattern)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    # What is not there is not read either.
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            allowed = rights if path.is_dir() else rights & ~_READ_DIR
            rule = struct.pack("=Qi", allowed, descriptor)
            _check_result(_call_system("landlock_add_rule", ruleset, 1, rule, 0))
        finally:
            os.close(descriptor)


def _install_filter(program: bytes) -> None:
    """Put every thread of this process, and all to come, under a filter."""
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // syscalls.INSTRUCTION_BYTES, ctypes.addressof(buffer))
    set_filter, all_threads, keep_speculation = 1, 1, 4  # else kernels before 5.16 slow the computing down
    result = _call_system("seccomp", set_filter, all_threads | keep_speculation, header)
    if result < 0 and ctypes.get_errno() == errno.EINVAL:
        result = _call_system("seccomp", set_filter, all_threads, header)
    if _check_result(result):
        raise OSError(errno.EBUSY, f"thread {result} could not be reached")


def _call_system(name: str, *arguments: int | bytes | None) -> int:
    number = syscalls.NUMBERS[name].get(platform.machine())
    if number is None:
        ctypes.set_errno(errno.ENOSYS)
        return -1
    values = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return int(_LIBC.syscall(ctypes.c_long(number), *values))


def _check_result(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _get_newest(steps: tuple[tuple[int, int], ...], abi: int) -> int:
    return [value for first, value in steps if first <= abi][-1]
