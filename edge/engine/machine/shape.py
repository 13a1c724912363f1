"""The memory that running a GGUF takes, from its header: sizes of its parts, and the formulas of llama.cpp.

The formulas were found by comparing with what llama.cpp itself reports for twelve shapes, which
`tests/engine/machine/test_shape.py` compares again; they hold with flash attention, which `binding` asks for wherever
it can be had.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge.engine.process.options import KvType
from edge.errors import ModelError
from edge.models.gguf import Header, Number

CELL_STEP = 256
"""llama.cpp rounds the cells of a cache up to a multiple of this."""

KV_BYTES: dict[KvType, tuple[int, int]] = {"f16": (1, 2), "q8_0": (32, 34), "q4_0": (32, 18)}
"""Numbers in a block of a KV type, and the bytes of a block."""

_FLOAT = 4
_HALF = 2
_LAYER = re.compile(r"blk\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a model.

    Args:
        trained: tokens it was trained to attend to; 0 when it does not say.
        width: numbers that stand for a token between layers.
        hidden: numbers inside a feed-forward network, over all experts that one token uses.
        vocabulary: how many tokens there are.
        keys, values: numbers that a layer keeps of a token, for each layer; 0 for a layer that keeps none.
        state: bytes that recurrent layers keep of a sequence, however long.
        masks: attention masks: two where some layers look at a window only.
        layers: bytes of the weights of each layer.
        embeddings, output: bytes of the weights before and after the layers.
    """

    trained: int
    width: int
    hidden: int
    vocabulary: int
    keys: tuple[int, ...]
    values: tuple[int, ...]
    state: int
    masks: int
    layers: tuple[int, ...]
    embeddings: int
    output: int

    @property
    def weights(self) -> int:
        """Bytes of all weights."""
        return sum(self.layers) + self.embeddings + self.output

    def size_kv(self, cells: int, kind: KvType, last: int | None = None) -> int:
        """Return bytes of a KV cache, or of the part of it that belongs to the ``last`` layers."""
        numbers, size = KV_BYTES[kind]
        first = 0 if last is None else max(0, len(self.keys) - last)
        width = sum(self.keys[first:]) + sum(self.values[first:])
        return round_cells(cells) * width // numbers * size

    def size_compute(self, cells: int, batch: int, outputs: int) -> int:
        """Return the bytes llama.cpp works in: a layer's with the attention masks, or the output's if these are more.

        Args:
            cells: tokens the KV cache holds.
            batch: tokens that are computed at once.
            outputs: of these, how many at most give logits.
        """
        windowed = self.width if self.masks > 1 else 0
        layer = (batch + outputs // 2) * _FLOAT * (3 * self.hidden + 4 * self.width + windowed)
        logits = outputs * _FLOAT * self.vocabulary + batch * _FLOAT * 2 * self.width
        masks = self.masks * round_cells(cells) * (batch + outputs) * _HALF
        return max(layer + masks, logits)

    def size_logits(self, sequences: int) -> int:
        """Return bytes in which logits are handed over."""
        return sequences * _FLOAT * self.vocabulary


def round_cells(cells: int) -> int:
    """Round cells up as llama.cpp does."""
    return -(-cells // CELL_STEP) * CELL_STEP


def read_shape(header: Header, name: str) -> Shape:
    """Read the sizes that a header tells. ``name`` is for the message.

    Raises:
        ModelError: it does not tell them.
    """
    return _Reader(header, name).read()


class _Reader:
    """Looks a header's values up under its architecture's name."""

    def __init__(self, header: Header, name: str) -> None:
        self._header, self._name = header, name
        self._tensors = {tensor.name: tensor for tensor in header.weights}

    def read(self) -> Shape:
        layers = self._get_count("block_count")
        width = self._get_count("embedding_length")
        if not 0 < layers <= 10_000 or not width:
            raise ModelError(
                f"{self._name} does not say how large it is.", "Get the model from another source."
            )
        keys, values = self._find_kv_widths(layers, width)
        weights = self._size_layers(layers)
        embeddings = sum(t.bytes for n, t in self._tensors.items() if n.startswith("token_embd"))
        return Shape(
            trained=self._get_count("context_length"),
            width=width,
            hidden=self._find_hidden(),
            vocabulary=self._find_vocabulary(),
            keys=keys,
            values=values,
            state=self._size_state(layers),
            masks=2 if self._get_count("attention.sliding_window") else 1,
            layers=weights,
            embeddings=embeddings,
            output=sum(t.bytes for t in self._header.weights) - sum(weights) - embeddings,
        )

    def _get(self, key: str) -> Number | None:
        value = self._header.metadata.get(f"{self._header.architecture}.{key}")
        return value if isinstance(value, int | float) else None

    def _get_count(self, key: str) -> int:
        """Return a number that counts something: 0 if it is missing; the largest where each layer has its own."""
        each = self._header.arrays.get(f"{self._header.architecture}.{key}")
        return max(map(_read_count, each)) if each else _read_count(self._get(key))

    def _get_each(self, key: str, layers: int) -> tuple[int, ...] | None:
        """Return a number for each layer."""
        each = self._header.arrays.get(f"{self._header.architecture}.{key}")
        if each is None:
            value = self._get(key)
            return None if value is None else (_read_count(value),) * layers
        return tuple(map(_read_count, each[:layers]))

    def _find_kv_widths(self, layers: int, width: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        heads = self._get_count("attention.head_count")
        if not heads:
            return (0,) * layers, (0,) * layers  # recurrent
        if rank := self._get_count(
            "attention.kv_lora_rank"
        ):  # multi-head latent attention keeps one vector for both
            return (rank + self._get_count("rope.dimension_count"),) * layers, (0,) * layers
        kv_heads = self._get_each("attention.head_count_kv", layers) or (heads,) * layers
        key = self._get_count("attention.key_length") or width // heads
        value = self._get_count("attention.value_length") or width // heads
        return tuple(n * key for n in kv_heads), tuple(n * value for n in kv_heads)

    def _find_hidden(self) -> int:
        experts = max(1, self._get_count("expert_used_count"))
        dense = self._get_count("feed_forward_length")
        expert = self._get_count("expert_feed_forward_length")
        shared = self._get_count("expert_shared_feed_forward_length")
        return max(dense, experts * expert + shared) if expert else experts * dense

    def _find_vocabulary(self) -> int:
        embedding = self._tensors.get("token_embd.weight")
        if embedding and len(embedding.shape) > 1:
            return embedding.shape[1]
        return self._header.lengths.get("tokenizer.ggml.tokens", 0) or self._get_count("vocab_size")

    def _size_state(self, layers: int) -> int:
        inner, size = self._get_count("ssm.inner_size"), self._get_count("ssm.state_size")
        convolution = max(0, self._get_count("ssm.conv_kernel") - 1)
        groups = self._get_count("ssm.group_count")
        return layers * _FLOAT * (inner * size + convolution * (inner + 2 * groups * size))

    def _size_layers(self, layers: int) -> tuple[int, ...]:
        sizes = [0] * layers
        for tensor in self._header.weights:
            match = _LAYER.match(tensor.name)
            if match and len(match[1]) < 6 and int(match[1]) < layers:
                sizes[int(match[1])] += tensor.bytes
        return tuple(sizes)


def _read_count(value: Number | None) -> int:
    """Return a count; what is none counts as 0."""
    return value if isinstance(value, int) and 0 < value < 1 << 62 else 0
