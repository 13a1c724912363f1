"""A fleet on this machine: devices with certificates at addresses of loopback, honest ones, liars and outsiders."""

from __future__ import annotations

import random
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Event, Lock, Thread

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.publish.fleet import certify_device, certify_fleet
from edge.sync.carriers.identity import CERTIFICATE, FLEET, KEY, Identity
from edge.sync.carriers.interface import Carrier
from edge.sync.carriers.node import Node
from edge.sync.carriers.swarm import SwarmCarrier
from edge.sync.carriers.torrent import load_libtorrent, load_parameters, make_torrent, make_torrent_name

LOOPBACK = (socket.if_nametoindex("lo"),)
_PIECE, _HANDSHAKE = 7, 68


class Fleet:
    """A certificate authority and the devices it has admitted."""

    def __init__(self) -> None:
        self._authority = Ed25519PrivateKey.generate()
        self.certificate = certify_fleet(self._authority)

    def make_device(self, name: str = "van") -> Identity:
        return certify_device(self.certificate, self._authority, name)

    def admit(self, folder: Path) -> None:
        """Put a device's files where it looks for them."""
        identity = self.make_device()
        folder.mkdir(parents=True)
        for name, text in (
            (FLEET, identity.fleet), (CERTIFICATE, identity.certificate), (KEY, identity.key)
        ):  # fmt: skip
            (folder / name).write_text(text)

    def publish(self, repository: Path, path: str) -> None:
        """Put the torrent of a file of the repository where devices look for it."""
        place = repository / "metadata" / make_torrent_name(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(make_torrent(repository / "targets" / path, path, self.certificate))

    def make_carrier(
        self, mirror: Carrier, home: Path, host: str = "127.0.0.1", **options: float
    ) -> SwarmCarrier:
        return SwarmCarrier(
            mirror, self.make_device, home / "staging", host=host, interfaces=LOOPBACK, **options
        )


class Seed:
    """A device that has a file and gives it away, in a thread of its own; ``at`` is where it listens."""

    def __init__(self, identity: Identity, fleet: str, repository: Path, path: str, host: str) -> None:
        file = repository / "targets" / path
        data = (repository / "metadata" / make_torrent_name(path)).read_bytes()
        self.node = Node(identity, host, LOOPBACK)
        self.at = (host, self.node.port)
        self.handle = self.node.seed(load_parameters(data, path, file.stat().st_size, fleet), file)
        self._closing = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def given(self) -> int:
        """Bytes of payload that others have got from it."""
        return int(self.handle.status().total_payload_upload)

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self.node.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            self.node.turn()


class Liar:
    """A device with a certificate of the fleet that passes an honest one's pieces on, with a byte changed in each.

    It stands between two connections of TLS and speaks for ``upstream``; ``lies`` counts the blocks it spoilt.
    """

    def __init__(self, identity: Identity, upstream: tuple[str, int], info_hash: str, host: str) -> None:
        self.lies = 0
        self._upstream, self._info_hash, self._host = upstream, info_hash, host
        self._random, self._lock = random.Random(host), Lock()
        self._server, self._client = _make_contexts(identity)
        self._listener = socket.create_server((host, 0))
        self.at = self._listener.getsockname()[:2]
        self._open: list[socket.socket] = [self._listener]
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                Thread(target=self._speak, args=(connection,), daemon=True).start()

    def _speak(self, connection: socket.socket) -> None:
        with suppress(OSError):
            peer = _Tls(connection, self._server)
            raw = socket.create_connection(self._upstream, source_address=(self._host, 0))
            honest = _Tls(raw, self._client, self._info_hash)
            self._open += [connection, raw]
            Thread(target=_pass_on, args=(peer, honest), daemon=True).start()
            peer.send(honest.receive(_HANDSHAKE))
            while True:
                head = honest.receive(4)
                body = bytearray(honest.receive(struct.unpack(">I", head)[0]))
                if len(body) > 9 and body[0] == _PIECE:
                    body[9 + self._random.randrange(len(body) - 9)] ^= 0xFF
                    with self._lock:
                        self.lies += 1
                peer.send(head + bytes(body))


class _Tls:
    """TLS over a socket that one thread reads and another writes, which ``ssl.SSLSocket`` does not promise."""

    def __init__(self, raw: socket.socket, context: ssl.SSLContext, name: str | None = None) -> None:
        self._raw, self._lock = raw, Lock()
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=name is None, server_hostname=name)
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
        self._flush()

    def receive(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                with self._lock:
                    data += self._tls.read(count - len(data))
            except ssl.SSLWantReadError:
                self._fill()
        return data

    def send(self, data: bytes) -> None:
        with self._lock:
            self._tls.write(data)
            self._flush()

    def receive_some(self) -> bytes:
        while True:
            try:
                with self._lock:
                    return self._tls.read(1 << 16)
            except ssl.SSLWantReadError:
                self._fill()

    def _fill(self) -> None:
        data = self._raw.recv(1 << 16)
        if not data:
            raise ConnectionResetError
        with self._lock:
            self._in.write(data)

    def _flush(self) -> None:
        if data := self._out.read():
            self._raw.sendall(data)


def _pass_on(source: _Tls, target: _Tls) -> None:
    with suppress(OSError):
        while data := source.receive_some():
            target.send(data)


def _make_contexts(identity: Identity) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make contexts for the two sides that a device has in TLS. Whom it speaks to does not matter to a liar."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    with NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(identity.key + identity.certificate)
        file.flush()
        server.load_cert_chain(file.name)
        client.load_cert_chain(file.name)
    return server, client


def greet(at: tuple[str, int], info_hash: str, identity: Identity | None) -> bytes:
    """Ask for a torrent with this certificate, or with none; return what the device answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if identity:
        _, context = _make_contexts(identity)
    with socket.create_connection(at, timeout=10) as raw:
        tls = _Tls(raw, context, info_hash)
        tls.send(_make_hello(info_hash))
        return tls.receive(_HANDSHAKE)


def greet_plainly(at: tuple[str, int], info_hash: str) -> bytes:
    """Ask for a torrent without TLS; return what the device answers."""
    with socket.create_connection(at, timeout=10) as raw:
        raw.sendall(_make_hello(info_hash))
        with suppress(ConnectionResetError):
            return raw.recv(_HANDSHAKE)
    return b""


def _make_hello(info_hash: str) -> bytes:
    """Make the handshake of BitTorrent; a v2 torrent goes by the first 20 bytes of its hash."""
    return b"\x13BitTorrent protocol" + bytes(8) + bytes.fromhex(info_hash)[:20] + b"-XX0000-" + bytes(12)


def compute_info_hash(repository: Path, path: str) -> str:
    """Compute the name by which a peer asks for a torrent in the greeting of TLS."""
    lt = load_libtorrent()
    loaded = lt.load_torrent_buffer((repository / "metadata" / make_torrent_name(path)).read_bytes())
    return str(loaded.ti.info_hashes().get_best())


@contextmanager
def serve_seeds(fleet: Fleet, repository: Path, path: str, *hosts: str) -> Iterator[list[Seed]]:
    """Honest devices with a file, each at an address of its own."""
    with ExitStack() as stack:
        seeds = [Seed(fleet.make_device(host), fleet.certificate, repository, path, host) for host in hosts]
        for seed in seeds:
            stack.callback(seed.close)
        yield seeds
