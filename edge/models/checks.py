"""Checks that a GGUF can be installed, and that an adapter belongs to a model, as far as headers tell."""

from __future__ import annotations

import math
from pathlib import Path

from edge.errors import ModelError, UsageError
from edge.models import gguf

LORA_A, LORA_B = ".lora_a", ".lora_b"


def check_language_model(path: Path) -> gguf.Header:
    """Check that a GGUF can write text, and return its header.

    Raises:
        As `check_model`; ModelError for a reranker too.
    """
    header = check_model(path)
    if header.kind == "reranker":
        raise ModelError(
            f"{path.name} ({header.architecture}) is a reranker and writes no text.", "Use a chat model."
        )
    return header


def check_model(path: Path) -> gguf.Header:
    """Check that a GGUF can be installed, as a language model or a reranker, and return its header.

    Raises:
        NotFoundError, StorageError: it cannot be read.
        ModelError: it is damaged, or some other kind of model.
    """
    header = gguf.read_header(path)
    architecture = header.architecture
    if not architecture or not header.tensors:
        raise ModelError(f"{path.name} holds no weights.", "Get the file of the model itself.")
    if header.metadata.get("split.count", 1) not in (0, 1):
        raise ModelError(
            f"{path.name} is one part of several.", "Join them first: `llama-gguf-split --merge`."
        )
    if header.kind == "part":
        kind = header.metadata.get("general.type", "model")
        raise ModelError(
            f"{path.name} goes with a model and is none itself ({kind}, {architecture}).",
            "Get the model it belongs to.",
        )
    if header.kind == "embedder":
        raise ModelError(
            f"{path.name} ({architecture}) is an embedder and writes no text.",
            "Use a chat model; an embedder goes into the setting 'embedder'.",
        )
    return header


def is_adapter(header: gguf.Header) -> bool:
    """Return whether a GGUF is an adapter rather than a model."""
    return header.metadata.get("general.type") == "adapter"


def check_adapter(path: Path) -> gguf.Header:
    """Check that a GGUF is a LoRA adapter, and return its header.

    Raises:
        NotFoundError, StorageError: it cannot be read.
        ModelError: it is damaged, or an adapter of another kind.
    """
    header = gguf.read_header(path)
    kind = header.metadata.get("adapter.type", "")
    if kind != "lora" or not any(tensor.name.endswith(LORA_A) for tensor in header.weights):
        raise ModelError(
            f"{path.name} is no LoRA adapter ({kind or 'unknown kind'}).", "Convert it to a GGUF LoRA."
        )
    return header


def check_belongs(base: gguf.Header, model: str, adapter: gguf.Header, name: str) -> None:
    """Check that an adapter changes weights that this model has.

    Raises:
        UsageError: it is of another architecture, or of a model of another size.
    """
    if adapter.architecture != base.architecture:
        raise UsageError(
            f"{name} is an adapter for {adapter.architecture} models, and {model} is {base.architecture}.",
            "Use it with the model it was trained on.",
        )
    shapes = {tensor.name: tensor.shape for tensor in base.weights}
    halves = {tensor.name: tensor.shape for tensor in adapter.weights}
    for half, shape in halves.items():
        if not half.endswith(LORA_A):
            continue
        weight = half.removesuffix(LORA_A)
        other = halves.get(weight + LORA_B, ())
        whole = shapes.get(weight, ())
        if not _has_shape(shape, other, whole) and weight != "token_embd.weight":
            raise UsageError(
                f"{name} does not fit {model}: {weight} is {_format_shape(whole)} there.",
                "Use it with the model it was trained on: same family, same size.",
            )


def _has_shape(a: tuple[int, ...], b: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Return whether a × b has the shape of the weight."""
    return len(a) > 1 < len(b) and (a[0], b[1]) == (whole[0], math.prod(whole[1:2])) if whole else False


def _format_shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "missing"
