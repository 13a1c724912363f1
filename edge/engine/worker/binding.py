"""llama.cpp as a worker process sees it: the back end, a loaded model, its vocabulary. Contexts are made by those
who use them. Only workers import this module: a crash in here must not take the service along.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import sys
from collections import deque
from pathlib import Path
from types import ModuleType
from typing import Any

ERROR_LEVEL = 4  # GGML_LOG_LEVEL_ERROR


class LoadError(Exception):
    """llama.cpp does not take this file."""


def _low_level() -> Any:
    """llama_cpp's low-level module without the package's ``__init__``, whose high-level API (numpy, jinja2,
    diskcache: 0.2 s of every start) nothing here uses.
    """
    if "llama_cpp" not in sys.modules:
        spec = importlib.util.find_spec("llama_cpp")
        if spec is None or spec.submodule_search_locations is None:
            raise LoadError("llama-cpp-python is not installed")
        package = ModuleType("llama_cpp")
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules["llama_cpp"] = package
    return importlib.import_module("llama_cpp.llama_cpp")


L = _low_level()

_errors: deque[str] = deque(maxlen=4)


@L.llama_log_callback  # type: ignore[untyped-decorator, unused-ignore]
def _log(level: int, text: bytes, _data: object) -> None:
    if level == ERROR_LEVEL:
        line = text.decode(errors="replace").strip()
        _errors.append(line)
        print(line, file=sys.stderr, flush=True)


def start() -> None:
    """Bring llama.cpp up: errors to stderr, nothing else; CPU variants built as modules are loaded."""
    L.llama_log_set(_log, ctypes.c_void_p(0))
    libraries = Path(L._base_path)
    if any(libraries.glob("libggml-cpu-*")):
        L._lib.ggml_backend_load_all_from_path(ctypes.c_char_p(os.fsencode(libraries)))
    L.llama_backend_init()


class Model:
    """A loaded GGUF with its vocabulary and metadata.

    Raises:
        LoadError: llama.cpp refuses the file.
    """

    def __init__(self, path: Path) -> None:
        parameters = L.llama_model_default_params()
        # Repacking costs 37 s of load and 3 GB for a 7B model and gives about 10 % of speed.
        parameters.use_extra_bufts = False
        self.handle = L.llama_model_load_from_file(os.fsencode(path), parameters)
        if not self.handle:
            raise LoadError(_errors[0] if _errors else "llama.cpp gives no reason")
        self.vocab = L.llama_model_get_vocab(self.handle)
        self._piece = ctypes.create_string_buffer(256)

    @property
    def trained_context(self) -> int:
        """Tokens the model was trained to attend to; 0 when the file does not say."""
        return int(L.llama_model_n_ctx_train(self.handle))

    def metadata(self, key: str) -> str | None:
        """A value of the GGUF's metadata as text."""
        buffer = ctypes.create_string_buffer(256)
        length = L.llama_model_meta_val_str(self.handle, key.encode(), buffer, len(buffer))
        return buffer.value.decode(errors="replace") if length >= 0 else None

    def chat_template(self) -> str | None:
        """The model's own chat template, a Jinja source."""
        template = L.llama_model_chat_template(self.handle, None)
        return template.decode(errors="replace") if template else None

    def tokenize(self, text: str, *, ends: bool, control: bool) -> list[int]:
        """Tokens of a text.

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

    def token_text(self, token: int) -> str:
        """The name of a token as the vocabulary spells it."""
        name = L.llama_vocab_get_text(self.vocab, token)
        return name.decode(errors="replace") if name else ""

    def piece(self, token: int) -> bytes:
        """What a token adds to the text: maybe nothing, maybe part of a character."""
        length = L.llama_token_to_piece(self.vocab, token, self._piece, len(self._piece), 0, False)
        if length < 0:
            self._piece = ctypes.create_string_buffer(-length)
            length = L.llama_token_to_piece(self.vocab, token, self._piece, -length, 0, False)
        return self._piece.raw[:length]

    def is_control(self, token: int) -> bool:
        """Whether a token steers the conversation and is no text."""
        return bool(L.llama_vocab_is_control(self.vocab, token))

    def ends_answer(self, token: int) -> bool:
        """Whether a token ends what the model has to say."""
        return bool(L.llama_vocab_is_eog(self.vocab, token))


def new_context(model: Model, **parameters: Any) -> Any:
    """A llama.cpp context; ``parameters`` are fields of ``llama_context_params``.

    Raises:
        LoadError: not enough memory, or not a model for this task.
    """
    values = L.llama_context_default_params()
    for name, value in parameters.items():
        setattr(values, name, value)
    context = L.llama_init_from_model(model.handle, values)
    if not context:
        raise LoadError(_errors[0] if _errors else "no memory for the context")
    return context
