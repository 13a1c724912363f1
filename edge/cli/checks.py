"""Checks as they are made: one a line, with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from edge.cli.screen import ALERT, CAREFUL, GOOD, Screen

if TYPE_CHECKING:
    from edge.doctor import Check


def show(checks: Iterable[Check], json: bool) -> None:
    """Show every check; exit code 1 when something is wrong."""
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
        screen.json({"checks": [asdict(check) for check in made]})
    if any(check.status == "fail" for check in made):
        raise typer.Exit(1)
