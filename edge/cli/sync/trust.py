"""``edge sync trust``: whom this device takes packs from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.options import Yes
from edge.cli.screen import CAREFUL, FAINT, GOOD, STRONG, Screen, plural

if TYPE_CHECKING:
    from edge.config import Settings
    from edge.sync.anchor import OfferedRoot


def run(
    source: Annotated[
        str, typer.Argument(metavar="REPO|ROOT.json", help="An address, a folder, or the root itself.")
    ],
    yes: Yes = False,
) -> None:
    """Choose whom to trust: once for each device.

    Compare the fingerprints with the publisher's, by telephone or on paper. Who holds these keys decides from now on
    what this device installs.
    """
    from edge.cli.confirm import confirm
    from edge.config import load_settings
    from edge.sync.anchor import has_anchor, is_trusted, trust
    from edge.sync.sync import alone

    settings, screen = load_settings(), Screen()
    root = _root(source, settings)
    if is_trusted(settings, root):
        screen.write("This publisher is trusted already.")
        return
    _show(screen, root)
    if has_anchor(settings):
        screen.write(
            ("This device trusts another publisher now; it would get no more from that one.", CAREFUL)
        )
    confirm("Trust these keys?", yes)
    with alone(settings):
        trust(settings, root)
    screen.write(("Trusted. `edge sync` gets what they sign.", GOOD))


def _root(source: str, settings: Settings) -> OfferedRoot:
    from contextlib import closing
    from pathlib import Path

    from edge.sync.anchor import newest_root, read_root_file
    from edge.sync.sources import carrier

    if "://" not in source and not Path(source).expanduser().is_dir():
        return read_root_file(Path(source).expanduser())
    with closing(carrier(source, settings)) as opened:
        return newest_root(opened)


def _show(screen: Screen, root: OfferedRoot) -> None:
    keys = plural(len(root.fingerprints), "key")
    screen.write(
        (f"Root {root.version}: {root.threshold} of {keys}", STRONG), f", good until {root.expires:%Y-%m-%d}"
    )
    for fingerprint in root.fingerprints:
        grouped = " ".join(fingerprint[i : i + 8] for i in range(0, len(fingerprint), 8))
        screen.write((grouped, FAINT), indent=2)
