"""Pulling a model from a hub: only when asked, resumed where it broke off, believed once its SHA-256 is right.

models/.pull/SHA256     what has come so far; the next attempt goes on there
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from edge import files
from edge.config import Settings
from edge.errors import CarrierError
from edge.files import format_size
from edge.models.hub import Hub, RemoteFile, parse_spec
from edge.models.store import MAKE_SPACE, InstalledModel, ModelStore

FOLDER = ".pull"
KEPT_S = 30 * 86400

Progress = Callable[[str, int, int], None]
"""Called with what is going on (``pull`` or ``check``), the bytes done and all bytes."""


def pull(settings: Settings, text: str, progress: Progress) -> InstalledModel:
    """Get a model or an adapter from a hub and install it under its file's name.

    Args:
        settings: where models are, and which hub.
        text: see `parse_spec`.
        progress: told of every block.

    Raises:
        UsageError: the text means nothing, several files match, or the name is taken.
        NotFoundError: no such repository or file.
        CarrierError: the hub cannot be reached, refuses, or gave something else than it promised.
        ModelError: the file is no model that can be used.
        StorageError: no space.
        BusyError: another process pulls the same file or changes the models.
    """
    spec = parse_spec(text)
    progress("ask", 0, 1)  # it is asked again a few times before it counts as out of reach: 20 s
    hub = Hub(settings.hub)
    file = hub.find(spec)
    store, name = ModelStore(settings), PurePosixPath(file.path).stem
    if there := store.find_installed(name, file.sha256):
        return there
    with files.translate_os_errors(store.folder):
        folder = store.folder / FOLDER
        files.make_folder(folder)
        staged = folder / file.sha256
        with files.hold_lock(folder / ".lock", "pulling a model"):
            forget_old(folder, time.time())
            _fetch(hub, file, staged, progress)
            model = store.take(staged, name, file.sha256, file.origin)
            files.delete(staged)
    return model


def forget_old(folder: Path, now: float) -> None:
    """Delete what was begun and not taken up again for a month."""
    for entry in folder.iterdir():
        if entry.name != ".lock" and now - entry.stat().st_mtime > KEPT_S:
            files.delete(entry)


def _fetch(hub: Hub, file: RemoteFile, staged: Path, progress: Progress) -> None:
    """Bring the file here; once more from the beginning when what was resumed turns out wrong."""
    resumed = _download_rest(hub, file, staged, progress)
    if _is_promised(file, staged, progress):
        return
    staged.unlink()
    if resumed:
        _download_rest(hub, file, staged, progress)
        if _is_promised(file, staged, progress):
            return
        staged.unlink()
    raise CarrierError(
        f"{file.path} is not the file that the hub promised: its SHA-256 is another.",
        "Nothing of it was kept. Try again, or through another network.",
    )


def _download_rest(hub: Hub, file: RemoteFile, staged: Path, progress: Progress) -> bool:
    """Append what is missing; return whether there was something before."""
    have = staged.stat().st_size if staged.exists() else 0
    if have > file.bytes:
        staged.unlink()
        have = 0
    files.check_space(staged.parent, file.bytes - have, file.path, MAKE_SPACE)
    done = have

    def report(count: int) -> None:
        nonlocal done
        done += count
        progress("pull", done, file.bytes)

    progress("pull", have, file.bytes)
    if have < file.bytes:
        with staged.open("ab") as target:
            try:
                hub.append(file, target, have, report)
            except OSError as error:
                if error.errno is not None:  # the disk's
                    raise
                staged.unlink()
                raise CarrierError(
                    f"{file.path} is not of the promised size, {format_size(file.bytes)}.",
                    "Nothing of it was kept. Try again, or through another network.",
                ) from error
    return bool(have)


def _is_promised(file: RemoteFile, staged: Path, progress: Progress) -> bool:
    if staged.stat().st_size != file.bytes:
        return False
    with staged.open("rb") as stream:
        found = files.hash_stream(stream, file.bytes, lambda done, total: progress("check", done, total))
    return found == file.sha256
