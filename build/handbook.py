"""The tables of the handbook that are made from the code: ``python build/handbook.py`` writes them anew.

A table stands between ``<!-- NAME: written by build/handbook.py -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from typer.main import get_command

from edge import config, errors
from edge.cli.main import app
from edge.config import Settings
from edge.errors import EdgeError
from fetch import say
from pack_cache import HANDBOOK

_BETWEEN = re.compile(
    r"(?P<begin><!-- (?P<name>[a-z ]+): written by build/handbook\.py -->\n).*?(?P<end><!-- end -->)",
    re.DOTALL,
)


def main() -> None:
    """Write every table anew."""
    for path in sorted(HANDBOOK.glob("*.md")):
        before = path.read_text(encoding="utf-8")
        after = fill(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            say(f"{path.name}: written anew")


def fill(text: str) -> str:
    """Return the text of a document with every table as the code has it now."""
    return _BETWEEN.sub(lambda match: f"{match['begin']}\n{TABLES[match['name']]()}\n{match['end']}", text)


def write_settings() -> str:
    """Return the table of all settings: name, variable, default, flag, meaning."""
    meanings, flags = _read_meanings(), _find_flags(get_command(app))
    settings = Settings(home=Path())
    rows = [
        (
            f"`{field.name}`",
            f"`EDGE_{field.name.upper()}`",
            "the platform's data folder"
            if field.name == "home"
            else f"`{json.dumps(getattr(settings, field.name))}`",
            f"`--{field.name}`" if field.name in flags else "",
            meanings[field.name],
        )
        for field in fields(Settings)
    ]
    return _format_table(("Setting", "Variable", "Default", "Flag", "Meaning"), rows)


def write_exit_codes() -> str:
    """Return the table of all errors: exit code, name, HTTP status, meaning."""
    kinds = sorted(_walk_kinds(EdgeError), key=lambda kind: kind.exit_code)
    rows = [
        (
            str(kind.exit_code),
            f"`{kind.__name__}`",
            str(kind.http_status),
            (inspect.getdoc(kind) or "").splitlines()[0],
        )
        for kind in kinds
    ]
    return _format_table(("Exit code", "Error", "HTTP status", "Meaning"), rows)


TABLES: dict[str, Callable[[], str]] = {"settings": write_settings, "exit codes": write_exit_codes}


def _read_meanings() -> dict[str, str]:
    """Return what each setting means: the text below its field."""
    body = ast.parse(inspect.getsource(Settings)).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(meaning))),
            ):
                found[name] = " ".join(meaning.replace("``", "`").split())
    return found


def _find_flags(command: Any) -> set[str]:
    """Return the names of the settings that an option of some command overrides."""
    options = {option for parameter in command.params for option in parameter.opts}
    own = {field.name for field in fields(config.Settings) if f"--{field.name}" in options}
    return own.union(*(_find_flags(sub) for sub in getattr(command, "commands", {}).values()))


def _walk_kinds(error: type[EdgeError]) -> Iterator[type[EdgeError]]:
    """Yield an error of edge/errors.py and those below it."""
    if error.__module__ == errors.__name__:
        yield error
    for kind in error.__subclasses__():
        yield from _walk_kinds(kind)


def _format_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
