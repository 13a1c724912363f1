"""The result of a sync, target by target and source by source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from edge.errors import CarrierError, EdgeError, NotFoundError, TrustError


class State(StrEnum):
    """The result for a target. ``absent``: listed, but not on the stick. ``newer``: the installed one is newer."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    NEWER = "newer"
    ABSENT = "absent"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for one target, or for a delegate's list that is refused.

    ``moved`` counts the bytes fetched for it. ``replaced`` is the version in use before; ``error`` why it is refused;
    ``delta_error`` why a delta was of no use.
    """

    path: str
    kind: str
    name: str
    version: str
    state: State
    source: str
    moved: int = 0
    by_delta: bool = False
    replaced: str = ""
    error: EdgeError | None = None
    delta_error: EdgeError | None = None

    @property
    def settled(self) -> bool:
        """True if another source could do no better."""
        if self.state is State.ABSENT:
            return False
        return not isinstance(self.error, CarrierError | NotFoundError | TrustError)


@dataclass(frozen=True, slots=True)
class Visit:
    """One source: its list, or why it was of no use."""

    source: str
    error: EdgeError | None = None
    version: int = 0
    expires: datetime | None = None
    stale_days: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A whole sync. ``moved`` counts payload bytes, ``seconds`` is how long it took."""

    visits: tuple[Visit, ...]
    outcomes: tuple[Outcome, ...]
    moved: int
    seconds: float

    @property
    def reached(self) -> bool:
        """True if any source was of use."""
        return any(visit.error is None for visit in self.visits)

    @property
    def stale_days(self) -> int | None:
        """The age of the list that was accepted although it had expired."""
        return next((visit.stale_days for visit in self.visits if visit.stale_days is not None), None)

    @property
    def error(self) -> EdgeError | None:
        """The first refusal, or the error of the first source when none was of use."""
        if not self.reached:
            return next((visit.error for visit in self.visits), None)
        return next((outcome.error for outcome in self.outcomes if outcome.error), None)
