"""The installed packs: immutable files, and for each name a pointer to the version in use.

    packs/NAME/VERSION-DIGEST.kpack     never changed once it is there
    packs/NAME/active.json              which file is in use, which one was before; replaced atomically
    packs/.staging-*, packs/.trash-*    work in progress; left over after a crash, removed by the next change

Bundled packs are in use as long as none of their name is installed. They count as unsigned: anybody may have put
them there.

Whatever happens between two steps, the pointer names a whole file. What nothing points to is renamed away
before it is deleted, so that a half-deleted version never looks complete. Reading takes no lock and writes
nothing.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from edge import files
from edge.config import Settings
from edge.embedded.bundled import Place
from edge.embedded.findings import open_findings
from edge.errors import (
    EdgeError,
    NotFoundError,
    PackError,
    StorageError,
    TrustError,
    UsageError,
)
from edge.packs.bundled import BundledPack, list_bundled_packs
from edge.packs.format import read_trailer
from edge.packs.manifest import parse_version
from edge.packs.pack import Pack
from edge.packs.pointer import POINTER, InstalledFile, Pointer, read_pointer
from edge.packs.verify import verify

MAKE_SPACE = "Free some space, or remove a pack with `edge pack remove`."
INSTALL_AGAIN = "Install it again: edge pack install FILE.kpack"

Packs = list[Pack]
_STAGING, _TRASH, _LOCK = ".staging-", ".trash-", ".lock"


@dataclass(frozen=True, slots=True)
class InstalledPack:
    """A pack in use. ``previous`` is the version that ``rollback`` would bring back."""

    name: str
    version: str
    title: str
    digest: str
    size: int
    signed: bool
    path: Path
    previous: str | None
    place: Place = "installed"


@dataclass(frozen=True, slots=True)
class Installation:
    """The outcome of installing: ``changed`` when it changed anything, and the version that was in use before.

    ``replaced`` may be the same version, when that was another build of it. It is None for the same file again.
    """

    pack: InstalledPack
    changed: bool
    replaced: str | None


@dataclass(frozen=True, slots=True)
class Problem:
    """An installed or bundled pack that cannot be used, and why."""

    name: str
    error: EdgeError
    place: Place = "installed"

    @property
    def hint(self) -> str:
        """The advice for those who cannot search it."""
        return INSTALL_AGAIN if self.place == "installed" else self.error.hint


class PackStore:
    """The packs under ``EDGE_HOME``. Two processes may use one at the same time."""

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.packs_dir
        self._findings = open_findings(settings.home)
        self._unsound: dict[Path, EdgeError] = {}

    def list(self) -> tuple[InstalledPack, ...]:
        """List the packs in use by name; damaged ones are left to `find_problems`."""
        return tuple(pack for pack, _ in self._examine_all() if pack is not None)

    def find_problems(self) -> tuple[Problem, ...]:
        """List packs that cannot be opened."""
        return tuple(problem for _, problem in self._examine_all() if problem is not None)

    def list_shadowed(self) -> tuple[BundledPack, ...]:
        """List bundled packs that are not in use, since another of their name goes first."""
        installed, usable = self._list_installed(), self._bundled.values()
        return tuple(p for p in self._all_bundled if not p.error and (p.name in installed or p not in usable))

    def list_in_use(self) -> Iterator[tuple[Path, bool]]:
        """Yield the file in use of each pack and whether it is signed, by the pointers alone: nothing is opened."""
        installed = self._list_installed()
        for name in self._list_names():
            with suppress(PackError, NotFoundError):
                if name in installed:
                    active = self._read_pointer(name).active
                    yield self.folder / name / active.file, active.signed
                else:
                    yield self._bundled[name].path, False

    def set_aside(self, path: Path, error: EdgeError) -> None:
        """Count the pack of this file among the ``find_problems`` as long as this process runs: it failed in use."""
        self._unsound[path] = error

    def is_set_aside(self, path: Path) -> bool:
        """Return True for the file of a pack that was set aside."""
        return path in self._unsound

    def get(self, name: str) -> InstalledPack:
        """Return one installed pack.

        Raises:
            NotFoundError: it is not installed.
            PackError: it is damaged.
        """
        with self.open(name) as pack:
            return self._describe(pack)

    def open(self, name: str) -> Pack:
        """Open the version of a pack that is in use; raises as ``get`` does."""
        if name in self._bundled and name not in self._list_installed():
            return Pack.open(self._bundled[name].path)
        pointer = self._read_pointer(name)
        try:
            return self._open(name, pointer)
        except PackError:
            # Between reading the pointer and opening, another process may have installed twice.
            renewed = self._read_pointer(name)
            if renewed == pointer:
                raise
            return self._open(name, renewed)

    def open_version(self, name: str, version: str) -> Pack:
        """Open the version of a pack that is in use, or the one before it, by its number.

        Raises:
            NotFoundError: neither has this number.
            PackError: it is damaged.
        """
        with self.open(name) as pack:
            if pack.version == version:
                return Pack.open(pack.path, pack.signed)
        previous = self._read_pointer(name).previous if name in self._list_installed() else None
        if previous and previous.version == version:
            return Pack.open(self.folder / name / previous.file, previous.signed)
        kept = " and ".join([pack.version, *([previous.version] if previous else [])])
        raise NotFoundError(f"There is no version {version} of '{name}' here.", f"There is {kept}.")

    def open_previous(self, name: str) -> Pack:
        """Open the version that ``rollback`` would bring back.

        Raises:
            NotFoundError: the pack is not installed, or has none.
            PackError: it is damaged.
        """
        self.open(name).close()
        previous = self._read_pointer(name).previous if name in self._list_installed() else None
        if previous is None:
            raise NotFoundError(
                f"There is no previous version of '{name}' here.", "Give two versions, or two .kpack files."
            )
        return Pack.open(self.folder / name / previous.file, previous.signed)

    def open_all(self, names: Sequence[str] = ()) -> Packs:
        """Open the packs of these names, or all that can be opened, which may be none.

        Raises:
            NotFoundError, PackError: one of ``names`` is not installed, or damaged.
        """
        packs: Packs = []
        try:
            for name in names or self._list_names():
                try:
                    packs.append(self.open(name))
                except EdgeError:
                    if names:
                        raise
        except EdgeError:
            for pack in packs:
                pack.close()
            raise
        return packs

    def install(
        self,
        source: Path,
        *,
        allow_unsigned: bool = False,
        allow_downgrade: bool = False,
        signed_sha256: str | None = None,
    ) -> Installation:
        """Verify a pack and put it in use; the version in use until now is kept for ``rollback``.

        Args:
            source: a .kpack file; it is copied.
            allow_unsigned: accept a pack that nobody signed.
            allow_downgrade: accept a version lower than the one in use.
            signed_sha256: SHA-256 of the whole file as a trusted publisher signed it; the copy must have it.

        Raises:
            NotFoundError, PackError: there is no such file; it is damaged or not a pack.
            TrustError: not signed and not allowed, or not what was signed.
            UsageError: the version is lower than the one in use.
            StorageError: not enough space, read-only, failing. Nothing has changed.
            BusyError: another process is changing the packs.
        """
        read_trailer(source)  # a file that is no pack is not copied
        if signed_sha256 is None and not allow_unsigned:
            raise TrustError(
                f"{source.name} is not signed by anybody this device trusts.",
                "If you built it or trust where it came from: `edge pack install --unsigned`.",
            )
        with self._lock(), self._make_staging() as staging:
            files.check_space(self.folder, source.stat().st_size, f"Installing {source.name}", MAKE_SPACE)
            staged = staging / source.name
            files.copy_file(source, staged)
            digests = verify(staged)
            if signed_sha256 is not None and digests.file != signed_sha256:
                raise TrustError(f"{source.name} is not what was signed.", "Download it again.")
            with Pack.open(staged, signed=signed_sha256 is not None) as pack:
                return self._put_in_use(pack, allow_downgrade)

    def rollback(self, name: str) -> Installation:
        """Put the previous version back in use; the one in use now becomes the previous one.

        Raises:
            NotFoundError: the pack is not installed or has no previous version.
            PackError: the previous version is damaged.
        """
        with self._lock():
            pointer = self._read_pointer(name)
            if pointer.previous is None:
                raise NotFoundError(
                    f"There is no previous version of '{name}'.", "Install the version you want."
                )
            verify(self.folder / name / pointer.previous.file)
            self._write(name, Pointer(pointer.previous, pointer.active))
            return Installation(self.get(name), changed=True, replaced=pointer.active.version)

    def remove(self, name: str) -> None:
        """Remove a pack with its previous version.

        Raises:
            NotFoundError: it is not installed.
        """
        with self._lock():
            if name not in self._list_installed():
                raise NotFoundError(*(self._explain_bundled(name) or self._explain_missing(name)))
            self._discard(self.folder / name)

    def _put_in_use(self, pack: Pack, allow_downgrade: bool) -> Installation:
        """Take the last steps of an installation: from a verified file in staging to the new pointer."""
        manifest = pack.manifest
        installed = InstalledFile.from_version(manifest.version, pack.digest, pack.signed)
        old = self._try_pointer(manifest.name)
        if old and self._has(manifest.name, old.active, installed):
            return Installation(self.get(manifest.name), changed=False, replaced=None)
        if (
            old
            and not allow_downgrade
            and parse_version(manifest.version) < parse_version(old.active.version)
        ):
            raise UsageError(
                f"{manifest.name} {old.active.version} is in use; {manifest.version} is older.",
                f"`edge pack rollback {manifest.name}` goes back; `--allow-downgrade` installs it all the same.",
            )
        home = self.folder / manifest.name
        files.make_folder(home)
        files.replace(pack.path, home / installed.file)
        self._write(manifest.name, Pointer(installed, _choose_previous(old, installed)))
        # The new version is in use; what cannot be removed now goes with the next change.
        with suppress(OSError):
            self._sweep(manifest.name)
        replaced = old.active.version if old and old.active.file != installed.file else None
        return Installation(self.get(manifest.name), changed=True, replaced=replaced)

    def _has(self, name: str, active: InstalledFile, wanted: InstalledFile) -> bool:
        """Return whether what is wanted is in use already: the same file, undamaged, and not without its signature."""
        if active.file != wanted.file or (wanted.signed and not active.signed):
            return False
        try:
            verify(self.folder / name / active.file)
        except EdgeError:
            return False
        return True

    def _write(self, name: str, pointer: Pointer) -> None:
        files.write_atomically(self.folder / name / POINTER, pointer.to_json())

    def _examine_all(self) -> Iterator[tuple[InstalledPack | None, Problem | None]]:
        for name in self._list_names():
            try:
                found = self.get(name)
                error = self._unsound.get(found.path)
                yield (None, Problem(name, error, found.place)) if error else (found, None)
            except EdgeError as refused:
                yield None, Problem(name, refused)
        installed = self._list_installed()
        for pack in self._all_bundled:
            if pack.error and pack.name not in installed:
                yield None, Problem(pack.name, pack.error, pack.place)

    def _list_installed(self) -> tuple[str, ...]:
        """List folders with a pointer: one without is an installation that never finished."""
        try:
            entries = sorted(self.folder.iterdir())
            return tuple(e.name for e in entries if not e.name.startswith(".") and (e / POINTER).exists())
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise StorageError(
                f"{self.folder} cannot be read: {error.strerror}.", "Check its permissions."
            ) from error

    def _read_pointer(self, name: str) -> Pointer:
        if name not in self._list_installed():
            raise NotFoundError(*self._explain_missing(name))
        return read_pointer(self.folder / name / POINTER)

    def _try_pointer(self, name: str) -> Pointer | None:
        """Read a pointer; None for a damaged one, which the installation at hand replaces."""
        try:
            return self._read_pointer(name)
        except (NotFoundError, PackError):
            return None

    def _open(self, name: str, pointer: Pointer) -> Pack:
        try:
            pack = Pack.open(self.folder / name / pointer.active.file, signed=pointer.active.signed)
        except NotFoundError as error:
            raise PackError(
                f"The file of the pack '{name}' is missing.", "Install the pack again."
            ) from error
        if pack.manifest.name != name:
            pack.close()
            raise PackError(
                f"The pack '{name}' calls itself '{pack.manifest.name}'.", "Install the pack again."
            )
        return pack

    def _describe(self, pack: Pack) -> InstalledPack:
        manifest = pack.manifest
        bundled = self._bundled.get(manifest.name)
        place = bundled.place if bundled and bundled.path == pack.path else "installed"
        previous = self._read_pointer(manifest.name).previous if place == "installed" else None
        return InstalledPack(
            name=manifest.name,
            version=manifest.version,
            title=manifest.title,
            digest=pack.digest,
            size=pack.size,
            signed=pack.signed,
            path=pack.path,
            previous=previous.version if previous else None,
            place=place,
        )

    @cached_property
    def _all_bundled(self) -> tuple[BundledPack, ...]:
        return list_bundled_packs(self._findings)

    @cached_property
    def _bundled(self) -> dict[str, BundledPack]:
        """The bundled packs that can be used, the first of each name."""
        return {pack.name: pack for pack in reversed(self._all_bundled) if pack.error is None}

    def _list_names(self) -> tuple[str, ...]:
        return tuple(sorted({*self._list_installed(), *self._bundled}))

    def _explain_bundled(self, name: str) -> tuple[str, str] | None:
        if name not in self._bundled:
            return None
        path, place = self._bundled[name].path, self._bundled[name].place
        if place == "beside":
            return f"The pack '{name}' lies beside the program.", f"Delete the file {path}"
        return (
            f"The pack '{name}' is inside the program.",
            f"Make one without it: edge bundle remove {path.name}",
        )

    def _explain_missing(self, name: str) -> tuple[str, str]:
        names = ", ".join(self._list_names())
        hint = f"Installed: {names}." if names else "Install one: edge pack install FILE.kpack"
        return f"The pack '{name}' is not installed.", hint

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Lock the store among processes, and clear away what a crash left behind."""
        with files.translate_os_errors(self.folder):
            files.make_folder(self.folder)
            with files.hold_lock(self.folder / _LOCK, "changing the installed packs"):
                self._clear()
                yield

    def _clear(self) -> None:
        """Remove unfinished work; nothing is touched in a folder whose pointer or active file is damaged."""
        for left_over in (*self.folder.glob(f"{_STAGING}*"), *self.folder.glob(f"{_TRASH}*")):
            files.delete(left_over)
        for folder in sorted(self.folder.glob("[!.]*/")):
            if not (folder / POINTER).exists():
                self._discard(folder)
            elif (pointer := self._try_pointer(folder.name)) and (folder / pointer.active.file).exists():
                self._sweep(folder.name)

    @contextmanager
    def _make_staging(self) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(prefix=_STAGING, dir=self.folder))
        try:
            yield folder
        finally:
            files.delete(folder)

    def _sweep(self, name: str) -> None:
        """Discard the versions of a pack that its pointer does not name."""
        pointer = self._read_pointer(name)
        kept = {POINTER, *(installed.file for installed in pointer.list_versions())}
        for entry in sorted((self.folder / name).iterdir()):
            if entry.name not in kept:
                self._discard(entry)

    def _discard(self, path: Path) -> None:
        trash = self.folder / f"{_TRASH}{secrets.token_hex(4)}"
        files.replace(path, trash)
        files.delete(trash)


def _choose_previous(old: Pointer | None, new: InstalledFile) -> InstalledFile | None:
    """Choose what rollback goes back to: the version in use until now; for a re-signed file, what it was before."""
    if old is None:
        return None
    return old.previous if old.active.file == new.file else old.active
