"""The command line that tuf-conformance drives, over this project's client: trust, ratchet, carrier and payload.

faketime must be there; then, in a checkout of theupdateframework/tuf-conformance:
pytest tuf_conformance --entrypoint "python -m tests.conformance.tuf_client"

Two of its 113 tests fail as they must: a target without SHA-256 (``download_with_hash_algorithms[hashes1]``; everything
here is named by its SHA-256), and a repository of 2025 (``sigstore-root-signing``; older than the build date of edge).
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from edge.config import Settings
from edge.errors import EdgeError, NotFoundError
from edge.sync.anchor import locate_anchor
from edge.sync.carriers.https import HttpsCarrier
from edge.sync.payload import Staging
from edge.sync.targets import Target
from edge.sync.trust import Trust


def make_settings(metadata: Path) -> Settings:
    """Make the settings of a device whose cache is where the suite looks for it."""
    settings = Settings(home=metadata.with_name(f"{metadata.name}.home"))
    settings.sync_dir.mkdir(parents=True, exist_ok=True)
    cache = settings.sync_dir / "metadata"
    if not cache.is_symlink():
        cache.symlink_to(metadata.absolute())
    return settings


def init(metadata: Path, root: Path) -> None:
    locate_anchor(make_settings(metadata)).write_bytes(root.read_bytes())
    (metadata / "root.json").write_bytes(root.read_bytes())


def run(arguments: argparse.Namespace) -> None:
    settings = make_settings(arguments.metadata_dir)
    address = arguments.metadata_url.rstrip("/").removesuffix("/metadata")
    with closing(Trust(settings)) as trust, closing(HttpsCarrier(address, settings)) as carrier:
        updater, _ = trust.verify(carrier)
        for name in arguments.target_name or ():
            info = updater.get_targetinfo(name)
            if info is None:
                raise NotFoundError(f"{name} is not on offer.", "")
            target = Target(name, info.length, info.hashes["sha256"], "")
            path = Staging(settings.sync_dir / "staging").fetch(carrier, target, lambda done, total: None)
            place = arguments.target_dir / quote(name, "")
            if not place.exists() or place.read_bytes() != path.read_bytes():
                place.write_bytes(path.read_bytes())


def main() -> int:
    parser = argparse.ArgumentParser()
    for option, kind in (("metadata-url", str), ("metadata-dir", Path), ("target-dir", Path)):
        parser.add_argument(f"--{option}", type=kind)
    parser.add_argument("--target-base-url")
    parser.add_argument("--target-name", action="append")
    parser.add_argument("-v", action="count")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("init").add_argument("trusted_root", type=Path)
    commands.add_parser("refresh")
    commands.add_parser("download")
    arguments = parser.parse_args()
    if arguments.command == "init":
        init(arguments.metadata_dir, arguments.trusted_root)
        return 0
    try:
        run(arguments)
    except EdgeError as error:
        print(error, error.hint, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
