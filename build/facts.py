"""What ``edge --version`` tells about how the one-file program was built. No time of day: same commit, same bytes."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import re
import ssl
import subprocess
from collections.abc import Iterable
from pathlib import Path

from needs import find_newest


def build_facts(root: Path, libraries: Iterable[Path]) -> str:
    """Return the facts as JSON, by name, in the order in which they are shown. ``libraries`` are those in the
    program."""
    libraries = [*libraries]
    commit = _git(root, "rev-parse", "HEAD") or "unknown"
    changed = "" if commit == "unknown" or not _git(root, "status", "--porcelain") else ", changed since"
    facts = {
        "commit": f"{commit[:12]}{changed}",
        "date": _git(root, "show", "--no-patch", "--format=%cs", "HEAD") or "unknown",
        "platform": f"Linux {platform.machine()}, glibc {find_newest('GLIBC', libraries)} or later",
        "Python": platform.python_version(),
        "OpenSSL": ssl.OPENSSL_VERSION.split()[1],
        "llama-cpp-python": importlib.metadata.version("llama-cpp-python"),
        "processors": ", ".join(list_processors(libraries)),
    }
    return json.dumps(facts)


def list_processors(libraries: Iterable[Path]) -> list[str]:
    """Return the variants of llama.cpp's CPU back end, by the names that it gives them."""
    names = (re.fullmatch(r"libggml-cpu-(.+)\.so", path.name) for path in libraries)
    return sorted(found[1] for found in names if found)


def _git(root: Path, *arguments: str) -> str:
    try:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
