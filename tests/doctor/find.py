"""One check out of all that the doctor makes."""

from __future__ import annotations

from edge import doctor
from edge.config import Settings


def find_check(settings: Settings, name: str, deep: bool = False) -> doctor.Check:
    (check,) = [check for check in doctor.diagnose(settings, deep) if check.name == name]
    return check
