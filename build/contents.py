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


def list_allowed() -> set[str]:
    """Return normalised names of the distributions that the program may hold."""
    text = (PIN_FOLDER / "requirements.txt").read_text(encoding="utf-8")
    return BESIDE | {normalise_name(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}


def find_foreign_modules() -> list[str]:
    """Find top-level modules that are installed and may not be in the program."""
    names = list_allowed()
    return sorted(
        module
        for module, owners in packages_distributions().items()
        if not names & {normalise_name(owner) for owner in owners}
    )


def find_distributions(top_level: set[str]) -> Iterator[Distribution]:
    """Yield the distributions that these top-level modules belong to, by name."""
    owners = packages_distributions()
    wanted = {normalise_name(owner) for module in top_level for owner in owners.get(module, ())}
    found = {normalise_name(each.metadata["Name"]): each for each in distributions()}
    yield from (found[name] for name in sorted(wanted))


def normalise_name(name: str) -> str:
    """Write a distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
