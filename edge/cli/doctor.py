"""``edge doctor`` and ``edge self-test``: check this device, and the program itself."""

from __future__ import annotations

from typing import Annotated

import typer

from edge.cli.options import Json


def run_doctor(
    json: Json = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also load the language model and let it write.")
    ] = False,
) -> None:
    """Check the machine, the search index, the packs and the models.

    Exit code 1 when something is wrong. Nothing is changed.
    """
    from edge import doctor
    from edge.cli.ui.checks import show_checks
    from edge.config import load_settings

    show_checks(doctor.diagnose(load_settings(), deep), json)


def run_self_test(json: Json = False) -> None:
    """Check the program, this machine, and an answer of each pack.

    Reads every byte of the one-file program, makes all checks of 'edge doctor --deep', and asks each pack a question.
    Exit code 1 when something is wrong.
    """
    from itertools import chain

    from edge import selfcheck
    from edge.cli.ui.checks import show_checks
    from edge.cli.ui.progress import report_megabytes, show_progress
    from edge.config import load_settings

    settings = load_settings()
    with show_progress() as report:
        program = list(selfcheck.check_program(settings, report_megabytes(report, "check")))
    show_checks(chain(program, selfcheck.check_machine(settings)), json)
