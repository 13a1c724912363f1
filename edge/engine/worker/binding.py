"""llama.cpp as a worker process sees it: the back end, a loaded model, its vocabulary. Contexts are made by those
who use them. Only workers import this module: a crash in here must not take the service along.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import re
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from edge.engine.process.options import WorkerOptions
from edge.engine.worker.devices import Device, Registry
from edge.engine.worker.embedded import load_embedded

ERROR_LEVEL = 4  # GGML_LOG_LEVEL_ERROR


NEEDED = ("libgomp.so.1", "libggml-base.so", "libggml-cpu.so", "libggml.so")
"""Libraries that come with llama.cpp's own, each after those it needs itself."""

DAMAGED = "Check this edge with `edge self-test`, or install it again."


class LoadError(Exception):
    """llama.cpp does not take this file, or cannot be loaded itself; ``hint`` says what may help, if that is known."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def _import_low_level() -> Any:
    """Import llama_cpp's low-level module without the package's ``__init__``, whose high-level API (numpy, jinja2,
    diskcache: 0.2 s of every start) nothing here uses.
    """
    if "llama_cpp" not in sys.modules:
        spec = importlib.util.find_spec("llama_cpp")
        if spec is None or spec.submodule_search_locations is None:
            raise LoadError("llama-cpp-python is not installed", DAMAGED)
        package = ModuleType("llama_cpp")
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules["llama_cpp"] = package
        _load_libraries(Path(os.environ.get("LLAMA_CPP_LIB_PATH") or Path(package.__path__[0], "lib")))
    try:
        return importlib.import_module("llama_cpp.llama_cpp")
    except (OSError, RuntimeError, AttributeError) as error:  # a library that is gone, damaged, or another's
        raise LoadError(str(error), DAMAGED) from error


def _load_libraries(folder: Path) -> None:
    """Load what llama.cpp needs by its path: by its name, another llama.cpp on LD_LIBRARY_PATH would go first."""
    for name in NEEDED:
        with suppress(OSError):  # it is damaged, which llama.cpp will say, or not part of this build
            ctypes.CDLL(str(folder / name))


L = _import_low_level()

GGML_TYPES = {"f16": 1, "q8_0": 8, "q4_0": 2}
"""Numbers of the types that keys and values may be stored in (enum ggml_type)."""

_errors: deque[str] = deque(maxlen=4)
_buffers: dict[str, float] = {}
_BUFFER = re.compile(r":\s+(\S+)\s+(model|KV|compute|output|RS|LoRA)\s+buffer size\s*=\s*([0-9.]+) MiB")


@L.llama_log_callback  # type: ignore[untyped-decorator, unused-ignore]
def _log(level: int, text: bytes, _data: object) -> None:
    if level == ERROR_LEVEL:
        line = text.decode(errors="replace").strip()
        _errors.append(line)
        print(line, file=sys.stderr, flush=True)
    elif b" buffer size" in text and (told := _BUFFER.search(text.decode(errors="replace"))):
        key = f"{told[1]} {told[2]}"
        _buffers[key] = _buffers.get(key, 0.0) + float(told[3])


class LoadedBackEnds(NamedTuple):
    """llama.cpp, ready to load models: its devices, what is wrong with back ends that were not loaded, the variant of
    its code for the processor (empty when there is but one) and what that uses.
    """

    devices: tuple[Device, ...]
    problems: tuple[str, ...]
    processor: str
    features: tuple[str, ...]

    def describe(self) -> dict[str, Any]:
        """Return this as a part of the worker's facts."""
        devices = [
            {
                "name": device.name, "description": device.description, "gpu": device.is_gpu,
                "shared": device.is_shared, "free": device.free, "total": device.total,
            }
            for device in self.devices
        ]  # fmt: skip
        return {
            "devices": devices,
            "problems": list(self.problems),
            "processor": self.processor,
            "features": list(self.features),
        }


def start(back_ends: Path | None = None) -> LoadedBackEnds:
    """Bring llama.cpp up: errors to stderr, nothing else. Back ends come from its own folder and the one named.

    Args:
        back_ends: a folder with further back ends, such as ``libggml-cuda.so``.

    Raises:
        LoadError: there is no code that this processor can run.
    """
    L.llama_log_set(_log, ctypes.c_void_p(0))
    registry, libraries = Registry(L._lib), Path(L._base_path)
    _errors.clear()
    processor = registry.load_processor(libraries)
    problems = list(_errors)
    features = registry.list_features()
    if features is None:  # never on to llama_backend_init: it would look for some in the working directory
        raise LoadError(_explain_no_processor(libraries), DAMAGED)
    for folder in (libraries, back_ends):
        if folder is not None:
            _errors.clear()
            names = registry.load_modules(folder)
            problems += list(_errors) if _errors else [f"{name} cannot be loaded" for name in names]
    L.llama_backend_init()
    _errors.clear()
    return LoadedBackEnds(registry.list_devices(), tuple(problems), processor, features)


def _explain_no_processor(libraries: Path) -> str:
    what = f"{libraries} holds no code that this processor can run"
    return f"{what} ({_errors[0]})" if _errors else what


class Model:
    """A loaded GGUF with its vocabulary and metadata, and adapters for it.

    Args:
        path: the file.
        gpu_layers: layers computed on the GPU with the most free memory.
        repack: rearrange weights for this processor. Costs 37 s of load and 3 GB for a 7B model, gives about 10 %.
        loras: adapters, each with its scale. They are in force in every context made by `make_context`.
        offset: where in the file the model begins.

    Raises:
        LoadError: llama.cpp refuses the file or an adapter.
    """

    def __init__(
        self,
        path: Path,
        *,
        gpu_layers: int = 0,
        repack: bool = False,
        loras: Sequence[tuple[Path, float]] = (),
        offset: int = 0,
    ) -> None:
        _errors.clear()
        _buffers.clear()
        parameters = L.llama_model_default_params()
        parameters.use_extra_bufts = repack
        parameters.n_gpu_layers = gpu_layers
        parameters.split_mode = L.LLAMA_SPLIT_MODE_NONE
        parameters.main_gpu = _choose_gpu()
        if offset:
            self.handle = load_embedded(L, path, offset, parameters)
        else:
            self.handle = L.llama_model_load_from_file(os.fsencode(path), parameters)
        if not self.handle:
            raise LoadError(_explain_failure("llama.cpp gives no reason"))
        self.vocab = L.llama_model_get_vocab(self.handle)
        self._piece = ctypes.create_string_buffer(256)
        self._gpu_layers = gpu_layers
        self.adapters = [(self._load_adapter(file), scale) for file, scale in loras]

    def describe(self) -> dict[str, Any]:
        """Return what runs where: layers, how many of them on a GPU, bytes of weights, MiB of llama.cpp's buffers."""
        layers = int(L.llama_model_n_layer(self.handle))
        on_gpu = (
            min(self._gpu_layers, layers + 1) if any(d.is_gpu for d in Registry(L._lib).list_devices()) else 0
        )
        return {
            "layers": layers,
            "gpu_layers": on_gpu,
            "weights": int(L.llama_model_size(self.handle)),
            "buffers_mib": dict(_buffers),
            "loras": len(self.adapters),
        }

    def _load_adapter(self, path: Path) -> Any:
        _errors.clear()
        adapter = L.llama_adapter_lora_init(self.handle, os.fsencode(path))
        if not adapter:
            raise LoadError(
                f"the adapter {path.name} does not fit it: {_explain_failure('llama.cpp gives no reason')}"
            )
        return adapter

    @property
    def trained_context(self) -> int:
        """Tokens the model was trained to attend to; 0 when the file does not say."""
        return int(L.llama_model_n_ctx_train(self.handle))

    def read_metadata(self, key: str) -> str | None:
        """Read a value of the GGUF's metadata as text."""
        buffer = ctypes.create_string_buffer(256)
        length = L.llama_model_meta_val_str(self.handle, key.encode(), buffer, len(buffer))
        return buffer.value.decode(errors="replace") if length >= 0 else None

    def read_chat_template(self) -> str | None:
        """Read the model's own chat template, a Jinja source."""
        template = L.llama_model_chat_template(self.handle, None)
        return template.decode(errors="replace") if template else None

    def tokenize(self, text: str, *, ends: bool, control: bool) -> list[int]:
        """Tokenize a text.

        Args:
            text: anything; what is not Unicode is replaced.
            ends: add the tokens the model wants at both ends of a text.
            control: read ``<|im_end|>`` and the like as the control tokens they name.
        """
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        while True:
            tokens = (L.llama_token * room)()
            count = L.llama_tokenize(self.vocab, data, len(data), tokens, room, ends, control)
            if count >= 0:
                return list(tokens[:count])
            room = -count

    def get_token_text(self, token: int) -> str:
        """Return the name of a token as the vocabulary spells it."""
        name = L.llama_vocab_get_text(self.vocab, token)
        return name.decode(errors="replace") if name else ""

    def get_piece(self, token: int) -> bytes:
        """Return what a token adds to the text: maybe nothing, maybe part of a character."""
        length = L.llama_token_to_piece(self.vocab, token, self._piece, len(self._piece), 0, False)
        if length < 0:
            self._piece = ctypes.create_string_buffer(-length)
            length = L.llama_token_to_piece(self.vocab, token, self._piece, -length, 0, False)
        return self._piece.raw[:length]

    def is_control(self, token: int) -> bool:
        """Return whether a token steers the conversation and is no text."""
        return bool(L.llama_vocab_is_control(self.vocab, token))

    def ends_answer(self, token: int) -> bool:
        """Return whether a token ends what the model has to say."""
        return bool(L.llama_vocab_is_eog(self.vocab, token))


def load(options: WorkerOptions) -> Model:
    """Load the model that a worker's options name.

    Raises:
        LoadError: as `Model`.
    """
    return Model(
        options.model,
        gpu_layers=options.gpu_layers,
        repack=options.repack,
        loras=options.loras,
        offset=options.offset,
    )


def make_context(model: Model, **parameters: Any) -> Any:
    """Make a llama.cpp context with the model's adapters; ``parameters`` are fields of ``llama_context_params``.

    Keys and values in fewer than 16 bits need flash attention, which is asked for then.

    Raises:
        LoadError: not enough memory, or not a model for this task.
    """
    _errors.clear()
    values = L.llama_context_default_params()
    for name, value in parameters.items():
        setattr(values, name, value)
    if values.type_v != GGML_TYPES["f16"]:
        values.flash_attn_type = L.LLAMA_FLASH_ATTN_TYPE_ENABLED
    context = L.llama_init_from_model(model.handle, values)
    if not context:
        raise LoadError(_explain_failure("no memory for the context"))
    if model.adapters:
        count = len(model.adapters)
        handles = (L.llama_adapter_lora_p_ctypes * count)(*(handle for handle, _ in model.adapters))
        scales = (ctypes.c_float * count)(*(scale for _, scale in model.adapters))
        if L.llama_set_adapters_lora(context, handles, count, scales):
            raise LoadError(_explain_failure("its adapters cannot be used"))
    return context


def _explain_failure(otherwise: str) -> str:
    """Return llama.cpp's own first complaint; the ones after it only say that loading failed."""
    first = _errors[0] if _errors else otherwise
    starved = any("failed to allocate" in line or "out of memory" in line for line in _errors)
    return f"not enough memory ({first})" if starved else first


def _choose_gpu() -> int:
    """Choose the GPU with the most free memory, by its number among the GPUs."""
    gpus = [device for device in Registry(L._lib).list_devices() if device.is_gpu]
    return max(range(len(gpus)), key=lambda n: gpus[n].free, default=0)
