"""The beacon by which devices of a fleet find each other on a LAN: a signed datagram to a multicast group.

A datagram says "here, at this port", is signed by the device, and carries the certificate that the fleet has signed.
It names no pack. One that is recorded and sent again brings nobody more than a connection to themselves, which TLS
then refuses: the beacon saves others the asking, it does not let anybody in.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge.sync.carriers.identity import Identity

GROUP, PORT = "239.255.77.12", 47112
"""Of the scope that stays at a site (RFC 2365)."""

INTERVAL_S = 5.0
MAX_BYTES = 1400
MAX_A_POLL = 32
"""Datagrams looked at in one turn, so that a flood costs no more than what it drowns."""

MAX_KNOWN = 64
"""Newcomers that are answered at once."""

_MAGIC = b"edge-swarm\x01"
_HEAD = struct.Struct(">HH")
_SIGNATURE = 64

Address = tuple[str, int]


class Beacon:
    """Sends and receives whenever it is polled; needs no thread.

    Args:
        identity: of this device.
        port: where it takes connections.
        host: the address it takes them at; ``0.0.0.0`` for all.
        interfaces: indices of network interfaces; empty for all that there are.
    """

    def __init__(
        self, identity: Identity, port: int, host: str = "0.0.0.0", interfaces: Sequence[int] = ()
    ) -> None:
        self._identity = identity
        self._datagram = make_datagram(identity, port)
        self._interfaces = tuple(interfaces) or tuple(index for index, _ in socket.if_nameindex())
        self._due = 0.0
        self._known: set[Address] = set()
        self._out = _open_socket((host, 0))
        self._in = _open_socket((GROUP, PORT))
        for index in self._interfaces:
            with suppress(OSError):  # an interface without an address
                self._in.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, _pack_request(index))

    def poll(self) -> list[Address]:
        """Return the addresses of devices heard since the last call; announce this device when it is time."""
        heard = list(dict.fromkeys(self._receive()))
        new = [address for address in heard if address not in self._known][: MAX_KNOWN - len(self._known)]
        self._known.update(new)
        if new or time.monotonic() >= self._due:  # a newcomer need not wait for the next turn
            self._due = time.monotonic() + INTERVAL_S
            self._send()
        return heard

    def close(self) -> None:
        """Stop. May be called twice."""
        self._out.close()
        self._in.close()

    def _send(self) -> None:
        for index in self._interfaces:
            with suppress(OSError):  # a network that is down
                self._out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, _pack_request(index))
                self._out.sendto(self._datagram, (GROUP, PORT))

    def _receive(self) -> Iterator[Address]:
        for _ in range(MAX_A_POLL):
            try:
                data, (host, _port) = self._in.recvfrom(MAX_BYTES)
            except OSError:  # nothing more
                return
            if data != self._datagram and (port := read_datagram(self._identity, data)):
                yield host, port


def make_datagram(identity: Identity, port: int) -> bytes:
    """Make the datagram of a device."""
    certificate = identity.own.public_bytes(serialization.Encoding.DER)
    body = _MAGIC + _HEAD.pack(port, len(certificate)) + certificate
    return body + identity.private_key.sign(body)


def read_datagram(identity: Identity, data: bytes) -> int | None:
    """Return the port in another device's datagram; None when it is not from a device of the same fleet."""
    body, signature = data[:-_SIGNATURE], data[-_SIGNATURE:]
    head = len(_MAGIC) + _HEAD.size
    if not body.startswith(_MAGIC) or len(body) < head:
        return None
    port, length = _HEAD.unpack(body[len(_MAGIC) : head])
    if len(body) != head + length or port == 0:
        return None
    try:
        certificate = x509.load_der_x509_certificate(body[head:])
        public = certificate.public_key()
        if not identity.admits(certificate) or not isinstance(public, Ed25519PublicKey):
            return None
        public.verify(signature, body)
    except (ValueError, InvalidSignature, x509.UnsupportedGeneralNameType):
        return None
    return int(port)


def _open_socket(address: Address) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def _pack_request(interface: int) -> bytes:
    """Pack a ``struct ip_mreqn``: the group, any address, an interface."""
    return struct.pack("=4s4si", socket.inet_aton(GROUP), bytes(4), interface)
