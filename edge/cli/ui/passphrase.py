"""Asks for the passphrases of key files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import typer

from edge.cli.ui.screen import CAREFUL, Screen
from edge.errors import UsageError

VARIABLE = "EDGE_KEYS_PASSPHRASE"
TRIES = 3


class PassphrasePrompt:
    """Passphrases from ``EDGE_KEYS_PASSPHRASE``; without it they are typed at the terminal, each one once."""

    def __init__(self) -> None:
        self._known: list[str] = []

    def list_candidates(self, file: str) -> Iterator[str]:
        """Give candidates for an existing key file.

        Raises:
            UsageError: there is no terminal to ask on.
        """
        if given := os.environ.get(VARIABLE):
            yield given
            return
        yield from list(self._known)
        _check_terminal(file)
        for _ in range(TRIES):
            self._known.insert(0, _ask(f"Passphrase of {file}"))
            yield self._known[0]
            Screen(sys.stderr).write(("That is not it.", CAREFUL))

    def create(self, file: str) -> str:
        """Return a passphrase for a key file that is about to be made; raises as `of`."""
        if given := os.environ.get(VARIABLE):
            return given
        _check_terminal(file)
        again = " (Enter: the same as before)" if self._known else ""
        while True:
            first = _ask(f"New passphrase for {file}{again}")
            if not first and self._known:
                return self._known[0]
            if first and first == _ask("Once more"):
                self._known.insert(0, first)
                return first
            why = "These were not the same." if first else "A key without a passphrase is not safe."
            Screen(sys.stderr).write((why, CAREFUL))


def _ask(question: str) -> str:
    """Ask on standard error, and do not show what is typed."""
    return str(typer.prompt(question, default="", hide_input=True, show_default=False, err=True))


def _check_terminal(file: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(
            f"There is no terminal to ask on for the passphrase of {file}.",
            f"Put it into the variable {VARIABLE}.",
        )
