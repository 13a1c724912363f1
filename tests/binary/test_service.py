"""The package's service under a systemd of its own, booted in a Debian root (systemd-nspawn).

It takes debootstrap, a network when a root is made, and root's rights.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet import deb
from fleet.package import write
from tests.binary.conftest import TINY_MODEL
from tests.binary.place import install_debian
from tests.binary.test_program import QUESTION
from tests.binary.test_roots import ASK

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not shutil.which("systemd-nspawn"), reason="apt-get install systemd-container"),
]

LOCKS = "landlock_create_ruleset landlock_add_rule landlock_restrict_self"
"""Systems have them; systemd-nspawn takes them away unless asked not to."""

SELF_TEST = r"""
units=/run/systemd/system
mkdir -p $units/edge-test.service.d
cp /lib/systemd/system/edge.service.d/00-hardening.conf $units/edge-test.service.d/
sed 's/^Type=.*/Type=oneshot/; s/^ExecStart=.*/ExecStart=\/usr\/bin\/edge self-test/; /^Sockets=/d; /^Re[qs]/d' \
    /lib/systemd/system/edge.service > $units/edge-test.service
systemctl daemon-reload
systemctl start edge-test || true
journalctl --sync
journalctl --no-pager -o cat -u edge-test
"""
"""``edge self-test`` as the service runs: in every confinement it has."""

Machine = Callable[..., str]


@pytest.fixture(params=["bullseye", "bookworm"], ids=["Debian 11", "Debian 12"])
def root(request: pytest.FixtureRequest) -> Path:
    """A Debian with systemd and nothing else."""
    wanted = "--include=systemd,systemd-sysv,dbus"
    return install_debian(request.param, wanted, name=f"{request.param}-systemd")


@pytest.fixture
def share(program: Path, starter: Path, tmp_path: Path) -> Path:
    """What the machine finds in /mnt: the package, the starter pack, the tiny model."""
    folder = tmp_path / "share"
    folder.mkdir()
    entries = [*deb.list_entries("1.0-1", 0)]
    write(
        folder / "edge.deb",
        deb.make_fields("1.0-1", deb.name_architecture(program)),
        deb.make_scripts(),
        entries,
        0,
    )
    shutil.copy(starter, folder / "starter.kpack")
    shutil.copy(TINY_MODEL, folder)
    return folder


@pytest.fixture
def machine(root: Path, share: Path) -> Iterator[Machine]:
    """Runs commands in the root, which was booted for this test and forgets what is done to it."""
    options = ["--quiet", "--register=no", "--keep-unit", "--private-network", "--volatile=overlay", "--boot"]
    more = [
        f"--directory={root}",
        f"--bind-ro={share}:/mnt",
        f"--system-call-filter={LOCKS}",
        "--console=read-only",
    ]
    with subprocess.Popen(
        ["systemd-nspawn", *options, *more], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as container:
        children = Path(f"/proc/{container.pid}/task/{container.pid}/children")

        def call(*command: str, namespaces: str = "--all", check: bool = True) -> str:
            enter = ["nsenter", f"--target={children.read_text().split()[0]}", namespaces]
            done = subprocess.run([*enter, *command], capture_output=True, text=True, check=False)
            assert not check or done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        try:
            end = time.monotonic() + 60
            while not (
                children.read_text() and call("systemctl", "is-system-running", check=False) == "running\n"
            ):
                assert time.monotonic() < end, "it does not boot"
            yield call
        finally:
            container.terminate()
            container.terminate()  # at once


def ask(machine: Machine) -> dict[str, Any]:
    """Ask the service from a program of the same machine."""
    url, question = "http://127.0.0.1:8765", json.dumps({"message": QUESTION})
    answer: dict[str, Any] = json.loads(machine(sys.executable, "-c", ASK, url, question, namespaces="--net"))
    return answer


def test_it_answers_without_a_network(machine: Machine) -> None:
    machine("dpkg", "--install", "/mnt/edge.deb")
    assert machine("systemctl", "show", "--property=ActiveState", "edge.service") == "ActiveState=inactive\n"
    machine("edge-service", "pack", "install", "/mnt/starter.kpack", "--unsigned")
    machine("edge-service", "model", "add", f"/mnt/{TINY_MODEL.name}")

    answer = ask(machine)
    assert answer["engine"] == f"llama:{TINY_MODEL.stem}"
    assert answer["citations"][0]["pack"] == "starter"

    pid = machine("systemctl", "show", "--property=MainPID", "--value", "edge.service").strip()
    assert machine("readlink", f"/proc/{pid}/ns/net") != machine("readlink", "/proc/1/ns/net")
    assert machine("stat", "--format=%U", f"/proc/{pid}") == "edge\n"

    begun = time.monotonic()
    machine("systemctl", "stop", "edge.service")
    assert time.monotonic() - begun < 5
    assert machine("systemctl", "show", "--property=Result", "edge.service") == "Result=success\n"


def test_it_tests_itself_in_every_confinement(machine: Machine) -> None:
    machine("dpkg", "--install", "/mnt/edge.deb")
    machine("edge-service", "pack", "install", "/mnt/starter.kpack", "--unsigned")
    machine("edge-service", "model", "add", f"/mnt/{TINY_MODEL.name}")
    checks = [line.split(maxsplit=2) for line in machine("sh", "-ec", SELF_TEST).splitlines()]
    told = {words[1]: words[0] for words in checks if words[0] in ("ok", "warn", "fail")}
    assert {"unpacked", "sandbox", "embedder", "model", "writing", "answer"} <= set(told)
    assert [name for name, status in told.items() if status == "fail"] == []
