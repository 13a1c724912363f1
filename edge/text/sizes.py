"""Numbers of bytes in words."""

from __future__ import annotations


def format_size(count: int) -> str:
    """A number of bytes for people: ``3.1 MB``."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
