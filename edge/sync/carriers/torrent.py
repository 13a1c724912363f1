"""Torrents of a fleet, for both sides: what the torrent of a target must look like, and where it lies.

    metadata/SHA256.torrent    of the target with this SHA-256

A torrent is not signed, and need not be: it is refused unless it is exactly what the target's name, its signed length
and the fleet's certificate make it, and the file that comes of it counts by its signed SHA-256, as always.
"""

from __future__ import annotations

import importlib
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from edge.errors import CarrierError, NotFoundError, StorageError, TrustError, UsageError

MAX_BYTES = 2 << 20
"""Of a torrent: 32 for each piece, and a little."""

_LEAST_PIECE, _LARGEST_PIECE, _PIECES = 16 << 10, 16 << 20, 32_768


def load_libtorrent() -> Any:
    """Load the library, which only a swarm needs.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return importlib.import_module("libtorrent")
    except ImportError as error:
        raise UsageError(
            f"The swarm needs libtorrent, which cannot be loaded: {error}.",
            "Install it: pip install 'edge-assistant[swarm]'. Or use another source.",
        ) from error


def make_torrent_name(path: str) -> str:
    """Return the name in ``metadata/`` of a target's torrent, given the target's file (``Target.file``)."""
    return f"{PurePosixPath(path).name.partition('.')[0]}.torrent"


def compute_piece_length(length: int) -> int:
    """Return the bytes in a piece, a power of two: one block up to 512 MiB, so that a wrong piece has one sender.

    Where a piece comes from several, libtorrent soon takes the honest for liars too, and nobody is left.
    """
    size = _LEAST_PIECE
    while size < _LARGEST_PIECE and size * _PIECES < length:
        size *= 2
    return size


def make_info(name: str, length: int, root: bytes, fleet: str) -> dict[bytes, object]:
    """Make the info dictionary (BEP 52) of a file whose pieces have this Merkle root, in a swarm of this fleet."""
    file = {b"": {b"length": length, b"pieces root": root}}
    return {
        b"file tree": {name.encode(): file},
        b"meta version": 2,
        b"name": name.encode(),
        b"piece length": compute_piece_length(length),
        b"private": 1,
        b"ssl-cert": fleet.encode(),
    }


def make_torrent(file: Path, path: str, fleet: str, web_seed: str = "") -> bytes:
    """Make the torrent of a file: BitTorrent v2 (BEP 52), private, TLS among devices that the fleet admits.

    The same file has the same torrent, wherever it is made.

    Args:
        file: where it lies, under any name.
        path: the target's file.
        fleet: the fleet's certificate.
        web_seed: an address that has it, for other BitTorrent programs (BEP 19).

    Raises:
        NotFoundError: there is no such file.
        UsageError: libtorrent is not installed.
        StorageError: the file cannot be read.
    """
    lt, name = load_libtorrent(), PurePosixPath(path).name
    if not file.is_file():
        raise NotFoundError(f"{file} is missing.", "Get it again, or restore it from a copy.")
    length = file.stat().st_size
    entry = lt.create_file_entry(name, length)
    making = lt.create_torrent([entry], compute_piece_length(length), lt.create_torrent.v2_only)
    making.set_priv(True)
    making.set_root_cert(fleet)
    if web_seed:
        making.add_url_seed(web_seed)
    with TemporaryDirectory() as folder:
        Path(folder, name).symlink_to(file.absolute())  # libtorrent reads it by the name in the torrent
        try:
            lt.set_piece_hashes(making, folder)
        except RuntimeError as error:
            raise StorageError(f"{file} cannot be read: {error}.", "Check the disk.") from error
    content = making.generate()
    content.pop(b"creation date", None)
    return bytes(lt.bencode(content))


def load_parameters(data: bytes, path: str, length: int, fleet: str) -> Any:
    """Return libtorrent's parameters for a target's torrent (``add_torrent_params``).

    Args:
        data: the torrent, from anywhere.
        path: the target's file.
        length: its signed length.
        fleet: the certificate of this device's fleet.

    Raises:
        TrustError: it is for a longer file than was signed, for another fleet, or for another file.
        CarrierError: it is for a shorter file, or damaged.
    """
    lt, name = load_libtorrent(), PurePosixPath(path).name
    try:
        torrent = lt.bdecode(data)
        found = torrent[b"info"]
        file = found[b"file tree"][name.encode()][b""]
        size, root = file[b"length"], file[b"pieces root"]
        whole = {b"info": found, b"piece layers": torrent.get(b"piece layers", {})}
        if size == length and found != make_info(name, length, root, fleet):
            raise TrustError(
                f"The torrent of {path} is not one of this device's fleet.",
                "Tell the publisher to make the torrents again, or ask for this device's new certificate.",
            )
        loaded = lt.load_torrent_buffer(lt.bencode(whole))
    except (RuntimeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise CarrierError(f"The torrent of {path} is damaged.", "Use another source.") from error
    if size != length:
        kind = TrustError if size > length else CarrierError
        raise kind(
            f"The torrent of {path} is for {size} bytes, and {length} were signed.",
            "Use another source; tell whoever runs this one.",
        )
    return loaded
