"""Payload from the other devices of the fleet, and from the mirror where they have nothing: a private swarm.

Lists and torrents are the mirror's, or whatever source stands behind: the swarm carries payload and nothing else.
Only devices with a certificate of the fleet are spoken to. Whether what came is what was signed is the caller's, as
with every carrier; libtorrent checks each piece, so that a peer who lies costs that piece and is not asked again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from edge import files
from edge.errors import CarrierError, NotFoundError, StorageError, TrustError
from edge.files import format_size
from edge.sync.carriers.identity import Identity
from edge.sync.carriers.interface import Carrier, require_inside
from edge.sync.carriers.node import Node, Traffic
from edge.sync.carriers.torrent import MAX_BYTES, compute_piece_length, load_parameters, make_torrent_name
from edge.sync.carriers.watch import LEAST_RATE, WINDOW_S

BLOCK = 1 << 20
GRACE_S = 4.0
"""Without anything from a peer, after which the mirror is asked: less than the beacon's interval and a greeting."""

OTHER_SOURCE = "Free some space, or use another source, which needs less."

WebSeed = Callable[[int], Generator[bytes, None, None]]
"""The bytes of the file from a position on."""


class SwarmCarrier:
    """The devices nearby, with a source behind them.

    Args:
        mirror: where lists and torrents come from, and payload that no device has.
        identity: of this device, loaded when first needed: lists can be had without.
        staging: the folder of unfinished downloads (``edge.sync.payload``), which clears what is wanted no more.
        host: the address this device takes connections at.
        interfaces: of the beacon, by index; empty for all.
        window_s: how long too little may come before the source is given up.
    """

    def __init__(
        self,
        mirror: Carrier,
        identity: Callable[[], Identity],
        staging: Path,
        *,
        host: str = "0.0.0.0",
        interfaces: tuple[int, ...] = (),
        window_s: float = WINDOW_S,
    ) -> None:
        self._mirror, self._load_identity, self._staging = mirror, identity, staging
        self._host, self._interfaces, self._window_s = host, interfaces, window_s
        self._node: Node | None = None

    @property
    def name(self) -> str:
        """The name that the reader sees."""
        return f"swarm, {self._mirror.name}"

    @property
    def removable(self) -> bool:
        """As the source behind, which gives the lists."""
        return self._mirror.removable

    @property
    def traffic(self) -> Traffic:
        """The traffic with peers so far."""
        return self._node.traffic if self._node else Traffic()

    def read_metadata(self, name: str, limit: int) -> bytes:
        """See ``Carrier``. From the source behind."""
        try:
            return self._mirror.read_metadata(name, limit)
        except NotFoundError as error:
            raise NotFoundError(f"{self.name}: {error.message}", error.hint) from error

    def read_payload(self, path: str, start: int, length: int) -> Generator[bytes, None, None]:
        """See ``Carrier``. Needs space for the file beside the caller's own."""
        torrent = self._load_torrent(path, length)
        folder = self._staging / PurePosixPath(path).name.partition(".")[0] / "swarm"
        with files.translate_os_errors(folder):
            files.check_space(self._staging, length, str(self._staging), OTHER_SOURCE)
            files.make_folder(folder)
        download = _Download(self.node, torrent, folder, start, length, self._window_s)
        try:
            yield from download.read_blocks(lambda at: self._mirror.read_payload(path, at, length))
        finally:
            download.close()
        files.delete(folder)

    @cached_property
    def _identity(self) -> Identity:
        try:
            return self._load_identity()
        except NotFoundError as error:  # that a file of the repository is missing would be another matter
            raise CarrierError(f"{self.name}: {error.message}", error.hint) from error

    @property
    def node(self) -> Node:
        """This device in the swarm; it joins when first needed."""
        if self._node is None:
            self._node = Node(self._identity, self._host, self._interfaces)
        return self._node

    def close(self) -> None:
        """See ``Carrier``."""
        if self._node is not None:
            self._node.close()
            self._node = None
        self._mirror.close()

    def _load_torrent(self, path: str, length: int) -> Any:
        require_inside(self.name, path)
        data = self.read_metadata(make_torrent_name(path), MAX_BYTES)
        return load_parameters(data, path, length, self._identity.fleet)


class _Download:
    """One file on its way, piece by piece in order."""

    def __init__(
        self, node: Node, torrent: Any, folder: Path, start: int, length: int, window_s: float
    ) -> None:
        self._node, self._window_s = node, window_s
        self._start, self._length, self._piece = start, length, compute_piece_length(length)
        self._handle = node.fetch(torrent, folder, start // self._piece)
        self._mirror: Generator[bytes, None, None] | None = None
        self._mirror_fails = False
        self._mirror_at, self._rest = 0, bytearray()
        self._done, self._moved = 0, time.monotonic()
        self._window = (self._moved, 0)

    def read_blocks(self, web_seed: WebSeed) -> Iterator[bytes]:
        """Yield the wanted bytes, every piece checked."""
        for piece in range(self._start // self._piece, -(-self._length // self._piece)):
            while not self._handle.have_piece(piece):
                self._advance(piece, web_seed)
            data = self._read(piece)
            begin = max(0, self._start - piece * self._piece)
            for at in range(begin, len(data), BLOCK):
                yield data[at : at + BLOCK]

    def close(self) -> None:
        self._leave_mirror()
        self._node.remove(self._handle)

    def _advance(self, piece: int, web_seed: WebSeed) -> None:
        """Wait for peers a moment; if nothing comes, take the piece from the mirror."""
        if self._mirror is None:
            self._node.turn(self._handle)
            status, now = self._handle.status(), time.monotonic()
            if status.total_done != self._done or status.state == status.checking_files:
                self._done, self._moved = status.total_done, now
            self._refuse_trickle(status, now)
            if now - self._moved < GRACE_S or self._mirror_fails:
                return
        self._fetch_from_mirror(piece, web_seed)

    def _refuse_trickle(self, status: Any, now: float) -> None:
        since, done = self._window
        if status.state == status.checking_files:
            self._window = (now, status.total_done)
        elif not self._node.known and self._mirror_fails and now - self._node.opened >= self._window_s:
            raise CarrierError("No other device of the fleet is near.", "Use another source.")
        elif now - since >= self._window_s:
            if status.total_done - done < LEAST_RATE * self._window_s:
                raise CarrierError(
                    f"The swarm is too slow: {status.num_peers} devices, {format_size(status.total_done - done)} "
                    f"in {self._window_s:g} s.",
                    "What has come is kept: the same command resumes. Or use another source.",
                )
            self._window = (now, status.total_done)

    def _fetch_from_mirror(self, piece: int, web_seed: WebSeed) -> None:
        """Take one piece from the mirror, checked like any other; do not ask a mirror that failed again."""
        begin = piece * self._piece
        wanted = min(self._piece, self._length - begin)
        try:
            if self._mirror is None or self._mirror_at != begin:
                self._leave_mirror()
                self._mirror, self._mirror_at, self._rest = web_seed(begin), begin, bytearray()
            while len(self._rest) < wanted:
                self._rest += next(self._mirror)
        except (CarrierError, NotFoundError, TrustError, StopIteration):
            self._give_mirror_up()
            return
        data, self._rest = bytes(self._rest[:wanted]), self._rest[wanted:]
        self._mirror_at += wanted
        self._handle.add_piece(piece, data, self._handle.overwrite_existing)
        self._wait_for_check(piece)

    def _wait_for_check(self, piece: int) -> None:
        until = time.monotonic() + self._window_s
        while not self._handle.have_piece(piece):
            names = {type(alert).__name__ for alert in self._node.turn(self._handle)}
            if "hash_failed_alert" in names or time.monotonic() >= until:
                self._give_mirror_up()
                return
        self._done, self._moved = self._handle.status().total_done, time.monotonic()

    def _give_mirror_up(self) -> None:
        self._mirror_fails = True
        self._leave_mirror()

    def _leave_mirror(self) -> None:
        if self._mirror is not None:
            self._mirror.close()
            self._mirror = None

    def _read(self, piece: int) -> bytes:
        self._handle.read_piece(piece)
        while True:
            for alert in self._node.turn(self._handle):
                if type(alert).__name__ == "read_piece_alert" and alert.piece == piece:
                    if alert.error.value():
                        raise StorageError(
                            f"A piece cannot be read: {alert.error.message()}.", "Check the disk."
                        )
                    return bytes(alert.buffer)
