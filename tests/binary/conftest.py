"""dist/edge, driven as a technician's machine would: with an empty home, and nothing of Python's in the environment."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.bundle.bundle import open_bundle
from edge.bundle.compose import remove_part
from pack_cache import STARTER, build_cached_pack, build_with_edge

ROOT = Path(__file__).parents[2]
PROGRAM = Path(os.environ.get("EDGE_PROGRAM", ROOT / "dist" / "edge"))
TINY_MODEL = ROOT / "tests" / "tiny_model" / "tiny.gguf"

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]


@pytest.fixture(scope="session")
def shipped() -> Path:
    """The program as it is given to people: the handbook is inside."""
    if not PROGRAM.exists():
        pytest.skip("there is no dist/edge: `make binary` makes it")
    return PROGRAM


@pytest.fixture(scope="session")
def program(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program without models and packs, so that a test says itself what is inside."""
    return write_empty(shipped, tmp_path_factory.mktemp("program") / "edge")


def write_empty(program: Path, target: Path) -> Path:
    """Write the same program without models and packs."""
    bundle = open_bundle(program)
    while bundle.contents:
        bundle = remove_part(bundle, bundle.contents[0], target)
    return bundle.path


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the program is unpacked, once for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def starter() -> Path:
    """The starter pack."""
    return build_cached_pack(STARTER, build_with_edge)


@pytest.fixture
def environment(tmp_path: Path, cache: Path) -> dict[str, str]:
    return {
        "HOME": str(tmp_path / "nobody"),
        "EDGE_HOME": str(tmp_path / "home"),
        "EDGE_CACHE": str(cache),
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
    }


@pytest.fixture
def run(program: Path, environment: Mapping[str, str], tmp_path: Path) -> Run:
    """Runs the program in an empty folder; it must succeed unless ``code`` says otherwise; None is anything."""

    def call(*arguments: str, program: Path = program, code: int | None = 0, **variables: str) -> Done:
        done = subprocess.run(
            [program, *arguments],
            env={**environment, **variables},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert code in (None, done.returncode), done.stdout + done.stderr
        return done

    return call


@pytest.fixture
def run_json(run: Run) -> Callable[..., Any]:
    """What a command prints with ``--json``."""
    return lambda *arguments, **options: json.loads(run(*arguments, "--json", **options).stdout)


@contextmanager
def serve(program: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Run ``edge serve`` on a free port; give its address."""
    command = [program, "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[0].rstrip("/")
        finally:
            server.terminate()
