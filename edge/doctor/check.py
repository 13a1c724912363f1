"""One fact about this device, and what becomes of a check that cannot be carried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edge.errors import EdgeError

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One fact: ``warn`` works but deserves a look, ``fail`` does not work. ``hint`` says what to do."""

    name: str
    status: Status
    detail: str
    hint: str = ""


def safely(name: str, check: Callable[[], Check]) -> Check:
    """A check that cannot be carried out is one that failed."""
    try:
        return check()
    except EdgeError as error:
        return failed(name, error)
    except Exception as error:  # a broken installation fails in ways nobody foresaw
        return Check(name, "fail", f"{type(error).__name__}: {error}", "Install edge again.")


def failed(name: str, error: EdgeError) -> Check:
    """What an error says, as a check."""
    return Check(name, "fail", error.message, error.hint)
