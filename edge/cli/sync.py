"""``edge sync``: gets what the publisher has released, and chooses which publisher is trusted."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.group import make_group_with_arguments
from edge.cli.options import Json, Yes
from edge.cli.ui.screen import CAREFUL, FAINT, GOOD, STRONG, Screen, format_count

if TYPE_CHECKING:
    from edge.audit.witness import Meeting
    from edge.config import Settings
    from edge.sync.anchor import OfferedRoot
    from edge.sync.report import Report


def synchronize(
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

    Sources are tried in order: the next one gives what the one before lacks. Only files that are signed by the
    publisher this device trusts are installed ('edge sync trust'). Interrupted, the same command resumes.
    """
    if context.invoked_subcommand is not None:
        return
    from edge.cli.ui.sync import describe_report, show_report
    from edge.cli.ui.witness import describe_meeting, show_meeting
    from edge.config import load_settings

    settings = load_settings()
    if install_timer:
        _install_timer(settings)
        return
    if share:
        _share_packs(settings)
        return
    report, meetings = _fetch(settings, sources or (), usb, accept_stale)
    if report.error and not report.reached and len(report.visits) == 1:
        raise report.error
    if json:
        logs = {"logs": [describe_meeting(meeting) for meeting in meetings]} if meetings else {}
        Screen().write_json(describe_report(report) | logs)
    else:
        show_report(Screen(), report)
        for meeting in meetings:
            show_meeting(Screen(), meeting)
    raise typer.Exit(report.error.exit_code if report.error else 0)


app = make_group_with_arguments("sync", synchronize)


@app.command("trust")
def trust_publisher(
    source: Annotated[
        str, typer.Argument(metavar="REPO|ROOT.json", help="An address, a folder, or the root itself.")
    ],
    yes: Yes = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="In place of the publisher trusted now, who is trusted no more.")
    ] = False,
) -> None:
    """Trust a publisher, once on each device.

    Compare the fingerprints with the publisher's, by telephone or on paper. Who holds these keys decides from now on
    what this device installs.
    """
    from edge.cli.ui.confirm import confirm
    from edge.config import load_settings
    from edge.errors import TrustError
    from edge.sync.anchor import has_anchor, is_trusted, trust
    from edge.sync.sync import lock

    settings, screen = load_settings(), Screen()
    root = _read_root(source, settings)
    if is_trusted(settings, root):
        screen.write("This publisher is trusted already.")
        return
    _show_root(screen, root)
    if has_anchor(settings):
        screen.write(
            ("This device trusts another publisher now; it would get no more from that one.", CAREFUL)
        )
        if yes and not replace:
            raise TrustError(
                "This device trusts another publisher.", "Add --replace to trust this one in its place."
            )
    confirm("Trust these keys?", yes)
    with lock(settings):
        trust(settings, root)
    screen.write(("Trusted. `edge sync` gets what they sign.", GOOD))


def _fetch(
    settings: Settings, sources: list[str] | tuple[()], usb: bool, accept_stale: bool
) -> tuple[Report, list[Meeting]]:
    from edge.cli.ui.progress import report_speed, show_progress
    from edge.sync.clock import read_clock
    from edge.sync.meet import meet_by_carriers
    from edge.sync.sources import MOUNTS, make_carriers
    from edge.sync.sync import sync

    try:
        with show_progress() as show:
            chosen = make_carriers(settings, sources, usb=usb, mounts=MOUNTS)
            progress = report_speed(show, "fetch")
            report = sync(settings, chosen, accept_stale=accept_stale, progress=progress, now=read_clock)
            return report, meet_by_carriers(settings, chosen, int(read_clock().timestamp()))
    except KeyboardInterrupt:
        Screen(sys.stderr).write("The same command resumes where this one stops.")
        raise


def _share_packs(settings: Settings) -> None:
    from edge.sync.share import share

    screen = Screen()
    screen.write(("Devices of the fleet nearby can have these until Ctrl-C:", FAINT))
    share(settings, lambda: False, shared=lambda pack: screen.write(f"{pack.name} {pack.version}"))


def _install_timer(settings: Settings) -> None:
    from edge.sync.timer import NAME, install_timer

    screen = Screen()
    for path in install_timer(settings):
        screen.write(f"Wrote {path}")
    screen.write("To sync each week: ", (f"systemctl --user enable --now {NAME}.timer", STRONG))
    if not settings.sources:
        screen.write(("No source is configured yet: set 'sources' in config.toml.", CAREFUL))


def _read_root(source: str, settings: Settings) -> OfferedRoot:
    from contextlib import closing
    from pathlib import Path

    from edge.sync.anchor import fetch_newest_root, read_root_file
    from edge.sync.sources import make_carrier

    if "://" not in source and not Path(source).expanduser().is_dir():
        return read_root_file(Path(source).expanduser())
    with closing(make_carrier(source, settings)) as opened:
        return fetch_newest_root(opened)


def _show_root(screen: Screen, root: OfferedRoot) -> None:
    keys = format_count(len(root.fingerprints), "key")
    screen.write(
        (f"Root {root.version}: {root.threshold} of {keys}", STRONG), f", good until {root.expires:%Y-%m-%d}"
    )
    for fingerprint in root.fingerprints:
        grouped = " ".join(fingerprint[i : i + 8] for i in range(0, len(fingerprint), 8))
        screen.write((grouped, FAINT), indent=2)
