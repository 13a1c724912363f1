"""The power supply, as Linux tells of it. Where a system tells nothing, it counts as mains."""

from __future__ import annotations

from pathlib import Path

SUPPLIES = Path("/sys/class/power_supply")


def is_on_battery(supplies: Path = SUPPLIES) -> bool:
    """Return True when a battery of the machine itself is being emptied and no other source feeds it."""
    try:
        found = sorted(supplies.iterdir())
    except OSError:
        return False
    if any(_read(supply, "type") != "Battery" and _read(supply, "online") == "1" for supply in found):
        return False
    return any(
        _read(supply, "type") == "Battery"
        and _read(supply, "scope") != "Device"  # of a mouse, say
        and _read(supply, "status") == "Discharging"
        for supply in found
    )


def _read(supply: Path, name: str) -> str:
    try:
        return (supply / name).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
