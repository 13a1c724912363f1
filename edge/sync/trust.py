"""Trust in a repository: the TUF client over any carrier, the ratchet behind it, and the policy on age and clocks.

``refresh`` answers with the targets of a repository whose signatures, versions and dates have all been checked, or with
an error that names the file, the reason and what to do. Fetching what they name is ``edge.sync.payload``'s.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from tuf.api import exceptions
from tuf.api.metadata import Root, Signed, Snapshot, Targets, Timestamp
from tuf.api.serialization.json import CanonicalJSONSerializer
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from edge import files
from edge.config import Settings
from edge.errors import CarrierError, EdgeError, NotFoundError, TrustError
from edge.sync import clock
from edge.sync.anchor import MAX_ROTATIONS, ROOT_LIMIT, hash_anchor, load_anchor
from edge.sync.carriers.interface import Carrier
from edge.sync.clock import Judgement
from edge.sync.ratchet import Acceptance, Ratchet, SeenRole
from edge.sync.targets import Target

_LIMITS = UpdaterConfig(max_root_rotations=MAX_ROTATIONS, max_delegations=32, root_max_length=ROOT_LIMIT)
_UNSIGNED = (
    "Use another source. If it is the publisher's own: a key is wrong, or somebody has changed the file."
)
_OLD = "This is an old copy, or somebody holds back newer ones: get a newer one. Nothing has changed."
_CHANGED = "The copy is damaged or was changed: copy the repository again, or use another source."


@dataclass(frozen=True, slots=True)
class Offer:
    """The verified contents of a source.

    ``problems`` names what is refused of it (a delegate's list, a target) and why. ``stale_days`` is the age of a list
    that was accepted although it had expired, ``version`` and ``expires`` are those of ``timestamp.json``.
    """

    targets: tuple[Target, ...]
    problems: tuple[tuple[str, EdgeError], ...]
    version: int
    expires: datetime
    stale_days: int | None


class Trust:
    """The trust of one device. ``now`` is its clock."""

    def __init__(self, settings: Settings, now: Callable[[], datetime] = clock.read_clock) -> None:
        """Open the memory of what was accepted.

        Raises:
            TrustError: this device trusts nobody yet.
            StorageError: its memory cannot be read or written.
        """
        self._anchor = load_anchor(settings)
        self._id = hash_anchor(self._anchor)
        self._cache = settings.sync_dir / "metadata"
        self._now = now
        self.ratchet = Ratchet(settings.sync_dir / "trust.sqlite")

    def close(self) -> None:
        """Close the memory."""
        self.ratchet.close()

    def refresh(self, carrier: Carrier, *, accept_stale: bool = False) -> Offer:
        """Bring the metadata up to date from a source.

        A root is remembered as soon as it is verified, the other roles once all of them are; both before this returns.

        Raises:
            TrustError: something is not signed as it must be, goes back behind what was seen, or has expired.
            CarrierError: the source cannot be reached, or is no repository.
            StorageError: the memory cannot be written.
        """
        updater, stale_days = self.verify(carrier, accept_stale)
        targets, problems = _list_offered(updater, carrier)
        timestamp = updater.trusted.timestamp
        return Offer(targets, problems, timestamp.version, timestamp.expires, stale_days)

    def verify(self, carrier: Carrier, accept_stale: bool = False) -> tuple[_Updater, int | None]:
        """Refresh and return the client with its top-level roles, and the age of a list that had expired."""
        trusted = clock.compute_trusted_time(self._now(), self.ratchet.get_time())
        judgement = Judgement(trusted)
        updater = self._make_updater(carrier, judgement.time)
        try:
            _refresh(updater, carrier)
        except exceptions.ExpiredMetadataError:
            judgement = _judge_expired(updater, trusted, carrier, accept_stale)
            updater = self._make_updater(carrier, judgement.time)
            with _translate_errors(carrier, updater):
                updater.refresh()
        self._accept(updater, trusted, carrier, judgement)
        return updater, judgement.stale_days

    def _make_updater(self, carrier: Carrier, time: datetime) -> _Updater:
        with files.translate_os_errors(self._cache):
            files.make_folder(self._cache)
            try:
                fetcher, on_root = _Fetcher(carrier), partial(self._accept_root, carrier=carrier)
                return _Updater(self._cache, fetcher, self._anchor, time, on_root)
            except exceptions.RepositoryError as error:
                raise TrustError(
                    f"The root this device starts from is damaged: {error}.",
                    "Choose it again with `edge sync trust REPO`, comparing the fingerprints.",
                ) from error

    def _accept_root(self, root: Root, carrier: Carrier) -> None:
        """Remember a root, before the timestamp is read; first delete what its rotation makes void."""
        keys = _describe_online_keys(root)
        if self.ratchet.is_rotated(self._id, keys):
            for role in (Timestamp.type, Snapshot.type):
                files.delete(self._cache / f"{role}.json")
        self.ratchet.accept_root(self._id, _make_seen(root), keys, carrier.name)

    def _accept(self, updater: _Updater, trusted: datetime, carrier: Carrier, judgement: Judgement) -> None:
        timestamp, snapshot = updater.trusted.timestamp, updater.trusted.snapshot
        seen = {name.removesuffix(".json"): SeenRole(meta.version) for name, meta in snapshot.meta.items()}
        seen |= {
            Timestamp.type: _make_seen(timestamp),
            Snapshot.type: _make_seen(snapshot),
            Targets.type: _make_seen(updater.trusted.targets),
        }
        time = clock.choose_remembered_time(trusted, timestamp.expires)
        acceptance = Acceptance(time, carrier.name, timestamp.version, judgement.stale_days)
        self.ratchet.accept(self._id, seen, acceptance)


class _Fetcher(FetcherInterface):
    """Lets python-tuf read metadata through a carrier. ``asked`` is the last requested file."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self.asked = ""

    def download_bytes(self, url: str, max_length: int) -> bytes:
        self.asked = unquote(url.removeprefix("/"))
        try:
            return self._carrier.read_metadata(self.asked, max_length)
        except NotFoundError as error:
            raise exceptions.DownloadHTTPError(error.message, 404) from error

    def _fetch(self, url: str) -> Iterator[bytes]:
        raise NotImplementedError("only metadata is read this way")


class _Updater(Updater):
    """python-tuf's client with its own reference time, a callback after the root, and a list of all targets.

    It has no public way to either: these few private names of version 7.0.1 are all we use of it.
    """

    def __init__(
        self, cache: Path, fetcher: _Fetcher, root: bytes, time: datetime, on_root: Callable[[Root], None]
    ) -> None:
        self._on_root = on_root
        self.fetcher = fetcher
        super().__init__(str(cache), "/", fetcher=fetcher, config=_LIMITS, bootstrap=root)
        self.trusted = self._trusted_set
        self.trusted.reference_time = time

    def _load_root(self) -> None:
        super()._load_root()
        self._on_root(self.trusted.root)

    def load_role(self, name: str, parent: str) -> Targets:
        """Return the targets of a role, verified."""
        return self._load_targets(name, parent)


def _list_offered(
    updater: _Updater, carrier: Carrier
) -> tuple[tuple[Target, ...], tuple[tuple[str, EdgeError], ...]]:
    """Return all targets, each as described by the role responsible for its path, and what is refused."""
    listed, problems = _list_paths(updater, carrier)
    targets: list[Target] = []
    for path, role in sorted(listed.items()):
        try:
            with _translate_errors(carrier, updater):
                file = updater.get_targetinfo(path)
            if file is None:
                raise TrustError(
                    f"{carrier.name}: {role}.json lists {path}, which is outside what {role} may publish.",
                    "Tell the publisher. Nothing of it was installed.",
                )
            target = Target.from_target_file(file)
        except (TrustError, CarrierError) as error:
            problems[path] = error
        else:
            targets += [target] if target else []
    return tuple(targets), tuple(problems.items())


def _list_paths(updater: _Updater, carrier: Carrier) -> tuple[dict[str, str], dict[str, EdgeError]]:
    """Return every path that any role lists, with that role; and the roles whose list is refused."""
    paths: dict[str, str] = {}
    problems: dict[str, EdgeError] = {}
    waiting, visited = [(Targets.type, Root.type)], set[str]()
    while waiting and len(visited) <= _LIMITS.max_delegations:
        name, parent = waiting.pop(0)
        if name in visited:
            continue
        visited.add(name)
        try:
            with _translate_errors(carrier, updater):
                role = updater.load_role(name, parent)
        except (TrustError, CarrierError) as error:
            problems[f"{name}.json"] = error
            continue
        paths |= {path: name for path in role.targets if path not in paths}
        waiting += [(child, name) for child in (role.delegations and role.delegations.roles) or ()]
    return paths, problems


def _refresh(updater: _Updater, carrier: Carrier) -> None:
    """Refresh and translate errors, except expiry, which the policy decides on."""
    expired = None
    with _translate_errors(carrier, updater):
        try:
            updater.refresh()
        except exceptions.ExpiredMetadataError as error:
            expired = error
    if expired:
        raise expired


def _judge_expired(updater: _Updater, trusted: datetime, carrier: Carrier, accept_stale: bool) -> Judgement:
    """Apply the policy once something has expired; only a timestamp may be excused."""
    expired = {role.type: role.expires for role in updater.trusted if role.is_expired(trusted)}
    if Root.type in expired:
        raise _make_expired_error(carrier, "root.json", trusted, expired[Root.type])
    if Timestamp.type not in expired:
        raise _make_expired_error(carrier, updater.fetcher.asked, trusted)
    return clock.judge_expired(
        expired[Timestamp.type],
        trusted,
        removable=carrier.removable,
        accept_stale=accept_stale,
        source=carrier.name,
    )


def _make_expired_error(
    carrier: Carrier, file: str, trusted: datetime, expires: datetime | None = None
) -> TrustError:
    when = f" on {expires:%Y-%m-%d}" if expires else ""
    return TrustError(
        f"{carrier.name}: {file} expired{when}.",
        f"Tell the publisher to sign it anew. {clock.describe_doubt(trusted)}",
    )


def _make_seen(role: Signed) -> SeenRole:
    """Return a role's version, and the hash of what is signed: more signatures on the same make no difference."""
    return SeenRole(role.version, hashlib.sha256(CanonicalJSONSerializer().serialize(role)).hexdigest())


def _describe_online_keys(root: Root) -> str:
    roles = (root.roles[Timestamp.type], root.roles[Snapshot.type])
    return " / ".join(f"{role.threshold} of {' '.join(sorted(role.keyids))}" for role in roles)


@contextmanager
def _translate_errors(carrier: Carrier, updater: _Updater) -> Iterator[None]:
    """Translate python-tuf's errors, and name the file they are about."""
    try:
        with files.translate_os_errors(Path(str(updater._dir))):
            yield
    except exceptions.DownloadError as error:
        raise CarrierError(
            str(error),
            "It is no repository, or an incomplete one: check the address, or use another source.",
        ) from error
    except exceptions.RepositoryError as error:
        raise _translate(error, f"{carrier.name}: {updater.fetcher.asked}") from error


def _translate(error: exceptions.RepositoryError, file: str) -> TrustError:
    if isinstance(error, exceptions.UnsignedMetadataError):
        return TrustError(f"{file} is not signed by the keys that must sign it ({error}).", _UNSIGNED)
    if isinstance(error, exceptions.BadVersionNumberError):
        return TrustError(f"{file} has another version than it must have ({error}).", _OLD)
    if isinstance(error, exceptions.LengthOrHashMismatchError):
        return TrustError(f"{file} is not the file that was signed ({error}).", _CHANGED)
    if isinstance(error, exceptions.ExpiredMetadataError):
        return TrustError(f"{file} has expired ({error}).", "Tell the publisher to sign it anew.")
    return TrustError(f"{file} is refused: {error}.", _CHANGED)
