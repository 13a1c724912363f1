"""First trust: the root that a device starts from, chosen by a person who has compared fingerprints, or built in.

    EDGE_HOME/sync/root.json     what was chosen
    edge/sync/root.json          what an integrator has put into the program, used when nothing was chosen

All that is signed is believed because a chain of signatures leads from here to it; that chain is ``edge.sync.trust``'s.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from edge import files
from edge.config import Settings
from edge.errors import NotFoundError, StorageError, TrustError
from edge.sync.carriers.interface import Carrier

ROOT_LIMIT = 512_000
MAX_ROTATIONS = 256
BUILT_IN = Path(__file__).with_name("root.json")


@dataclass(frozen=True, slots=True)
class OfferedRoot:
    """A root that is sound in itself. ``threshold`` of its keys, known by their TUF key ids, must sign the next."""

    version: int
    threshold: int
    fingerprints: tuple[str, ...]
    expires: datetime
    data: bytes


def locate_anchor(settings: Settings) -> Path:
    """Return the path of the chosen root."""
    return settings.sync_dir / "root.json"


def load_anchor(settings: Settings) -> bytes:
    """Return the root that all trust starts from.

    Raises:
        TrustError: nobody has said whom to trust.
        StorageError: it cannot be read.
    """
    path = locate_anchor(settings)
    for candidate in (path, BUILT_IN):
        try:
            return candidate.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise StorageError(
                f"{candidate} cannot be read: {error.strerror}.", "Check its permissions."
            ) from error
    raise TrustError(
        "This device trusts no publisher yet.",
        "Once: `edge sync trust REPO` (an address, a folder or a root.json), comparing the fingerprints it shows.",
    )


def has_anchor(settings: Settings) -> bool:
    """Return whether this device trusts a publisher."""
    return locate_anchor(settings).exists() or BUILT_IN.exists()


def hash_anchor(data: bytes) -> str:
    """Return the id under which the ratchet keeps a publisher."""
    return hashlib.sha256(data).hexdigest()


def read_root(data: bytes, name: str) -> OfferedRoot:
    """Read a root.

    Raises:
        TrustError: it is none, or not signed by as many of its own keys as it asks for.
    """
    root = _verify(data, name)
    role = root.roles[Root.type]
    return OfferedRoot(root.version, role.threshold, tuple(sorted(role.keyids)), root.expires, data)


def read_root_file(path: Path) -> OfferedRoot:
    """Read a root from a file of its own.

    Raises:
        NotFoundError, StorageError: there is no such file, or it cannot be read.
        TrustError: as ``read_root``.
    """
    try:
        with path.open("rb") as file:
            data = file.read(ROOT_LIMIT + 1)
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no {path}.", "Name a repository or its root.json.") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error
    if len(data) > ROOT_LIMIT:
        raise TrustError(f"{path} is too long for a root.", "Name the root.json of a repository.")
    return read_root(data, str(path))


def fetch_newest_root(carrier: Carrier) -> OfferedRoot:
    """Fetch the newest root of a repository, reached from its first one by signatures of old and new keys.

    Raises:
        NotFoundError: it has no first root.
        CarrierError: it cannot be reached.
        TrustError: a root of the chain is not signed as it must be.
    """
    data, version = carrier.read_metadata("1.root.json", ROOT_LIMIT), 1
    root = _verify(data, f"{carrier.name}: 1.root.json")
    for version in range(2, MAX_ROTATIONS):
        name = f"{version}.root.json"
        try:
            following = carrier.read_metadata(name, ROOT_LIMIT)
        except NotFoundError:
            break
        newer = _verify(following, f"{carrier.name}: {name}", signed_also_by=root)
        if newer.version != version:
            raise TrustError(
                f"{carrier.name}: {name} says it is version {newer.version}.", "Take another source."
            )
        data, root = following, newer
    return read_root(data, carrier.name)


def is_trusted(settings: Settings, root: OfferedRoot) -> bool:
    """Return whether this is the anchor, or signed by the anchor's keys: then the publisher is the same.

    Raises:
        StorageError: the anchor cannot be read.
    """
    try:
        anchor = load_anchor(settings)
        _verify(root.data, "root.json", signed_also_by=_verify(anchor, str(locate_anchor(settings))))
    except TrustError:
        return False
    return True


def trust(settings: Settings, root: OfferedRoot) -> None:
    """Make this root the anchor. Installed files stay, and so do the versions seen of another publisher.

    Raises:
        StorageError: it cannot be written.
    """
    with files.translate_os_errors(settings.sync_dir):
        files.make_folder(settings.sync_dir)
        files.delete(settings.sync_dir / "metadata")
        files.write_atomically(locate_anchor(settings), root.data)


def _verify(data: bytes, name: str, signed_also_by: Root | None = None) -> Root:
    try:
        metadata = Metadata[Root].from_bytes(data)
        root = metadata.signed
        if not isinstance(root, Root):
            raise TrustError(f"{name} is no root but a {root.type}.", "Name a repository or its root.json.")
        for judge in filter(None, (signed_also_by, root)):
            judge.verify_delegate(Root.type, metadata.signed_bytes, metadata.signatures)
    except RepositoryError as error:
        raise TrustError(
            f"{name} is not a root signed as it must be: {error}.",
            "Take it from the publisher again; compare the fingerprints before you trust it.",
        ) from error
    return root
