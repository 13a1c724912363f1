"""Asking before something is gone."""

from __future__ import annotations

import sys

import typer

from edge.errors import UsageError


def confirm(question: str, yes: bool) -> None:
    """Go on only when the answer is yes, given by ``--yes`` or typed.

    Raises:
        UsageError: there is nobody to ask.
        typer.Abort: the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask on whether to do this.", "Add --yes to do it unasked.")
    typer.confirm(question, abort=True)
