"""``edge publish init``: a new repository and its keys."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated

import typer

from edge.cli.publish.options import Repo
from edge.cli.screen import CAREFUL, FAINT, STRONG, Screen


def run(
    repository: Repo,
    keys: Annotated[
        Path, typer.Option("--keys", metavar="KEYS", help="Where the new keys go; never in REPO.")
    ],
    root_keys: Annotated[
        int, typer.Option("--root-keys", min=1, metavar="N", help="How many root keys to make.")
    ] = 3,
    threshold: Annotated[
        int, typer.Option("--threshold", min=1, metavar="M", help="How many of them must sign together.")
    ] = 2,
) -> None:
    """Make a repository and its keys.

    Passphrases are asked for, or taken from EDGE_KEYS_PASSPHRASE. Do it on a computer that you trust, and take the
    root keys apart afterwards: a stick for each, locked away.
    """
    from edge.cli.publish.opened import open_keys, open_repository
    from edge.publish.keys import SHORT_ID
    from edge.publish.roles import ROOT, TOP_LEVEL

    state = open_repository(repository).init(open_keys([keys], repository, create=True), root_keys, threshold)
    screen = Screen()
    screen.write((str(repository), STRONG), "  a repository, empty and signed")
    root = state.root.signed
    for role in TOP_LEVEL:
        for keyid in root.roles[role].keyids:
            screen.write(str(keys / f"{role}-{keyid[:SHORT_ID]}.pem"), indent=2)
    screen.gap()
    screen.write(f"Root changes with {threshold} of these {root_keys} keys. Devices show their fingerprints:")
    for keyid in sorted(root.roles[ROOT].keyids):
        screen.write((" ".join(textwrap.wrap(keyid, 8)), FAINT), indent=2)
    if threshold == root_keys:
        screen.write(("Every root key is needed: lose one, and no key can ever be replaced.", CAREFUL))
    screen.write("Now move the root keys apart, and publish: edge publish add REPO FILE.kpack --keys KEYS")
