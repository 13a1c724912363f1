"""How a change of a repository is told: what went out, what waits, and for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.cli.screen import CAREFUL, FAINT, GOOD, Screen, plural

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge.publish.change import Outcome
    from edge.publish.roles import Missing


def outcome(done: Outcome, repository: Path) -> None:
    """Say what devices see from now on, and what is still to do."""
    screen = Screen()
    for line in done.changes:
        screen.write(line)
    if done.released:
        versions = ", ".join(f"{one.role} {one.version}" for one in done.released)
        screen.write(("published", GOOD), f"  {versions}")
        first = min(done.released, key=lambda one: one.expires)
        screen.write((f"{first.role} is valid until {first.expires:%Y-%m-%d}", FAINT))
    elif not done.missing:
        screen.write("Nothing to do: everything is signed.")
    if done.missing:
        waits(screen, done.waiting, done.missing, repository)
    for role in done.stale:
        screen.write((f"{role} has expired: devices refuse to update until it is signed anew.", CAREFUL))
    if done.stale:
        screen.write(f"With its key: edge publish sign {repository} --keys KEYS")


def waits(screen: Screen, waiting: Sequence[str], missing: Sequence[Missing], repository: Path) -> None:
    """What is not out yet, and whose signatures it waits for."""
    screen.write(("not published yet", CAREFUL))
    for line in waiting:
        screen.write(line, indent=2)
    screen.write("It waits for:")
    for lack in missing:
        names = ", ".join(f"{lack.role}-{keyid[:12]}" for keyid in lack.keyids)
        among = f" of {names}" if len(lack.keyids) > lack.count else f": {names}"
        screen.write(f"{plural(lack.count, 'signature')}{among}", indent=2)
    screen.write(f"With these keys: edge publish sign {repository} --keys KEYS")
