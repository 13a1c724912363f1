"""A receipt as a QR code: compressed, in the 45 characters that such a code holds best (RFC 9285).

What a scanner reads begins with ``EDGE1:``; ``edge audit check`` takes a file with it as it takes the receipt itself.
"""

from __future__ import annotations

import io
import re
import zlib

import segno

from edge.audit.note import NoteError
from edge.errors import UsageError

PREFIX = "EDGE1:"
PICTURES = (".png", ".svg")
MOST_CHARACTERS = 4296
"""Of a QR code of the largest size, with the least redundancy."""

MOST_BYTES = 16_384
"""Of a receipt that was compressed."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def pack(text: str) -> str:
    """Return a receipt as a QR code holds it."""
    return PREFIX + encode(zlib.compress(text.encode(), 9))


def unpack(text: str) -> str:
    """Return the receipt of a QR code; any other text as it is.

    Raises:
        NoteError: it is damaged.
    """
    if not text.startswith(PREFIX):
        return text
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(decode(text.removeprefix(PREFIX).rstrip("\r\n")), MOST_BYTES)
        if inflater.eof:
            return data.decode()
    except (ValueError, zlib.error):
        pass
    raise NoteError("This QR code is damaged.", "Scan it again, whole.")


def draw(text: str, kind: str) -> bytes:
    """Return the QR code of a receipt as a picture, ``.png`` or ``.svg``.

    Raises:
        UsageError: the receipt is too long for one.
    """
    stream = io.BytesIO()
    _make(text).save(stream, kind=kind.lstrip("."), scale=4)
    return stream.getvalue()


def draw_for_terminal(text: str) -> str:
    """Return the QR code of a receipt in characters. Raises as `draw` does."""
    stream = io.StringIO()
    _make(text).terminal(stream, compact=True)
    return stream.getvalue()


def encode(data: bytes) -> str:
    """Encode bytes in 45 characters."""
    digits: list[str] = []
    for at in range(0, len(data), 2):
        value = int.from_bytes(data[at : at + 2], "big")
        for _ in range(3 if at + 1 < len(data) else 2):
            value, digit = divmod(value, 45)
            digits.append(_DIGITS[digit])
    return "".join(digits)


def decode(text: str) -> bytes:
    """Decode bytes. Raises ``ValueError`` for what is none."""
    found = bytearray()
    for group in re.findall(r".{1,3}", text, re.DOTALL):
        value = sum(_DIGITS.index(digit) * 45**place for place, digit in enumerate(group))
        try:
            found += value.to_bytes(len(group) - 1, "big")
        except OverflowError as error:
            raise ValueError("not base 45") from error
    return bytes(found)


def _make(text: str) -> segno.QRCode:
    packed = pack(text)
    if len(packed) > MOST_CHARACTERS:
        raise UsageError("This receipt is too long for a QR code.", "Write it as text: --receipt FILE.txt")
    return segno.make_qr(packed, error="L", boost_error=False)
