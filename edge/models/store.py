"""Models on this device: copied into ``EDGE_HOME/models``, one language model and one reranker of them in use.

    models/NAME.gguf        a model          models/active      name of the language model, and its adapters
    models/lora/NAME.gguf   an adapter       models/reranker    name of the reranker
    …/NAME.json             its record (`integrity`)

Bundled models (`bundled`) are used where they are; the first of its kind, if none was chosen.
A model is there whole or not at all: it is put together beside its place, flushed and renamed. Loading is the engine's.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge import files
from edge.config import Settings
from edge.embedded.bundled import Place
from edge.embedded.findings import open_findings
from edge.embedded.part import read_stamp
from edge.errors import EdgeError, NotFoundError, UsageError
from edge.files import Progress, ignore_progress
from edge.models import gguf
from edge.models.bundled import BundledModel, list_bundled_models
from edge.models.checks import check_adapter, check_belongs, check_model, is_adapter
from edge.models.integrity import Record, hash_model, read_record, record_path, verify, write_record

SUFFIX = ".gguf"
LORA_FOLDER = "lora"
MAX_SCALE = 100.0

_SLOTS: dict[gguf.Kind, str] = {"language": "active", "reranker": "reranker"}
"""The file that names the model in use, for each kind of which one can be."""

MAKE_SPACE = "Free some space, or set EDGE_HOME to another disk."
_ADD = "Add one with `edge model add FILE.gguf`."


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model or an adapter that can be used; ``active`` when it is.

    ``purpose`` says what a bundled model is for, or what is wrong with it, unless it writes answers.
    """

    name: str
    path: Path
    bytes: int
    active: bool
    kind: Literal["model", "adapter"] = "model"
    place: Place = "installed"
    purpose: str = ""


class ModelStore:
    """The models of one ``EDGE_HOME``. Nothing is created before the first model is added."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.models_dir
        self._findings = open_findings(settings.home)
        self._bundled: dict[str, BundledModel] = {}
        came = list_bundled_models()
        for model in came:
            self._bundled.setdefault(model.name, model)
        self._hidden = tuple(model for model in came if model not in self._bundled.values())

    @property
    def folder(self) -> Path:
        """The folder that they are in."""
        return self._folder

    def list(self) -> tuple[InstalledModel, ...]:
        """List all models by name, then all adapters, then bundled models, unless one of their name is installed."""
        active = {self._read_name(kind) for kind in _SLOTS}
        adapters = {path for path, _ in self.list_loras()}
        files = sorted(self._folder.glob(f"*{SUFFIX}"))
        loras = sorted((self._folder / LORA_FOLDER).glob(f"*{SUFFIX}"))
        return (
            *(InstalledModel(f.stem, f, f.stat().st_size, f.stem in active) for f in files if f.is_file()),
            *(InstalledModel(f.stem, f, f.stat().st_size, f in adapters, "adapter") for f in loras if f.is_file()),
            *(self._describe(model) for model in self._list_usable().values()),
        )  # fmt: skip

    def list_shadowed(self) -> tuple[BundledModel, ...]:
        """List bundled models that are not used, since another of their name goes first."""
        usable = self._list_usable()
        return (*(model for name, model in self._bundled.items() if name not in usable), *self._hidden)

    def find_problems(self) -> tuple[BundledModel, ...]:
        """List bundled models that are damaged, as far as their headers tell."""
        return tuple(model for model in self._list_usable().values() if model.error)

    def find_active(self) -> Path | None:
        """Find the model to answer with, if there is one: the one that was chosen, else the first bundled one."""
        return self._find_in_use("language")

    def find_reranker(self) -> Path | None:
        """Find the model that orders passages, if there is one."""
        return self._find_in_use("reranker")

    def list_loras(self) -> tuple[tuple[Path, float], ...]:
        """List the adapters of the language model in use, each with its scale. One that is gone is left out."""
        lines = (line.split() for line in self._read_pointer("language")[1:])
        pairs = (
            (self._locate_adapter(words[0]), _parse_number(words[1])) for words in lines if len(words) == 2
        )
        return tuple((path, scale) for path, scale in pairs if path.is_file() and scale)

    def require_active(self) -> Path:
        """Return the model to answer with.

        Raises:
            NotFoundError: none is in use.
        """
        if path := self.find_active():
            return path
        raise NotFoundError("No language model is in use.", _ADD)

    def add(
        self,
        source: Path,
        progress: Progress = ignore_progress,
        *,
        replace: bool = False,
        origin: str = "",
    ) -> InstalledModel:
        """Copy a GGUF in; the first model of its kind is used from then on. Adding the same file again changes nothing,
        but mends one that was damaged.

        Args:
            source: a language model, a reranker or a LoRA adapter.
            progress: told of the bytes copied.
            replace: take the place of another model of its name.
            origin: where it comes from, for its record; by default its path.

        Raises:
            NotFoundError: there is no such file.
            ModelError: it is not a whole GGUF of any of these.
            UsageError: another model has this name.
            StorageError: no space, or not writable.
            BusyError: another process is changing the models.
        """
        with self._hold_place(source, source.stem) as path:
            if replace or not path.exists() or self._is_to_be_mended(path, hash_model(source)):
                files.check_space(path.parent, source.stat().st_size, source.name, MAKE_SPACE)
                with files.replace_atomically(path) as new:
                    digest = files.copy_and_hash(source, new, progress)
                    record = Record(digest, new.stat().st_size, origin or str(source.absolute()))
                    write_record(path, record)  # first: no file is ever without
                write_record(path, dataclasses.replace(record, seen=read_stamp(path)))
        return self._get(path.stem)

    def find_installed(self, name: str, sha256: str) -> InstalledModel | None:
        """Find the model of this name if it is this file, and undamaged."""
        with suppress(EdgeError):
            model = self._get(_make_name(name))
            record = verify(model.path, findings=self._findings)
            return model if record.sha256 == sha256 else None
        return None

    def take(self, staged: Path, name: str, sha256: str, origin: str) -> InstalledModel:
        """Take a file on the same disk, verified against ``sha256`` already: as `add`, but it is moved, not copied.

        Raises:
            As `add`.
        """
        with self._hold_place(staged, name) as path:
            if not path.exists() or self._is_to_be_mended(path, sha256):
                files.sync_file(staged)
                record = Record(sha256, staged.stat().st_size, origin)
                write_record(path, record)  # first: no file is ever without
                files.replace(staged, path)
                write_record(path, dataclasses.replace(record, seen=read_stamp(path)))
        return self._get(path.stem)

    def use(self, name: str, loras: Sequence[tuple[str, float]] = ()) -> InstalledModel:
        """Answer with this model from now on, or order passages with it if it is a reranker.

        Args:
            name: an installed model.
            loras: names of installed adapters, each with its scale. None means none.

        Raises:
            NotFoundError: it, or an adapter, is not installed.
            ModelError: a file is damaged.
            UsageError: an adapter does not belong to it.
            StorageError, BusyError: as `add`.
        """
        header = check_model(self._get(name, "model").path)
        for lora, _ in loras:
            adapter = self._get(lora, "adapter")
            check_belongs(header, name, check_adapter(adapter.path), adapter.name)
        with self._lock():
            self._write_pointer(header.kind, name, loras)
        return self._get(name)

    def remove(self, name: str) -> None:
        """Delete a model or an adapter. If the model was in use, none is until another is chosen.

        Raises:
            NotFoundError: it is not installed.
            UsageError: it is bundled with the program.
            StorageError, BusyError: as `add`.
        """
        model = self._get(name)
        if model.place == "inside":
            hint = f"Make one without it: edge bundle remove {shlex.quote(model.path.name)}"
            raise UsageError(f"The model {name} is inside the program.", hint)
        if model.place == "beside":
            raise UsageError(f"The model {name} lies beside the program.", f"Delete the file {model.path}")
        with self._lock():
            for kind in _SLOTS:
                if self._read_name(kind) == name:
                    self._locate_pointer(kind).unlink(missing_ok=True)
            model.path.unlink(missing_ok=True)
            record_path(model.path).unlink(missing_ok=True)

    @contextmanager
    def _hold_place(self, source: Path, stem: str) -> Iterator[Path]:
        """Give the place of a checked file, while nobody else changes anything; it is used if it is the first."""
        header = gguf.read_header(source)
        kind = check_adapter(source).kind if is_adapter(header) else check_model(source).kind
        name = _make_name(stem)
        path = self._locate_adapter(name) if kind == "part" else self._folder / f"{name}{SUFFIX}"
        other = self._folder / f"{name}{SUFFIX}" if kind == "part" else self._locate_adapter(name)
        if other.is_file():
            raise _make_name_error(other)
        with self._lock():
            files.make_folder(path.parent)
            yield path
            if kind in _SLOTS and self._find_in_use(kind) is None:
                self._write_pointer(kind, path.stem)

    def _is_to_be_mended(self, path: Path, sha256: str | None) -> bool:
        """Return whether the file at this place was once this one and is damaged now. If it still is, it stays.

        Raises:
            UsageError: it is another.
        """
        record = read_record(path)
        if hash_model(path) == sha256:
            if record is None:
                verify(path)
            return False
        if record is None or record.sha256 != sha256:
            raise _make_name_error(path)
        return True

    def _get(self, name: str, kind: str = "") -> InstalledModel:
        models = {model.name: model for model in self.list() if kind in ("", model.kind)}
        if name not in models:
            hint = f"Installed: {', '.join(models)}." if models else _ADD
            raise NotFoundError(f"There is no {kind or 'model'} named {name}.", hint)
        return models[name]

    def _find_in_use(self, kind: gguf.Kind) -> Path | None:
        name = self._read_name(kind)
        path = self._folder / f"{name}{SUFFIX}"
        if name and path.is_file():
            return path
        if name in self._bundled:
            return self._bundled[name].path
        first = [model for model in self._list_usable().values() if kind in (model.kind, model.guess)]
        return min(first, key=lambda model: model.error is not None).path if first else None

    def _list_usable(self) -> dict[str, BundledModel]:
        """List bundled models by name, without those of which one of their name is installed."""
        return {
            name: model
            for name, model in self._bundled.items()
            if not (self._folder / f"{name}{SUFFIX}").is_file()
        }

    def _describe(self, model: BundledModel) -> InstalledModel:
        active = model.path in (self.find_active(), self.find_reranker())
        purpose = "damaged" if model.kind is None else "" if model.kind == "language" else model.kind
        return InstalledModel(model.name, model.path, model.bytes, active, place=model.place, purpose=purpose)

    def _locate_adapter(self, name: str) -> Path:
        return self._folder / LORA_FOLDER / f"{Path(name).name}{SUFFIX}"

    def _locate_pointer(self, kind: gguf.Kind) -> Path:
        return self._folder / _SLOTS[kind]

    def _read_pointer(self, kind: gguf.Kind) -> tuple[str, ...]:
        try:
            return tuple(self._locate_pointer(kind).read_text(encoding="utf-8").splitlines())
        except (OSError, UnicodeDecodeError):
            return ()

    def _read_name(self, kind: gguf.Kind) -> str:
        return next(iter(self._read_pointer(kind)), "")

    def _write_pointer(self, kind: gguf.Kind, name: str, loras: Sequence[tuple[str, float]] = ()) -> None:
        lines = [name, *(f"{lora} {scale:g}" for lora, scale in loras)]
        files.write_atomically(self._locate_pointer(kind), "\n".join([*lines, ""]).encode())

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Let only this process change the folder; what an interrupted one left is cleared away."""
        with files.translate_os_errors(self._folder):
            files.make_folder(self._folder)
            with files.hold_lock(self._folder / ".lock", "changing the models"):
                for left in self._folder.rglob(files.UNFINISHED):
                    files.delete(left)
                yield


def _make_name(stem: str) -> str:
    """Return a name that is easy to type: letters, digits, dot, dash and underscore."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.") or "model"


def _make_name_error(path: Path) -> UsageError:
    hint = f"Remove it with `edge model remove {path.stem}`, or rename the file."
    return UsageError(f"Another model named {path.stem} is installed.", hint)


def _parse_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def parse_lora(text: str) -> tuple[str, float]:
    """Parse ``ADAPTER[:SCALE]``.

    Raises:
        UsageError: the scale is no number other than 0, or absurdly large.
    """
    name, separator, scale = text.partition(":")
    number = _parse_number(scale) if separator else 1.0
    if not name or not 0 < abs(number) <= MAX_SCALE:
        raise UsageError(
            f"{text} is no adapter with a scale.", "For example: --lora service or --lora service:0.5"
        )
    return name, number
