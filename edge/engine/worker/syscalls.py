"""The system calls a worker may not make, as a seccomp program. Pure: `sandbox` installs it.

What is not named here is allowed, but for calls newer than this table. A refusal is EPERM, as if the rights were
lacking; ENOSYS where the C library then falls back to an older call.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator, Sequence
from typing import Literal

Opening = Literal["nothing", "reading", "any"]
"""Files that may be opened: none at all, for reading, any."""

INSTRUCTION_BYTES = 8

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h
NEWEST = 450
"""Calls above this number are not known here, and nobody here needs them."""

X32 = 0x40000000
"""The bit of x86-64's other ABI, whose calls would pass by their other numbers."""

# Name, number on x86-64, number on aarch64 (asm/unistd_64.h, asm-generic/unistd.h).
_TABLE = """
socket 41 198; socketpair 53 199; connect 42 203; bind 49 200; listen 50 201; accept 43 202; accept4 288 242
sendto 44 206; sendmsg 46 211; sendmmsg 307 269; recvfrom 45 207; recvmsg 47 212; recvmmsg 299 243
execve 59 221; execveat 322 281; fork 57 -; vfork 58 -; clone 56 220; clone3 435 435
ptrace 101 117; process_vm_readv 310 270; process_vm_writev 311 271; process_madvise 440 440; kcmp 312 272
pidfd_open 434 434; pidfd_getfd 438 438; pidfd_send_signal 424 424
kill 62 129; tkill 200 130; tgkill 234 131; rt_sigqueueinfo 129 138; rt_tgsigqueueinfo 297 240; prlimit64 302 261
open 2 -; openat 257 56; openat2 437 437; creat 85 -; open_by_handle_at 304 265
truncate 76 45; unlink 87 -; unlinkat 263 35; rename 82 -; renameat 264 38; renameat2 316 276
mkdir 83 -; mkdirat 258 34; rmdir 84 -; mknod 133 -; mknodat 259 33; symlink 88 -; symlinkat 266 36; link 86 -
linkat 265 37; chmod 90 -; fchmod 91 52; fchmodat 268 53; chown 92 -; fchown 93 55; lchown 94 -; fchownat 260 54
utime 132 -; utimes 235 -; futimesat 261 -; utimensat 280 88
setxattr 188 5; lsetxattr 189 6; fsetxattr 190 7; removexattr 197 14; lremovexattr 198 15; fremovexattr 199 16
mount 165 40; umount2 166 39; pivot_root 155 41; chroot 161 51; move_mount 429 429; open_tree 428 428
fsopen 430 430; fsconfig 431 431; fsmount 432 432; fspick 433 433; mount_setattr 442 442; unshare 272 97
setns 308 268; swapon 167 224; swapoff 168 225; reboot 169 142; sethostname 170 161; setdomainname 171 162
acct 163 89; quotactl 179 60; quotactl_fd 443 443; syslog 103 116; bpf 321 280; perf_event_open 298 241
kexec_load 246 104; kexec_file_load 320 294; init_module 175 105; finit_module 313 273; delete_module 176 106
iopl 172 -; ioperm 173 -; modify_ldt 154 -; personality 135 92; keyctl 250 219; add_key 248 217; request_key 249 218
userfaultfd 323 282; io_uring_setup 425 425; io_uring_enter 426 426; io_uring_register 427 427; fanotify_init 300 262
setuid 105 146; setgid 106 144; setreuid 113 145; setregid 114 143; setresuid 117 147; setresgid 119 149
setgroups 116 159; setfsuid 122 151; setfsgid 123 152; capset 126 91
settimeofday 164 170; clock_settime 227 112; adjtimex 159 171; clock_adjtime 305 266
shmget 29 194; shmat 30 196; shmctl 31 195; msgget 68 186; msgsnd 69 189; msgrcv 70 188; msgctl 71 187
semget 64 190; semop 65 193; semctl 66 191; semtimedop 220 192; mq_open 240 180; mq_unlink 241 181
ioctl 16 29; fcntl 72 25; seccomp 317 277
landlock_create_ruleset 444 444; landlock_add_rule 445 445; landlock_restrict_self 446 446
"""

NUMBERS: dict[str, dict[str, int]] = {
    name: {machine: int(n) for machine, n in zip(ARCHITECTURES, numbers, strict=True) if n != "-"}
    for name, *numbers in (entry.split() for entry in _TABLE.replace("\n", ";").split(";") if entry.strip())
}
"""Numbers by name and machine; some calls exist on one of them only."""

_FILTERS_ARE_FREE = ("seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self")
"""A process may always take more away from itself."""

_FALL_BACK = ("clone3", "openat2")  # their arguments are in memory, where a filter cannot look
_OPENING = ("open", "openat")
_BY_ARGUMENT = ("clone", "kill", "tgkill", "prlimit64", "ioctl", "fcntl", *_OPENING)

_THREAD = 0x00010000  # CLONE_THREAD
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | 0o20000000  # the last: O_TMPFILE's own bit
_HARMLESS_IOCTLS = (0x5450, 0x5451, 0x5401, 0x5413, 0x541B, 0x5421)
"""FIONCLEX, FIOCLEX, TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO: what Python does with a file."""

_TYPING_IOCTLS = (0x5412, 0x541C)
"""TIOCSTI, TIOCLINUX: they type into a terminal."""

_SIGNAL_FCNTLS = (8, 10, 15)
"""F_SETOWN, F_SETSIG, F_SETOWN_EX: they have signals sent to others."""

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000  # linux/seccomp.h
_LOAD, _RETURN = 0x20, 0x06  # linux/bpf_common.h
_JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_BITS = 0x15, 0x35, 0x45
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16  # struct seccomp_data

Instruction = tuple[int, int, int, int]


def make_filter(machine: str, pid: int, opening: Opening, devices: bool) -> bytes:
    """Make a filter as the kernel takes it.

    Args:
        machine: as ``platform.machine()`` says.
        pid: of the process, which may send signals to itself.
        opening: what may be opened.
        devices: whether drivers may be driven (ioctl).

    Raises:
        KeyError: the machine is not known.
    """
    numbers = {name: known[machine] for name, known in NUMBERS.items() if machine in known}
    instructions = [
        *_load(_MACHINE),
        *_return_unless(_JUMP_EQUAL, ARCHITECTURES[machine], _KILL),
        *_load(_NUMBER),
        *_return_if(_JUMP_AT_LEAST, X32, _KILL),
        *_return_if(_JUMP_AT_LEAST, NEWEST + 1, _ERRNO | errno.ENOSYS),
    ]
    for name, number in numbers.items():
        if name in _FALL_BACK:
            instructions += _return_if(_JUMP_EQUAL, number, _ERRNO | errno.ENOSYS)
        elif name not in (*_BY_ARGUMENT, *_FILTERS_ARE_FREE):
            instructions += _return_if(_JUMP_EQUAL, number, _ERRNO | errno.EPERM)
    for name, rule in _make_rules(pid, opening, devices).items():
        if name in numbers:
            instructions += [(_JUMP_EQUAL, 0, len(rule), numbers[name]), *rule]
    instructions.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)


def _make_rules(pid: int, opening: Opening, devices: bool) -> dict[str, list[Instruction]]:
    """Make the rules that decide by argument; each ends with a verdict."""
    deny, allow = [(_RETURN, 0, 0, _ERRNO | errno.EPERM)], [(_RETURN, 0, 0, _ALLOW)]
    to_itself = [*_load_argument(0), *_return_if(_JUMP_EQUAL, pid, _ALLOW), *deny]
    rules = {
        "clone": [*_load_argument(0), *_return_if(_JUMP_BITS, _THREAD, _ALLOW), *deny],
        "kill": to_itself,
        "tgkill": to_itself,
        "prlimit64": [*_load_argument(0), *_return_if(_JUMP_EQUAL, 0, _ALLOW), *to_itself[1:]],
        "fcntl": [*_load_argument(1), *_return_if_any(_SIGNAL_FCNTLS, _ERRNO | errno.EPERM), *allow],
        "ioctl": [*_load_argument(1), *_return_if_any(_TYPING_IOCTLS, _ERRNO | errno.EPERM), *allow]
        if devices
        else [*_load_argument(1), *_return_if_any(_HARMLESS_IOCTLS, _ALLOW), *deny],
    }
    for place, name in enumerate(_OPENING, start=1):  # open(path, flags), openat(folder, path, flags)
        writing = _return_if(_JUMP_BITS, _WRITING, _ERRNO | errno.EPERM)
        rules[name] = {
            "nothing": deny, "reading": [*_load_argument(place), *writing, *allow], "any": allow
        }[opening]  # fmt: skip
    return rules


def _load(offset: int) -> Iterator[Instruction]:
    yield (_LOAD, 0, 0, offset)


def _load_argument(place: int) -> Iterator[Instruction]:
    """Yield what loads the lower half of an argument: all that the kernel looks at for the arguments used here."""
    yield from _load(_ARGUMENTS + 8 * place)


def _return_if(test: int, value: int, verdict: int) -> Iterator[Instruction]:
    yield (test, 0, 1, value)
    yield (_RETURN, 0, 0, verdict)


def _return_unless(test: int, value: int, verdict: int) -> Iterator[Instruction]:
    yield (test, 1, 0, value)
    yield (_RETURN, 0, 0, verdict)


def _return_if_any(values: Sequence[int], verdict: int) -> Iterator[Instruction]:
    for value in values:
        yield from _return_if(_JUMP_EQUAL, value, verdict)
