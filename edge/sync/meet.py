"""Meetings of audit logs on the way: whatever folder a sync has come by, other devices come by, too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge.app import open_audit_log
from edge.audit.store import exists
from edge.audit.witness import Meeting, meet
from edge.config import Settings
from edge.errors import EdgeError
from edge.sync.carriers.folder import FolderCarrier
from edge.sync.carriers.interface import Carrier


def meet_by_carriers(settings: Settings, carriers: Sequence[Carrier], now: int) -> list[Meeting]:
    """Compare logs in every folder among the carriers; ``now`` in seconds since 1970.

    What goes wrong with the log here is part of the result: packs and models come all the same.
    """
    folders = [Path(carrier.name) for carrier in carriers if isinstance(carrier, FolderCarrier)]
    if settings.audit == "off" or not folders or not exists(settings.audit_dir):
        return []
    meetings = []
    for folder in folders:
        try:
            with open_audit_log(settings) as store:
                meetings.append(meet(store, folder, now))
        except EdgeError as error:
            meetings.append(Meeting(str(folder), (), error))
    return meetings
