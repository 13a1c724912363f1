"""``edge model pull``: a GGUF from a model hub."""

from __future__ import annotations

from typing import Annotated

import typer


def run(
    spec: Annotated[
        str,
        typer.Argument(
            metavar="SPEC",
            help="[hf:]OWNER/REPO/FILE.gguf or [hf:]OWNER/REPO[:QUANT], each with @REVISION if wanted.",
        ),
    ],
) -> None:
    """Download a language model or an adapter, and compare it with the SHA-256 that the hub promises.

    Nothing is ever downloaded without this command. Interrupted, the same command goes on where it broke off. QUANT is
    part of a file's name, such as Q4_K_M. HF_TOKEN gives access to what is not for everybody; the setting 'hub' or
    HF_ENDPOINT names another hub.
    """
    from edge.cli.model.shown import shown
    from edge.cli.progress import progress
    from edge.cli.screen import Screen
    from edge.config import load_settings
    from edge.models.pull import pull

    with progress() as report:
        model = pull(
            load_settings(), spec, lambda stage, done, total: report(stage, spec, done >> 20, total >> 20)
        )
    Screen().write(shown(model))
