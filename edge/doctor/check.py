"""Defines a check: one fact about this device and its status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edge.errors import EdgeError

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One fact: ``warn`` works but needs attention, ``fail`` does not work. ``hint`` says what to do."""

    name: str
    status: Status
    detail: str
    hint: str = ""


def run_check(name: str, check: Callable[[], Check]) -> Check:
    """Run a check; an exception becomes a check that failed."""
    try:
        return check()
    except EdgeError as error:
        return report_error(name, error)
    except Exception as error:  # a broken installation fails in ways nobody foresaw
        return Check(name, "fail", f"{type(error).__name__}: {error}", "Install edge again.")


def report_error(name: str, error: EdgeError) -> Check:
    """Return an error as a check that failed."""
    return Check(name, "fail", error.message, error.hint)
