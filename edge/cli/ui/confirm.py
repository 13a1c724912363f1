"""Asks before something is deleted or trusted."""

from __future__ import annotations

import sys

import typer

from edge.errors import UsageError


def confirm(question: str, yes: bool) -> None:
    """Ask a question and go on only when the answer is yes; ``yes`` answers it beforehand.

    Raises:
        UsageError: there is no terminal to ask on.
        typer.Abort: the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask on whether to do this.", "Add --yes to do it unasked.")
    typer.confirm(question, abort=True)
