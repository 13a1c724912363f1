from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

import facts

ROOT = Path(__file__).parents[2]


def test_the_facts_name_versions_and_what_is_needed() -> None:
    found = json.loads(facts.build_facts(ROOT, [Path(sys.executable).resolve()]))
    assert list(found)[:3] == ["commit", "date", "platform"]
    assert found["platform"].startswith(f"Linux {platform.machine()}, glibc 2.")
    assert found["Python"] == platform.python_version()
    assert found["OpenSSL"][0].isdigit()


def test_processors_are_named_by_their_variants() -> None:
    names = ["libggml-cpu-haswell.so", "libggml-cpu-alderlake.so", "libggml-base.so", "libggml-cpu.so"]
    assert facts.list_processors(map(Path, names)) == ["alderlake", "haswell"]
