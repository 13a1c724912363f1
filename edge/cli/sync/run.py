"""``edge sync``: get what the publisher has released and put it in use."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.options import Json

if TYPE_CHECKING:
    from edge.config import Settings
    from edge.sync.report import Report


def run(
    context: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE", help="https://…, a folder, or swarm; none: the configured ones."),
    ] = None,
    usb: Annotated[bool, typer.Option("--usb", help="Look for a stick first.")] = False,
    accept_stale: Annotated[
        bool, typer.Option("--accept-stale", help="Take a list from a folder or stick up to 180 days old.")
    ] = False,
    json: Json = False,
    install_timer: Annotated[
        bool, typer.Option("--install-timer", help="Write a systemd timer that syncs each week.")
    ] = False,
    share: Annotated[
        bool,
        typer.Option("--share", help="Give installed packs to the fleet's devices nearby, until Ctrl-C."),
    ] = False,
) -> None:
    """Get what the publisher has released and put it in use.

    Sources are tried in order; the next one is asked for what the one before lacks. Nothing is installed that is not
    signed by the publisher this device trusts ('edge sync trust'). Interrupted, the same command resumes.
    """
    if context.invoked_subcommand is not None:
        return
    from edge.cli.screen import Screen
    from edge.cli.sync.report import as_json, show
    from edge.config import load_settings

    settings = load_settings()
    if install_timer:
        _install_timer(settings)
        return
    if share:
        _share(settings)
        return
    report = _sync(settings, sources or (), usb, accept_stale)
    if report.error and not report.reached and len(report.visits) == 1:
        raise report.error
    if json:
        Screen().json(as_json(report))
    else:
        show(Screen(), report)
    raise typer.Exit(report.error.exit_code if report.error else 0)


def _sync(settings: Settings, sources: list[str] | tuple[()], usb: bool, accept_stale: bool) -> Report:
    from edge.cli.progress import progress
    from edge.cli.screen import Screen
    from edge.cli.sync.report import rated
    from edge.sync.clock import now
    from edge.sync.sources import MOUNTS, carriers
    from edge.sync.sync import sync

    try:
        with progress() as report:
            chosen = carriers(settings, sources, usb=usb, mounts=MOUNTS)
            return sync(settings, chosen, accept_stale=accept_stale, progress=rated(report), now=now)
    except KeyboardInterrupt:
        Screen(sys.stderr).write("The same command resumes where this one stops.")
        raise


def _share(settings: Settings) -> None:
    from edge.cli.screen import FAINT, Screen
    from edge.sync.share import share

    screen = Screen()
    screen.write(("Devices of the fleet nearby can have these until Ctrl-C:", FAINT))
    share(settings, lambda: False, shared=lambda pack: screen.write(f"{pack.name} {pack.version}"))


def _install_timer(settings: Settings) -> None:
    from edge.cli.screen import CAREFUL, STRONG, Screen
    from edge.sync.timer import NAME, install_timer

    screen = Screen()
    for path in install_timer(settings):
        screen.write(f"Wrote {path}")
    screen.write("To sync each week: ", (f"systemctl --user enable --now {NAME}.timer", STRONG))
    if not settings.sources:
        screen.write(("No source is configured yet: set 'sources' in config.toml.", CAREFUL))
