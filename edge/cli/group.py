"""Groups of commands: their help pages, and a group that also takes arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup


def make_group(name: str, help: str) -> typer.Typer:
    """Return an empty group of commands that prints its help when called alone."""
    app = typer.Typer(name=name, help=help, rich_markup_mode=None, add_completion=False)
    app.callback(invoke_without_command=True)(show_help_alone)
    return app


def make_group_with_arguments(name: str, run: Callable[..., None]) -> typer.Typer:
    """Return a group that calls ``run`` with its arguments when none of its commands is named."""
    app = typer.Typer(name=name, cls=_GroupWithArguments, rich_markup_mode=None, add_completion=False)
    app.callback(invoke_without_command=True)(run)
    return app


def show_help_alone(context: typer.Context) -> None:
    """Print the help page unless a command follows."""
    if context.invoked_subcommand is None:
        print(context.get_help())


class PanelGroup(TyperGroup):
    """Lists its commands on the help page under a heading for each of the people who use them."""

    panels: ClassVar[Mapping[str, Sequence[str]]] = {}

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write every panel: its heading, then its commands with the first line of their help."""
        width = max(map(len, self.commands))
        for heading, names in self.panels.items():
            with formatter.section(heading):
                limit = formatter.width - 6 - width
                rows = [(f"{name:{width}}", self.commands[name].get_short_help_str(limit)) for name in names]
                formatter.write_dl(rows)


class _GroupWithArguments(TyperGroup):
    """Takes the first word as a command if there is one of that name, else as an argument: ``edge sync FOLDER`` beside
    ``edge sync trust REPO``."""

    allow_interspersed_args = True

    def get_params(self, ctx: typer.Context) -> list[Any]:  # type: ignore[override]
        """Return the group's parameters; its commands inherit the options only."""
        mine = ctx.command is self
        return [param for param in super().get_params(ctx) if mine or param.param_type_name == "option"]

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Split the command line before a command, so that the arguments do not swallow it."""
        if not args or args[0] not in self.commands:
            return super().parse_args(ctx, args)
        super().parse_args(ctx, [])
        ctx._protected_args, ctx.args = args[:1], args[1:]
        return ctx.args
