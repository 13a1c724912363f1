"""Draws the checks of ``edge doctor`` and ``edge self-test``: a line for each one, then what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from edge.cli.ui.screen import ALERT, CAREFUL, GOOD, Screen

if TYPE_CHECKING:
    from edge.doctor import Check


def show_checks(checks: Iterable[Check], json: bool) -> None:
    """Write each check as it is made.

    Raises:
        typer.Exit: with code 1 when a check has failed.
    """
    screen, made = Screen(), []
    styles = {"ok": GOOD, "warn": CAREFUL, "fail": ALERT}
    for check in checks:
        made.append(check)
        if not json:
            lead = f"{check.status:5} {check.name:10} "
            screen.write(check.detail, lead=(lead, styles[check.status]))
            if check.hint:
                screen.write(check.hint, indent=len(lead))
    if json:
        screen.write_json({"checks": [asdict(check) for check in made]})
    if any(check.status == "fail" for check in made):
        raise typer.Exit(1)
