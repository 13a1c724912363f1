"""This device among the others of its fleet: one libtorrent session that speaks only TLS.

Peers come from the beacon alone: no tracker, no DHT, no peer exchange, no local service discovery, no port mapping.
What is fetched and why is ``edge.sync.carriers.swarm``'s.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import CarrierError, StorageError
from edge.sync.carriers.beacon import Address, Beacon
from edge.sync.carriers.identity import Identity
from edge.sync.carriers.torrent import load_libtorrent

MAX_PEERS = 64
SOCKET_BYTES = 256 << 10
"""On their way at most in the kernel, for each peer: enough for a LAN, and little to lose in a cut."""

TURN_MS = 100
RECONNECT_S = 1.0

_DH = """-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""
"""ffdhe2048 (RFC 7919). libtorrent wants some; TLS 1.3 does without."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes of payload: received from peers, and how many of these were wrong or came twice."""

    received: int = 0
    failed: int = 0
    redundant: int = 0


class Node:
    """A member of the swarm. It takes connections at ``port``.

    Args:
        identity: of this device.
        host: the address it takes connections at.
        interfaces: that the beacon uses, by index; empty for all.

    Raises:
        UsageError: libtorrent is not installed.
        CarrierError: the network cannot be used.
    """

    def __init__(self, identity: Identity, host: str = "0.0.0.0", interfaces: tuple[int, ...] = ()) -> None:
        self._lt, self._identity = load_libtorrent(), identity
        self.opened = time.monotonic()
        self.known: dict[Address, None] = {}
        self.traffic = Traffic()
        self._connected = 0.0
        self._session = _open_session(self._lt, host)
        self.port = int(self._session.ssl_listen_port())
        if not self.port:
            raise CarrierError(
                f"No connections can be taken at {host}.", "Check the network, or use another source."
            )
        try:
            self._beacon = Beacon(identity, self.port, host, interfaces)
        except OSError as error:
            raise CarrierError(
                f"The swarm cannot look for others: {error.strerror}.",
                "Check the network, or use another source.",
            ) from error

    def fetch(self, parameters: Any, folder: Path, first_piece: int) -> Any:
        """Begin to fetch a torrent's file into a folder, from a piece on; check and keep what is there already.

        Returns:
            libtorrent's ``torrent_handle``.
        """
        parameters.save_path = str(folder)
        parameters.piece_priorities = [0] * first_piece
        return self._add(parameters, self._lt.torrent_flags.sequential_download)

    def seed(self, parameters: Any, file: Path) -> Any:
        """Give a whole file to whoever asks. It is checked piece by piece as it is asked for.

        Returns:
            libtorrent's ``torrent_handle``.
        """
        parameters.save_path = str(file.parent)
        parameters.renamed_files = {0: file.name}
        return self._add(parameters, self._lt.torrent_flags.seed_mode)

    def turn(self, handle: Any = None) -> list[Any]:
        """Wait a moment; connect a torrent that is being fetched to the devices that are known.

        Returns:
            What libtorrent had to say (alerts).

        Raises:
            StorageError: the disk is full or failing.
            CarrierError: libtorrent gave up.
        """
        self._session.wait_for_alert(TURN_MS)
        for address in self._beacon.poll():
            if address not in self.known and len(self.known) < MAX_PEERS:
                self.known[address] = None
                self._connected = 0.0
        if handle is not None and time.monotonic() - self._connected >= RECONNECT_S:
            self._connected = time.monotonic()
            for address in self.known:
                handle.connect_peer(address)
        alerts = list(self._session.pop_alerts())
        for alert in alerts:
            if handle is not None and getattr(alert, "handle", None) == handle:
                _raise_errors(alert)
        return alerts

    def remove(self, handle: Any) -> None:
        """Stop with a torrent and count what came by it; its file stays."""
        status, so_far = handle.status(), self.traffic
        self.traffic = Traffic(
            so_far.received + status.total_payload_download,
            so_far.failed + status.total_failed_bytes,
            so_far.redundant + status.total_redundant_bytes,
        )
        self._session.remove_torrent(handle)

    def close(self) -> None:
        """Leave the swarm."""
        self._beacon.close()
        self._session.pause()
        del self._session  # its destructor closes every connection

    def _add(self, parameters: Any, flag: Any) -> Any:
        flags, me = self._lt.torrent_flags, self._identity
        parameters.trackers, parameters.url_seeds = [], []
        parameters.flags = (
            flag | flags.paused | flags.disable_dht | flags.disable_lsd | flags.disable_pex
            | flags.override_trackers | flags.override_web_seeds
        )  # fmt: skip
        handle = self._session.add_torrent(parameters)
        handle.set_ssl_certificate_buffer(me.certificate, me.key, _DH)
        handle.resume()
        return handle


def _open_session(lt: Any, host: str) -> Any:
    """Open a session that writes to the disk at once: the default keeps data in memory, which a cut would cost."""
    kinds = lt.alert.category_t
    parameters = lt.session_params()
    parameters.disk_io_constructor = "posix_disk_io_constructor"
    parameters.settings = {
        "alert_mask": kinds.error_notification
        | kinds.status_notification
        | kinds.piece_progress_notification,
        "alert_queue_size": 10_000,
        "close_redundant_connections": False,  # closing one in order takes seconds, when the program wants to end
        "connections_limit": MAX_PEERS,
        "dht_bootstrap_nodes": "",
        "enable_dht": False,
        "enable_incoming_utp": False,
        "enable_lsd": False,
        "enable_natpmp": False,
        "enable_outgoing_utp": False,
        "enable_upnp": False,
        "listen_interfaces": f"{host}:{_find_free_port(host)}s",
        "max_failcount": 10,
        "max_out_request_queue": 32,  # blocks of 16 KiB on their way from a peer, which a cut costs
        "min_reconnect_time": 1,
        "recv_socket_buffer_size": SOCKET_BYTES,
        "send_socket_buffer_size": SOCKET_BYTES,
        "webtorrent_stun_server": "",
    }
    return lt.session(parameters)


def _find_free_port(host: str) -> int:
    """Return one port for all interfaces: for port 0, libtorrent takes another on each, and a beacon names one."""
    with socket.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError:  # libtorrent will say so
            return 0
        return int(probe.getsockname()[1])


def _raise_errors(alert: Any) -> None:
    kind = type(alert).__name__
    if kind == "file_error_alert":
        raise StorageError(
            f"{alert.filename()} cannot be read or written: {alert.error.message()}.", "Check the disk."
        )
    if kind == "torrent_error_alert":
        raise CarrierError(f"The swarm gave up: {alert.message()}.", "Try again, or use another source.")
