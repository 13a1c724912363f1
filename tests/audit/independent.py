"""A second verifier of receipts, written from the specifications alone: RFC 6962, signed notes, checkpoints,
cosignatures and tlog proofs. It shares no code with edge.
"""

from __future__ import annotations

import base64
import hashlib
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def root_from_path(index: int, size: int, node: bytes, path: list[bytes]) -> bytes:
    """Recursive, as the definition of PATH(m, D[n]) in RFC 6962, section 2.1.1."""
    if size == 1:
        if path:
            raise ValueError("path too long")
        return node
    k = 1
    while k * 2 < size:
        k *= 2
    if not path:
        raise ValueError("path too short")
    if index < k:
        left, right = root_from_path(index, k, node, path[:-1]), path[-1]
    else:
        left, right = path[-1], root_from_path(index - k, size - k, node, path[:-1])
    return hashlib.sha256(b"\x01" + left + right).digest()


def split_note(note: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    text, _, rest = note.rpartition(b"\n\n")
    signatures = []
    for line in rest.decode().split("\n")[:-1]:
        dash, name, value = line.split(" ")
        if dash != "\u2014":
            raise ValueError("not a signature line")
        signatures.append((name, base64.b64decode(value, validate=True)))
    return text + b"\n", signatures


def key_id(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def parse_vkey(vkey: str) -> tuple[str, int, bytes]:
    name, number, data = vkey.split("+", 2)
    raw = base64.b64decode(data, validate=True)
    if key_id(name, raw[0], raw[1:]).hex() != number:
        raise ValueError("key id")
    return name, raw[0], raw[1:]


def verify_checkpoint(note: bytes, vkey: str) -> tuple[str, int, bytes]:
    name, kind, public = parse_vkey(vkey)
    assert kind == 1
    text, signatures = split_note(note)
    for signer, value in signatures:
        if signer == name and value[:4] == key_id(name, 1, public):
            Ed25519PublicKey.from_public_bytes(public).verify(value[4:], text)
            origin, size, root = text.decode().split("\n")[:3]
            if origin != name:
                raise ValueError("origin")
            return origin, int(size), base64.b64decode(root, validate=True)
    raise ValueError("not signed by the log")


def verify_cosignature(note: bytes, name: str, public: bytes) -> int:
    """Return the time at which a witness has cosigned."""
    text, signatures = split_note(note)
    for signer, value in signatures:
        if signer == name and value[:4] == key_id(name, 4, public):
            (time,) = struct.unpack(">Q", value[4:12])
            message = b"cosignature/v1\ntime %d\n" % time + text
            Ed25519PublicKey.from_public_bytes(public).verify(value[12:], message)
            return int(time)
    raise ValueError("not cosigned")


def verify_proof(proof: bytes, leaf: bytes, vkey: str) -> tuple[int, int]:
    """Return index and size of the tree in which a tlog proof shows the leaf."""
    head, _, checkpoint = proof.partition(b"\n\n")
    lines = head.decode().split("\n")
    if lines[0] != "c2sp.org/tlog-proof@v1":
        raise ValueError("version")
    lines = lines[1:]
    if lines[0].startswith("extra "):
        lines = lines[1:]
    word, number = lines[0].split(" ")
    if word != "index" or str(int(number)) != number:
        raise ValueError("index")
    path = [base64.b64decode(line, validate=True) for line in lines[1:]]
    _, size, root = verify_checkpoint(checkpoint, vkey)
    if root_from_path(int(number), size, leaf, path) != root:
        raise ValueError("inclusion")
    return int(number), size


def verify_receipt(receipt: bytes) -> tuple[int, int]:
    """The receipt's own frame: head, what was answered, the row, the proof."""
    head, body, row, proof = receipt.split(b"\n\n", 3)
    fields = dict(line.split(" ", 1) for line in head.decode().split("\n")[1:])
    committed = hashlib.sha256(bytes.fromhex(fields["salt"]) + body).digest()
    last = row.decode().split("\n")[-1]
    if last != "receipt " + base64.b64encode(committed).decode():
        raise ValueError("commitment")
    return verify_proof(proof, leaf_hash(row + b"\n"), fields["key"])
