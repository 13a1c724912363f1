"""Places to run the program in: file systems that only it sees, roots of Debian. And a little program, soon started."""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

import archive
from edge.bundle.bundle import open_bundle
from edge.bundle.compose import Source, compose
from fetch import make_cache_folder

STORAGE = 8
NOBODY = 65534

Done = subprocess.CompletedProcess[str]
Command = Sequence[str | Path]


def start(
    command: Command,
    environment: Mapping[str, str],
    *,
    cwd: Path | None = None,
    before: Callable[[], None] | None = None,
    user: int | None = None,
) -> Done:
    """Run a command to its end. ``before`` is called in its process, ``user`` is who runs it."""
    identity: dict[str, object] = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        command,
        env=environment,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        preexec_fn=before,
        check=False,
        **identity,
    )


def wrap_in_mounts(script: str, command: Command) -> list[str]:
    """Return a command that runs another where only it sees what ``script`` mounts. Skip where that is not
    permitted."""
    if not _can_mount():
        pytest.skip("this machine does not permit mount namespaces")
    return [*_unshare(), "sh", "-euc", f"{script}\nexec {shlex.join(map(str, command))}"]


def write_read_only_script(*folders: Path) -> str:
    """Write a script for `wrap_in_mounts`: nothing can be written but in these folders, and to devices."""
    kept = " ".join(shlex.quote(str(folder)) for folder in folders)
    return f"""
        for kept in {kept}; do mount --bind "$kept" "$kept"; done
        while read -r _ _ _ _ point _; do
            case " {kept} /proc /dev/pts " in *" $point "*) continue;; esac
            mount -o remount,bind,ro "$point" || test "$point" != /
        done < /proc/self/mountinfo"""


def install_debian(release: str, *options: str, name: str = "") -> Path:
    """Return the root of a Debian release as debootstrap makes it, kept in the build cache: minutes, once. Skips where
    that is not possible."""
    folder = make_cache_folder() / "roots" / (name or release)
    if os.geteuid() or not shutil.which("debootstrap"):
        pytest.skip("as root: apt-get install debootstrap")
    if not folder.exists():
        unfinished = folder.with_suffix(".partial")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        subprocess.run(["debootstrap", "--variant=minbase", *options, release, unfinished], check=True)
        unfinished.rename(folder)
    return folder


@functools.cache
def _can_mount() -> bool:
    command = [*_unshare(), "mount", "-t", "tmpfs", "none", "/mnt"]
    return (
        bool(shutil.which("unshare"))
        and not subprocess.run(command, capture_output=True, check=False).returncode
    )


def _unshare() -> list[str]:
    return ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]


def make_little_program(program: Path, target: Path, script: str = "echo little") -> Path:
    """Make a program with the launcher of the real one, that unpacks a shell script and a few files of noise.

    Three frames, so that damage meets one that is not the first.
    """
    folder = target.with_name(f"{target.name}.folder")
    for name, size in (("_internal/a", 1 << 10), ("_internal/sub/empty", 0), ("_internal/z", 1 << 14)):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(size))
    (folder / "edge").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "edge").chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive, "FRAME", 1 << 10)
        packed = archive.pack_folder(folder, folder)
    source = Source("program", "edge", packed, 0, packed.stat().st_size)
    compose(_make_launcher(program, target.with_name("launcher")), [source], target)
    return target


def _make_launcher(program: Path, target: Path) -> Source:
    bundle = open_bundle(program)
    (size,) = (part.size for part in bundle.parts if part.kind == "launcher")
    with program.open("rb") as file:
        target.write_bytes(file.read(size))
    return Source.from_file("launcher", target)
