"""A group of commands that also takes words of its own: ``edge sync FOLDER`` beside ``edge sync trust REPO``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup


class SyncGroup(TyperGroup):
    """The first word is a command if it is one's name, else a source like those after it."""

    allow_interspersed_args = True

    def get_params(self, ctx: typer.Context) -> list[Any]:  # type: ignore[override]
        """Its own words, which are no part of how its commands are called."""
        mine = ctx.command is self
        return [param for param in super().get_params(ctx) if mine or param.param_type_name == "option"]

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Split the command line before a command, so that the sources do not swallow it."""
        if not args or args[0] not in self.commands:
            return super().parse_args(ctx, args)
        super().parse_args(ctx, [])
        ctx._protected_args, ctx.args = args[:1], args[1:]
        return ctx.args


def group(name: str, kind: type[TyperGroup], run: Callable[..., None]) -> typer.Typer:
    """A group that does ``run`` when none of its commands is named."""
    app = typer.Typer(name=name, cls=kind, rich_markup_mode=None, add_completion=False)
    app.callback(invoke_without_command=True)(run)
    return app
