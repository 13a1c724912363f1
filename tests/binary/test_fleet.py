"""The one file as a fleet gets it: on sticks as systems mount them, and as a package in Debian roots."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fleet import deb, usb
from fleet.package import write
from tests.binary.conftest import TINY_MODEL
from tests.binary.place import install_debian
from tests.binary.test_program import QUESTION

MOUNTING = ["unshare", "--map-root-user", "--mount", "sh", "-ec"]
"""A shell that may mount, for itself alone."""

needs_mounts = pytest.mark.skipif(
    subprocess.run([*MOUNTING, "true"], capture_output=True, check=False).returncode != 0,
    reason="mounting is not allowed here",
)

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def stick(program: Path, starter: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "a stick"
    usb.lay_out(folder, program, [starter, TINY_MODEL])
    return folder


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    """A home in which nothing must appear."""
    folder = tmp_path / "nobody"
    folder.mkdir()
    return folder


def on_stick(stick: Path, nobody: Path, *command: str, mounted: str = "") -> Done:
    """Run a command in the folder of the stick, mounted with an option."""
    mount = f'mount --bind . . && mount -o remount,bind,{mounted} . && cd "$PWD" && ' if mounted else ""
    return subprocess.run(
        [*MOUNTING, f'{mount}exec "$@"', "sh", *command] if mounted else command,
        cwd=stick,
        env={"HOME": str(nobody), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def in_memory() -> set[str]:
    return {name for name in os.listdir("/dev/shm") if name.startswith("edge-")}


def test_it_answers_from_what_lies_beside_it_and_writes_nowhere_else(stick: Path, nobody: Path) -> None:
    answer = json.loads(on_stick(stick, nobody, "./edge", "ask", QUESTION, "--json").stdout)
    assert answer["engine"] == f"llama:{TINY_MODEL.stem}"
    assert answer["citations"][0]["pack"] == "starter"
    assert list((stick / "edge-data").iterdir())
    assert not list(nobody.iterdir())


def test_the_script_is_the_program_where_that_runs(stick: Path, nobody: Path) -> None:
    done = on_stick(stick, nobody, "sh", "edge.sh", "pack", "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert "starter" in done.stdout


@needs_mounts
@pytest.mark.parametrize(
    ("mounted", "why"), [("noexec", "Permission denied"), ("ro", "Read-only file system")]
)
def test_where_it_may_not_run_the_script_says_what_can_be_done(
    stick: Path, nobody: Path, mounted: str, why: str
) -> None:
    done = on_stick(stick, nobody, "sh", "edge.sh", "pack", "list", mounted=mounted)
    assert done.returncode == 8
    assert done.stderr.startswith(f"error: The program cannot run from here: {why}.\nhint: ")
    assert "--on-this-host" in done.stderr


@needs_mounts
@pytest.mark.parametrize("mounted", ["noexec", "ro"])
def test_with_leave_it_runs_from_memory_and_is_gone_afterwards(
    stick: Path, nobody: Path, mounted: str
) -> None:
    before = in_memory()
    done = on_stick(
        stick, nobody, "sh", "edge.sh", "--on-this-host", "ask", QUESTION, "--json", mounted=mounted
    )
    assert json.loads(done.stdout)["engine"] == f"llama:{TINY_MODEL.stem}"
    assert ("is gone when it ends" in done.stderr) == (mounted == "ro")
    assert in_memory() == before
    assert not list(nobody.iterdir())


@needs_mounts
def test_exit_codes_pass_through_memory(stick: Path, nobody: Path) -> None:
    done = on_stick(
        stick, nobody, "sh", "edge.sh", "--on-this-host", "pack", "verify", "gone", mounted="noexec"
    )
    assert done.returncode == 3


@pytest.mark.slow
@pytest.mark.parametrize("release", ["bullseye", "bookworm"], ids=["Debian 11", "Debian 12"])
def test_the_package_is_installed_used_upgraded_removed_and_purged(
    release: str, program: Path, starter: Path, tmp_path: Path
) -> None:
    root = install_debian(release)
    machine, share = tmp_path / "machine", tmp_path / "share"
    machine.mkdir()
    share.mkdir()
    shutil.copy(starter, share / "starter.kpack")
    architecture = deb.name_architecture(program)
    for version in ("1.0-1", "1.0-2"):
        entries = [*deb.list_entries(version, 0)]
        write(
            share / f"{version}.deb", deb.make_fields(version, architecture), deb.make_scripts(), entries, 0
        )
    done = subprocess.run(
        ["unshare", "--mount", "--net", "sh", "-ec", ENTER, root, machine, share],
        input=LIFE, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "purged"


ENTER = """
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/debian"
mount -t overlay -o "lowerdir=$0,upperdir=$1/upper,workdir=$1/work" overlay "$1/debian"
mount -t proc proc "$1/debian/proc"
mount --bind /dev "$1/debian/dev"
mount --bind "$2" "$1/debian/mnt"
exec chroot "$1/debian" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -ex
"""
"""A shell in a root that is as it was afterwards."""

LIFE = """
dpkg -i /mnt/1.0-1.deb
test -L /etc/systemd/system/sockets.target.wants/edge.socket
test ! -e /etc/systemd/system/multi-user.target.wants/edge.service
test ! -e /etc/systemd/system/timers.target.wants/edge-sync.timer
edge-service pack install /mnt/starter.kpack --unsigned
edge-service self-test
test "$(stat -c %U:%a /var/lib/edge /var/cache/edge /var/lib/edge/packs/starter/active.json | sort -u | wc -l)" = 2
echo 'EDGE_EMBEDDER=none' >> /etc/default/edge
dpkg -i /mnt/1.0-2.deb
grep EDGE_EMBEDDER=none /etc/default/edge
edge-service pack list | grep starter
dpkg -r edge-assistant
test ! -e /usr/bin/edge
test ! -e /var/cache/edge
test -e /var/lib/edge/packs/starter
dpkg -P edge-assistant
test ! -e /var/lib/edge
test ! -e /etc/default/edge
test ! -e /etc/systemd/system/sockets.target.wants/edge.socket
if getent passwd edge; then exit 1; fi
echo purged
"""
