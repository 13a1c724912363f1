"""Tries to get out of the sandbox by every road, on three threads, and says what came of it:

    python inmate.py MODEL SECRET PARENT MISSING ONLY GPU_LAYERS

MODEL is loaded before the door is locked; SECRET is a file nobody gave away; PARENT is the process that started this
one. MISSING names system calls that the kernel shall not have; ONLY the attempts to make, all if empty (without seccomp
some would succeed, and do harm); both with commas between. Prints JSON: the level, how long it took, and for each
thread what every attempt led to: "done", or the name of the error.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import platform
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from edge.engine.process.options import WorkerOptions
from edge.engine.worker import sandbox, syscalls

LIBC = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == "x86_64"
Attempts = dict[str, Callable[[], object]]


def call(number: int | str, *arguments: object) -> int:
    """Make a system call, by name where the sandbox knows it too."""
    if isinstance(number, str):
        number = syscalls.NUMBERS[number][platform.machine()]
    result = int(LIBC.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def list_forbidden(model: str, secret: str, parent: int, folder: str) -> Attempts:
    """List what must not work."""
    new, here = f"{folder}/new", os.O_RDONLY
    at = ctypes.c_long(-100)  # AT_FDCWD
    name, other = os.fsencode(secret), os.fsencode(new)
    how = (ctypes.c_uint64 * 3)(0, 0, 0)
    attempts: Attempts = {
        "write a new file": lambda: os.open(new, os.O_WRONLY | os.O_CREAT),
        "write over a file": lambda: os.open(secret, os.O_WRONLY | os.O_TRUNC),
        "append to a file": lambda: os.open(secret, os.O_RDWR | os.O_APPEND),
        "empty a file in passing": lambda: os.open(secret, os.O_RDONLY | os.O_TRUNC),
        "write into a nameless file": lambda: os.open(folder, os.O_TMPFILE | os.O_RDWR),
        "write over the model": lambda: os.open(model, os.O_RDWR),
        "open by openat2": lambda: call("openat2", at, name, how, ctypes.c_long(24)),
        "read /etc/passwd": lambda: os.open("/etc/passwd", here),
        "read a secret": lambda: os.open(secret, here),
        "read a secret by a link": lambda: os.open(f"{folder}/link", here),
        "read its folder": lambda: os.listdir(folder),
        "read the parent's memory": lambda: os.open(f"/proc/{parent}/mem", here),
        "read the parent's environment": lambda: os.open(f"/proc/{parent}/environ", here),
        "truncate": lambda: os.truncate(secret, 0),
        "unlink": lambda: os.unlink(secret),
        "rename": lambda: os.rename(secret, new),
        "mkdir": lambda: os.mkdir(new),
        "rmdir": lambda: os.rmdir(folder),
        "mknod": lambda: os.mkfifo(new),
        "symlink": lambda: os.symlink(secret, new),
        "link": lambda: os.link(secret, new),
        "chmod": lambda: os.chmod(secret, 0o777),
        "fchmod": lambda: os.fchmod(0, 0o777),
        "chown": lambda: os.chown(secret, 0, 0),
        "utime": lambda: os.utime(secret),
        "setxattr": lambda: os.setxattr(secret, "user.a", b"b"),
        "removexattr": lambda: os.removexattr(secret, "user.a"),
        "fchmodat2": lambda: call(452, at, name, 0o777, 0),
        "setxattrat": lambda: call(463, at, name, 0, b"user.a", None, 0),
        "TCP": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "UDP": lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
        "unix socket": lambda: socket.socket(socket.AF_UNIX),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        "socketpair": lambda: socket.socketpair(),
        "send on a pipe": lambda: call("sendto", 1, b"x", ctypes.c_long(1), 0, None, 0),
        "exec": lambda: os.execv("/bin/true", ["true"]),
        "exec of memory": lambda: call("execveat", os.memfd_create("x"), b"", None, None, 0x1000),
        "fork": os.fork,
        "posix_spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
        "clone": lambda: call("clone", ctypes.c_long(signal.SIGCHLD), None, None, None, None),
        "clone3": lambda: call("clone3", None, ctypes.c_long(0)),
        "ptrace the parent": lambda: call("ptrace", 16, parent, None, None),
        "be traced": lambda: call("ptrace", 0, 0, None, None),
        "read the parent's memory by a call": lambda: call("process_vm_readv", parent, None, 0, None, 0, 0),
        "signal the parent": lambda: os.kill(parent, signal.SIGCONT),
        "signal the parent's thread": lambda: call("tgkill", parent, parent, 0),
        "signal any thread": lambda: call("tkill", parent, 0),
        "signal the group": lambda: os.kill(0, signal.SIGCONT),
        "signal all": lambda: os.kill(-1, 0),
        "signal by queue": lambda: call("rt_sigqueueinfo", parent, 0, None),
        "hold the parent": lambda: os.pidfd_open(parent),
        "limit the parent": lambda: call("prlimit64", parent, 0, None, None),
        "have signals sent": lambda: call("fcntl", 0, 8, ctypes.c_long(parent)),
        "type into the terminal": lambda: call("ioctl", 0, ctypes.c_long(0x5412), b"x"),
        "mount": lambda: call("mount", b"none", b"/tmp", b"tmpfs", ctypes.c_long(0), None),
        "unshare": lambda: call("unshare", ctypes.c_long(0x10000000)),
        "chroot": lambda: os.chroot(folder),
        "bpf": lambda: call("bpf", 0, None, 0),
        "perf": lambda: call("perf_event_open", None, 0, -1, -1, 0),
        "io_uring": lambda: call("io_uring_setup", 1, (ctypes.c_char * 120)()),
        "userfaultfd": lambda: call("userfaultfd", 0),
        "keyctl": lambda: call("keyctl", 0, 0, 0, 0, 0),
        "set the clock": lambda: call("clock_settime", 0, None),
        "become somebody else": lambda: call("setuid", 0),
        "shared memory": lambda: call("shmget", 0, ctypes.c_long(4096), 0o1600),
        "message queue": lambda: call("mq_open", b"x", os.O_RDWR | os.O_CREAT, 0o600, None),
        "a call that is newer": lambda: call(syscalls.NEWEST + 50),
    }
    if X86:
        attempts |= {
            "old open": lambda: call("open", other, os.O_WRONLY | os.O_CREAT, 0o600),
            "old read": lambda: call("open", b"/etc/passwd", here),
            "creat": lambda: call("creat", other, 0o600),
            "old unlink": lambda: call("unlink", name),
            "old rename": lambda: call("rename", name, other),
            "old chmod": lambda: call("chmod", name, 0o777),
            "old fork": lambda: call("fork"),
            "vfork": lambda: call("vfork"),
            "ports": lambda: call("iopl", 3),
        }
    return attempts


def list_allowed(model: str, exchange: int) -> Attempts:
    """List what computing needs."""

    def start_thread() -> None:
        started = threading.Event()
        threading.Thread(target=started.set).start()
        assert started.wait(10)

    def take_memory() -> None:
        with mmap.mmap(-1, 2**20) as block:
            block[:5] = b"hello"

    def write_state() -> None:
        os.ftruncate(exchange, 8192)
        os.pwrite(exchange, b"state", 4096)
        with mmap.mmap(exchange, 8192) as block:
            assert block[4096:4101] == b"state"

    return {
        "start a thread": start_thread,
        "take memory": take_memory,
        "write into shared memory": write_state,
        "write to a pipe": lambda: os.write(2, b""),
        "signal itself": lambda: os.kill(os.getpid(), 0),
        "its own limits": lambda: call("prlimit64", 0, 0, None, None),
        "read the model again": lambda: os.close(os.open(model, os.O_RDONLY)),
        "import a module": lambda: __import__("xml.dom.minidom"),
        "chance": lambda: os.urandom(8),
        "ask a file": lambda: call("ioctl", exchange, ctypes.c_long(0x541B), ctypes.byref(ctypes.c_int())),
        "sleep": lambda: threading.Event().wait(0.001),
    }


def try_all(attempts: Attempts) -> dict[str, str]:
    """Try all; return what came of each."""
    results = {}
    for name, attempt in attempts.items():
        try:
            attempt()
            results[name] = "done"
        except OSError as error:
            results[name] = errno.errorcode.get(error.errno or 0, "OSError")
        except ImportError:
            results[name] = "ImportError"
        if os.getpid() != HERE:
            os._exit(0)  # a child that should not be
    return results


HERE = os.getpid()


def main() -> None:
    model, secret, parent, missing, only, layers = sys.argv[1:]
    real = sandbox._call_system

    def call_or_miss(name: str, *arguments: int | bytes | None) -> int:
        if name in missing.split(","):
            ctypes.set_errno(errno.ENOSYS)
            return -1
        return real(name, *arguments)

    sandbox._call_system = call_or_miss
    exchange = os.memfd_create("exchange")
    options = WorkerOptions(Path(model), "generate", gpu_layers=int(layers), exchange=exchange)
    folder = tempfile.mkdtemp()
    os.symlink(secret, f"{folder}/link")
    times = [time.perf_counter()]
    level = sandbox.restrict_before_loading(options)
    times.append(time.perf_counter())
    orders: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def obey() -> None:
        while order := orders.get():
            order()

    old = threading.Thread(target=obey)
    old.start()
    times.append(time.perf_counter())
    level = sandbox.restrict_after_loading(level)
    times.append(time.perf_counter())
    seconds = times[1] - times[0] + times[3] - times[2]

    attempts = {**list_forbidden(model, secret, int(parent), folder), **list_allowed(model, exchange)}
    attempts = {name: attempts[name] for name in only.split(",") if name in attempts} or attempts
    results: dict[str, dict[str, str]] = {}

    def attempt(who: str) -> None:
        results[who] = try_all(attempts)

    orders.put(lambda: attempt("old thread"))
    orders.put(None)
    old.join()
    new = threading.Thread(target=attempt, args=("new thread",))
    new.start()
    new.join()
    attempt("main thread")
    status = dict(line.split(":\t", 1) for line in os.pread(STATUS, 1 << 14, 0).decode().splitlines())
    facts = {"level": level.to_frame(), "seconds": seconds, "status": status}
    print(json.dumps({**facts, "threads": results}))


STATUS = os.open("/proc/self/status", os.O_RDONLY)  # while that is allowed

if __name__ == "__main__":
    main()
