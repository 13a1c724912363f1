"""Draws what a sync has done: a line for each source and each target, and a badge on a list that is past its date."""

from __future__ import annotations

from typing import Any

from edge.cli.ui.screen import ALERT, CAREFUL, FAINT, GOOD, STRONG, Part, Screen, format_count
from edge.errors import EdgeError
from edge.files import format_size
from edge.sync.report import Outcome, Report, State, Visit


def show_report(screen: Screen, report: Report) -> None:
    """Write the whole report."""
    for visit in report.visits:
        _show_visit(screen, visit)
    for outcome in report.outcomes:
        _show_outcome(screen, outcome)
    if report.stale_days is not None:
        badge = f"STALE: this list is {report.stale_days} days old. What was released since is not on it."
        screen.write((badge, CAREFUL))
    if report.reached:
        changed = sum(outcome.state is State.CHANGED for outcome in report.outcomes)
        screen.write(
            (
                f"{changed} of {format_count(len(report.outcomes), 'file')} changed; {_format_speed(report)}",
                STRONG,
            )
        )


def describe_report(report: Report) -> dict[str, Any]:
    """Return the whole report in the shape of ``edge sync --json``."""
    return {
        "sources": [
            {
                "source": visit.source,
                "version": visit.version or None,
                "expires": visit.expires.isoformat() if visit.expires else None,
                "stale_days": visit.stale_days,
                "error": _describe_error(visit.error),
            }
            for visit in report.visits
        ],
        "targets": [
            {
                "path": outcome.path,
                "kind": outcome.kind,
                "name": outcome.name,
                "version": outcome.version,
                "state": outcome.state.value,
                "source": outcome.source,
                "replaced": outcome.replaced or None,
                "bytes": outcome.moved,
                "by_delta": outcome.by_delta,
                "error": _describe_error(outcome.error),
            }
            for outcome in report.outcomes
        ],
        "stale_days": report.stale_days,
        "bytes": report.moved,
        "seconds": round(report.seconds, 3),
    }


def _show_visit(screen: Screen, visit: Visit) -> None:
    if visit.error is None:
        when = f", good until {visit.expires:%Y-%m-%d}" if visit.expires and visit.stale_days is None else ""
        screen.write((f"{visit.source}: list {visit.version}{when}", FAINT))
    else:
        _show_error(screen, visit.error)


def _show_outcome(screen: Screen, outcome: Outcome) -> None:
    title = (f"{outcome.name or outcome.path} {outcome.version}".rstrip(), STRONG)
    if outcome.error:
        _show_error(screen, outcome.error, title)
        return
    screen.write(title, "  ", _format_state(outcome))
    if outcome.delta_error:
        screen.write((f"A delta was of no use: {outcome.delta_error.message}", FAINT), indent=2)


def _format_state(outcome: Outcome) -> Part:
    if outcome.state is State.CHANGED:
        replaced = f"replaces {outcome.replaced}, " if outcome.replaced else ""
        return f"{replaced}{format_size(outcome.moved)}{' by delta' if outcome.by_delta else ''}", GOOD
    if outcome.state is State.ABSENT:
        return f"not on {outcome.source}", CAREFUL
    return ("a newer version is installed" if outcome.state is State.NEWER else "up to date"), FAINT


def _show_error(screen: Screen, error: EdgeError, title: Part = "") -> None:
    parts = (title, "  ") if title else ()
    screen.write(*parts, (error.message, ALERT), lead="! ")
    screen.write(error.hint, indent=2)


def _format_speed(report: Report) -> str:
    speed = (
        f" ({format_size(int(report.moved / report.seconds))}/s)"
        if report.moved and report.seconds >= 1
        else ""
    )
    return f"{format_size(report.moved)} in {report.seconds:.0f} s{speed}"


def _describe_error(error: EdgeError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {"title": error.title, "message": error.message, "hint": error.hint, "exit_code": error.exit_code}
