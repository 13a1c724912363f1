"""Draws a meeting: what was found about the log of each device."""

from __future__ import annotations

from typing import Any

from edge.audit.witness import Kind, Meeting
from edge.cli.ui.screen import ALERT, CAREFUL, FAINT, Screen

QUIET = (Kind.UNCHANGED, Kind.OLDER, Kind.CONTINUED, Kind.NEW, Kind.COSIGNED)


def show_meeting(screen: Screen, meeting: Meeting) -> None:
    """Write what was found, alarms in red, and why nothing could be left there."""
    for one in meeting.findings:
        style = ALERT if one.alarm else FAINT if one.kind in QUIET else CAREFUL
        screen.write((f"{one.log}: {one.kind}, {one.detail}", style))
    if meeting.error:
        screen.write((f"Nothing could be left for the logs of others: {meeting.error.message}", FAINT))


def describe_meeting(meeting: Meeting) -> dict[str, Any]:
    """Return the same as JSON."""
    return {
        "place": meeting.place,
        "findings": [
            {"log": one.log, "kind": one.kind.value, "detail": one.detail, "alarm": one.alarm}
            for one in meeting.findings
        ],
        "error": meeting.error.message if meeting.error else None,
    }
