"""``edge doctor``: is everything in order?"""

from __future__ import annotations

from typing import Annotated

import typer

from edge.cli.options import Json


def doctor(
    json: Json = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also load the language model and let it write.")
    ] = False,
) -> None:
    """Check the machine, the search index, the packs and the models.

    Exit code 1 when something is wrong. Nothing is changed.
    """
    from dataclasses import asdict

    from edge import doctor
    from edge.cli.screen import ALERT, CAREFUL, GOOD, Screen
    from edge.config import load_settings

    screen = Screen()
    styles = {"ok": GOOD, "warn": CAREFUL, "fail": ALERT}
    checks = []
    for check in doctor.diagnose(load_settings(), deep):
        checks.append(check)
        if not json:
            lead = f"{check.status:5} {check.name:10} "
            screen.write(check.detail, lead=(lead, styles[check.status]))
            if check.hint:
                screen.write(check.hint, indent=len(lead))
    if json:
        screen.json({"checks": [asdict(check) for check in checks]})
    if any(check.status == "fail" for check in checks):
        raise typer.Exit(1)
