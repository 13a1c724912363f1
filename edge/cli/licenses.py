"""``edge licenses``: under what licences is all that is inside?"""

from __future__ import annotations


def licenses() -> None:
    """Print the licences of everything the one-file program contains."""
    from edge.about import licences

    print(licences(), end="")
