"""A model inside another file, such as the one-file program: llama.cpp reads it from there and maps it in place."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any


def load_embedded(library: Any, path: Path, offset: int, parameters: Any) -> Any:
    """Load the model that begins at ``offset``.

    Args:
        library: llama_cpp's low-level module.
        parameters: a ``llama_model_params``.

    Returns:
        llama.cpp's handle; None when it refuses the model.

    Raises:
        OSError: the file cannot be read.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.fdopen.restype = ctypes.c_void_p
    libc.fdopen.argtypes = [ctypes.c_int, ctypes.c_char_p]
    libc.fseeko.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int]
    libc.fclose.argtypes = [ctypes.c_void_p]
    stream = libc.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), b"rb")
    if not stream:
        raise OSError(ctypes.get_errno(), "no memory to read it", str(path))
    try:
        if libc.fseeko(stream, offset, os.SEEK_SET):
            raise OSError(ctypes.get_errno(), "cannot be read at its offset", str(path))
        return library.llama_model_load_from_file_ptr(stream, parameters)
    finally:
        libc.fclose(stream)  # the mapping stays
