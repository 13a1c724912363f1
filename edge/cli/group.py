"""What a group of commands does when none of them is named."""

from __future__ import annotations

import typer


def group(name: str, help: str) -> typer.Typer:
    """An empty group of commands; alone it prints its help."""
    app = typer.Typer(name=name, help=help, rich_markup_mode=None, add_completion=False)
    app.callback(invoke_without_command=True)(show_help_alone)
    return app


def show_help_alone(context: typer.Context) -> None:
    """Print the help page unless a command follows."""
    if context.invoked_subcommand is None:
        print(context.get_help())
