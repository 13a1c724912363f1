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
    from edge import doctor
    from edge.cli.checks import show
    from edge.config import load_settings

    show(doctor.diagnose(load_settings(), deep), json)
