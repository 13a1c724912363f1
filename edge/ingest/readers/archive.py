"""Office files are ZIP archives: refuse what is none, is locked, or unpacks to more than a document holds."""

from __future__ import annotations

import io
import zipfile

from edge.errors import DocumentError

MAX_UNPACKED = 512 * 1024 * 1024
OLD_FORMAT = b"\xd0\xcf\x11\xe0"
"""What old binary files of Office begin with, and files locked with a password."""


def check_archive(name: str, data: bytes, suffix: str, kind: str) -> None:
    """Refuse an office file before anything is unpacked.

    Args:
        suffix: what the file should be saved as, ``.docx``.
        kind: what it is called, ``Word document``.

    Raises:
        DocumentError: it is damaged, protected, or unpacks to more than ``MAX_UNPACKED`` bytes.
    """
    if data.startswith(OLD_FORMAT):
        raise DocumentError(
            f"{name} is protected with a password or an old {suffix[:-1]} file.",
            f"Save it as {suffix} without a password.",
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except Exception as error:  # zipfile raises several kinds on damaged archives
        raise DocumentError(
            f"{name} is not a readable {kind}.",
            f"Open it in an office program and save it again as {suffix}, or save it as PDF.",
        ) from error
    if unpacked > MAX_UNPACKED:
        raise DocumentError(
            f"{name} unpacks to more than {MAX_UNPACKED >> 20} MiB.", "Split it into smaller documents."
        )
