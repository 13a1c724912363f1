"""What may be inside the one-file program: the distributions that build/requirements.txt pins, and nothing else that
happens to be installed beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions, packages_distributions

from fetch import PIN_FOLDER

BESIDE = {"edge-assistant", "libtorrent", "llama-cpp-python"}
"""Distributions that other files pin."""


def allowed() -> set[str]:
    """Normalised names of the distributions that may be inside."""
    text = (PIN_FOLDER / "requirements.txt").read_text(encoding="utf-8")
    return BESIDE | {normalised(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}


def foreign_modules() -> list[str]:
    """Top-level modules that are installed and may not be inside."""
    names = allowed()
    return sorted(
        module
        for module, owners in packages_distributions().items()
        if not names & {normalised(owner) for owner in owners}
    )


def inside(top_level: set[str]) -> Iterator[Distribution]:
    """The distributions that these top-level modules belong to, by name."""
    owners = packages_distributions()
    wanted = {normalised(owner) for module in top_level for owner in owners.get(module, ())}
    found = {normalised(each.metadata["Name"]): each for each in distributions()}
    yield from (found[name] for name in sorted(wanted))


def normalised(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
