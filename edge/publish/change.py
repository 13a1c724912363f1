"""A repository while it is changed: what is published, drafts of what will be, and the result."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuf.api.metadata import Metadata, Root, Targets

from edge.errors import NotFoundError
from edge.publish.keys import SHORT_ID, Keys
from edge.publish.release import Plan, Planner
from edge.publish.review import describe_changes
from edge.publish.roles import (
    ROOT,
    TARGETS,
    MissingSignatures,
    State,
    compute_expiry,
    make_first_targets,
    make_successor,
)
from edge.publish.store import RepositoryStore


@dataclass(frozen=True, slots=True)
class Release:
    """Metadata that was released: its role, version and expiry."""

    role: str
    version: int
    expires: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a change.

    ``released`` is what devices see from now on and ``changes`` what is new in it, in words. ``waiting`` are the
    changes that are not out, and ``missing`` the signatures they wait for. ``stale`` are roles that have expired.
    """

    released: tuple[Release, ...]
    changes: tuple[str, ...]
    waiting: tuple[str, ...]
    missing: tuple[MissingSignatures, ...]
    stale: tuple[str, ...]


class Change:
    """A repository while it is changed: what is published, and drafts of what will be."""

    def __init__(
        self,
        store: RepositoryStore,
        state: State,
        drafts: dict[str, Metadata[Any]],
        keys: Keys,
        now: datetime,
    ) -> None:
        self.store = store
        self.state = state
        self.drafts = drafts
        self.keys = keys
        self.now = now

    @property
    def root(self) -> Root:
        """Root as it will be."""
        return (self.drafts.get(ROOT) or self.state.root).signed

    @property
    def targets(self) -> Targets:
        """Targets as it will be."""
        return (self.drafts.get(TARGETS) or self.state.targets).signed

    def view(self, role: str) -> Targets:
        """Return what targets or a delegate publishes, as it will be; only to be read."""
        found = (
            self.drafts.get(role) or self.state.get(role) or make_first_targets(role, self.state, self.now)
        )
        assert isinstance(found.signed, Targets)
        return found.signed

    def edit(self, role: str) -> Any:
        """Return the contents of a role, to be changed. Signatures that a draft had are void."""
        draft, published = self.drafts.get(role), self.state.get(role)
        if draft is not None:
            draft.signatures.clear()
            draft.signed.expires = compute_expiry(role, self.now)
        elif published is not None:
            draft = self.drafts[role] = make_successor(role, published, self.now)
        else:
            draft = self.drafts[role] = make_first_targets(role, self.state, self.now)
        return draft.signed

    def drop(self, role: str) -> None:
        """Forget the draft of a role."""
        self.drafts.pop(role, None)

    def finish(self, *, renew: bool = False) -> Outcome:
        """Sign with the keys at hand, release what is complete and save what is not.

        Nothing has changed when this raises before its first write; a crash after it leaves the old release or leads
        to the new one.
        """
        plan = Planner(self.state, self.drafts, self.keys, self.now).plan(renew=renew)
        self.store.save_drafts(self.drafts)
        if plan.changed:
            self.store.release(plan.changed)
        self.store.save_drafts(plan.drafts)
        return self._make_outcome(plan)

    def refresh(self) -> Outcome:
        """Sign a new timestamp, release it and leave what waits as it is."""
        plan = Planner(self.state, self.drafts, self.keys, self.now).refresh()
        if plan.missing:
            raise NotFoundError(
                "The key of timestamp is not among the keys.",
                f"Give the folder with timestamp-{plan.missing[0].keyids[0][:SHORT_ID]}.pem.",
            )
        self.store.release(plan.changed)
        return self._make_outcome(plan)

    def _make_outcome(self, plan: Plan) -> Outcome:
        released = tuple(
            Release(role, metadata.signed.version, metadata.signed.expires) for role, metadata in plan.changed
        )
        stale = tuple(
            role
            for role in plan.state.list_roles()
            if (metadata := plan.state.get(role)) and metadata.signed.expires <= self.now
        )
        return Outcome(
            released=released,
            changes=describe_changes(self.state, dict(plan.changed)),
            waiting=describe_changes(plan.state, plan.drafts),
            missing=plan.missing,
            stale=stale,
        )
