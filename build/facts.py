"""What ``edge --version`` tells about how the one-file program was built. No time of day: same commit, same bytes."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path


def build_facts(root: Path) -> str:
    """The facts as JSON, by name, in the order in which they are shown."""
    commit = _git(root, "rev-parse", "HEAD") or "unknown"
    changed = "" if commit == "unknown" or not _git(root, "status", "--porcelain") else ", changed since"
    facts = {
        "commit": f"{commit[:12]}{changed}",
        "date": _git(root, "show", "--no-patch", "--format=%cs", "HEAD") or "unknown",
        "platform": f"Linux {platform.machine()}, {' '.join(platform.libc_ver())}",
        "Python": platform.python_version(),
        "llama-cpp-python": importlib.metadata.version("llama-cpp-python"),
    }
    return json.dumps(facts)


def _git(root: Path, *arguments: str) -> str:
    try:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
