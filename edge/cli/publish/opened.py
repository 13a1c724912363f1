"""A repository and its keys as a command line names them, and where passphrases come from."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edge.cli.screen import CAREFUL, Screen
from edge.errors import UsageError

if TYPE_CHECKING:
    from edge.publish.keys import Keys
    from edge.publish.repository import Repository

VARIABLE = "EDGE_KEYS_PASSPHRASE"
TRIES = 3


def open_repository(folder: Path, yes: bool = False) -> Repository:
    """The repository in a folder; on a terminal it asks before signing what others have left to be signed."""
    from edge.publish.repository import Repository

    return Repository(folder, approve=_approve(yes))


def open_keys(folders: Sequence[Path], repository: Path, *, create: bool = False) -> Keys:
    """The keys in these folders."""
    from edge.publish.keys import Keys

    return Keys(folders, Asked(), repository, create=create)


class Asked:
    """Passphrases from ``EDGE_KEYS_PASSPHRASE`` or, without it, from whoever sits at the terminal, each asked once."""

    def __init__(self) -> None:
        self._known: list[str] = []

    def of(self, file: str) -> Iterator[str]:
        """Candidates for an existing key file."""
        if given := os.environ.get(VARIABLE):
            yield given
            return
        yield from list(self._known)
        _check_terminal(file)
        for _ in range(TRIES):
            self._known.insert(0, _hidden(f"Passphrase of {file}"))
            yield self._known[0]
            Screen(sys.stderr).write(("That is not it.", CAREFUL))

    def new(self, file: str) -> str:
        """A passphrase for a key file that is about to be made."""
        if given := os.environ.get(VARIABLE):
            return given
        _check_terminal(file)
        again = " (Enter: the same as before)" if self._known else ""
        while True:
            first = _hidden(f"New passphrase for {file}{again}")
            if not first and self._known:
                return self._known[0]
            if first and first == _hidden("Once more"):
                self._known.insert(0, first)
                return first
            why = "These were not the same." if first else "A key without a passphrase is not safe."
            Screen(sys.stderr).write((why, CAREFUL))


def _hidden(question: str) -> str:
    return str(typer.prompt(question, default="", hide_input=True, show_default=False, err=True))


def _check_terminal(file: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(
            f"There is no terminal to ask on for the passphrase of {file}.",
            f"Put it into the variable {VARIABLE}.",
        )


def _approve(yes: bool) -> Callable[[tuple[str, ...]], None]:
    def approve(waiting: tuple[str, ...]) -> None:
        screen = Screen(sys.stderr)
        screen.write("This has been waiting for signatures:")
        for line in waiting:
            screen.write(line, indent=2)
        if sys.stdin.isatty() and not yes:
            typer.confirm("Go on with it?", abort=True, err=True)

    return approve
