"""``edge sync`` as a whole: try sources in order, verify their lists, fetch what is due and install it.

It can be interrupted anywhere: what has come is kept, what is installed is whole, and the same command goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from edge import files
from edge.config import Settings
from edge.errors import CarrierError, EdgeError, NotFoundError, PackError, TrustError
from edge.sync import clock
from edge.sync.carriers.interface import Carrier
from edge.sync.destinations import Destination, Standing, make_destinations
from edge.sync.payload import Staging
from edge.sync.report import Outcome, Report, State, Visit
from edge.sync.targets import DELTA, Target
from edge.sync.trust import Offer, Trust

Progress = Callable[[str, int, int], None]
"""What is being fetched, the bytes that are there, and all bytes."""


def sync(
    settings: Settings,
    carriers: Sequence[Carrier],
    *,
    accept_stale: bool = False,
    progress: Progress = lambda what, done, total: None,
    now: Callable[[], datetime] = clock.read_clock,
) -> Report:
    """Bring this device up to date from the first source that can, and from the next ones what that one lacks.

    Raises:
        TrustError: this device trusts nobody yet.
        StorageError: its state cannot be read or written.
        BusyError: another process is syncing.
    """
    start = time.monotonic()
    with lock(settings), closing(Trust(settings, now)) as trust:
        run = _Run(settings, trust, accept_stale, progress)
        for carrier in carriers:
            with closing(carrier):
                run.visit(carrier)
            if run.settled:
                break
        return Report(
            tuple(run.visits), tuple(run.outcomes.values()), run.staging.moved, time.monotonic() - start
        )


@contextmanager
def lock(settings: Settings) -> Iterator[None]:
    """Hold the lock of syncing, and of changing whom to trust."""
    with files.translate_os_errors(settings.sync_dir):
        files.make_folder(settings.sync_dir)
        with files.hold_lock(settings.sync_dir / ".lock", "syncing"):
            yield


class _Run:
    """One sync under way."""

    def __init__(self, settings: Settings, trust: Trust, accept_stale: bool, progress: Progress) -> None:
        self.visits: list[Visit] = []
        self.outcomes: dict[str, Outcome] = {}
        self.staging = Staging(settings.sync_dir / "staging")
        self._trust, self._accept_stale, self._progress = trust, accept_stale, progress
        self._destinations = make_destinations(settings, trust.ratchet)

    @property
    def settled(self) -> bool:
        """True if another source could add nothing."""
        return self.visits[-1].error is None and all(o.settled for o in self.outcomes.values())

    def visit(self, carrier: Carrier) -> None:
        """Take what is due from a source; note a source that is of no use."""
        try:
            offer = self._trust.refresh(carrier, accept_stale=self._accept_stale)
        except (CarrierError, NotFoundError, TrustError) as error:
            self.visits.append(Visit(carrier.name, error))
            return
        self.visits.append(Visit(carrier.name, None, offer.version, offer.expires, offer.stale_days))
        self.outcomes = {path: outcome for path, outcome in self.outcomes.items() if outcome.kind}
        for path, problem in offer.problems:
            self._note(Outcome(path, "", "", "", State.REFUSED, carrier.name, error=problem))
        self._take(carrier, offer)

    def _take(self, carrier: Carrier, offer: Offer) -> None:
        wanted = [
            (target, destination)
            for kind, destination in self._destinations.items()
            for target in offer.targets
            if target.kind == kind and destination.wants(target)
        ]
        deltas = [target for target in offer.targets if target.kind == DELTA]
        self.staging.keep_only([*(target for target, _ in wanted), *deltas])
        for target, destination in wanted:
            leading = [delta for delta in deltas if delta.delta_to == target.sha256]
            self._note(self._settle(carrier, target, destination, leading))

    def _settle(
        self, carrier: Carrier, target: Target, destination: Destination, deltas: Sequence[Target]
    ) -> Outcome:
        """Leave one target as it is, or fetch and install it, or refuse it with the reason; the rest goes on."""
        outcome = Outcome(
            target.path, target.kind, target.name, target.version, State.UNCHANGED, carrier.name
        )
        before = self.staging.moved
        try:
            standing = destination.get_standing(target)
            if standing is not Standing.DUE:
                self._discard(target, *deltas)
                state = State.NEWER if standing is Standing.NEWER else State.UNCHANGED
                return replace(outcome, state=state)
            path, outcome = self._fetch(carrier, target, destination, deltas, outcome)
            outcome = replace(outcome, state=State.CHANGED, replaced=destination.put(target, path))
            self._discard(target, *deltas)
        except NotFoundError as error:
            absent = carrier.removable  # a stick may hold some packs of a list; a mirror holds them all
            outcome = replace(
                outcome, state=State.ABSENT if absent else State.REFUSED, error=None if absent else error
            )
        except EdgeError as error:
            outcome = replace(outcome, state=State.REFUSED, error=error)
        return replace(outcome, moved=self.staging.moved - before)

    def _fetch(
        self,
        carrier: Carrier,
        target: Target,
        destination: Destination,
        deltas: Sequence[Target],
        outcome: Outcome,
    ) -> tuple[Path, Outcome]:
        """Fetch a target's file: the one in use if only its signature is missing, else by delta, else in full."""
        in_use = destination.find_in_use(target)
        if in_use and in_use.sha256 == target.sha256:
            return in_use.path, outcome
        for delta in deltas:
            if in_use and in_use.sha256 == delta.delta_from:
                try:
                    return self._fetch_by_delta(carrier, delta, target, in_use.path), replace(
                        outcome, by_delta=True
                    )
                except (CarrierError, NotFoundError, PackError) as error:
                    outcome = replace(outcome, delta_error=error)
                    if not isinstance(error, CarrierError):  # what came of it may still be of use
                        self._discard(delta)
        return self._fetch_whole(carrier, target, beside=target.length), outcome

    def _fetch_by_delta(self, carrier: Carrier, delta: Target, target: Target, old: Path) -> Path:
        """Make the new file out of the one in use; the result must be the file that was signed."""
        from edge.sync.delta import apply

        path = self._fetch_whole(carrier, delta, beside=2 * target.length)
        made = self.staging.locate(target)
        with files.translate_os_errors(made):
            files.make_folder(made.parent)
            apply(old, path, made, target.length)
            if files.hash_file(made) != target.sha256:
                raise TrustError(
                    f"{delta.path} does not make the file that was signed.", "The full file is taken."
                )
        return made

    def _fetch_whole(self, carrier: Carrier, target: Target, beside: int) -> Path:
        what = " ".join(filter(None, (target.name or target.path, target.version)))
        return self.staging.fetch(
            carrier, target, lambda done, total: self._progress(what, done, total), beside
        )

    def _discard(self, *targets: Target) -> None:
        for target in targets:
            self.staging.discard(target)

    def _note(self, outcome: Outcome) -> None:
        """Keep the better of two sources' results; bytes add up."""
        before = self.outcomes.get(outcome.path)
        if before is not None:
            moved = before.moved + outcome.moved
            better = before if before.state is State.CHANGED else outcome
            outcome = replace(better, moved=moved)
        self.outcomes[outcome.path] = outcome
