"""A chain of tokens (see chain_model.py) with a recurrent layer, whose memory cannot forget the end of a sequence."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import gguf
import numpy as np

from tests.engine.chain_model import FIRST_BYTE, VOCABULARY, _write_metadata

INNER, STATE, CONV, RANK = 2 * VOCABULARY, 8, 4, 4


def write_recurrent_model(path: Path, answer: str) -> Path:
    """Write a Mamba that says ``answer``, whose bytes must all differ, again and again."""
    data = answer.encode()
    following = np.full(VOCABULARY, FIRST_BYTE + data[0])
    for byte, successor in pairwise(data):
        following[FIRST_BYTE + byte] = FIRST_BYTE + successor
    writer = gguf.GGUFWriter(path, "mamba")
    _write_metadata(writer, path.stem, 4096, None)
    writer.add_ssm_conv_kernel(CONV)
    writer.add_ssm_inner_size(INNER)
    writer.add_ssm_state_size(STATE)
    writer.add_ssm_time_step_rank(RANK)
    output = np.zeros((VOCABULARY, VOCABULARY), np.float32)
    output[following, np.arange(VOCABULARY)] = 1
    writer.add_tensor("token_embd.weight", np.eye(VOCABULARY, dtype=np.float32))
    writer.add_tensor("output.weight", output)
    for name in ("output_norm", "blk.0.attn_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(VOCABULARY, np.float32))
    for name, shape in {
        "ssm_in.weight": (2 * INNER, VOCABULARY),
        "ssm_conv1d.weight": (INNER, CONV),
        "ssm_conv1d.bias": (INNER,),
        "ssm_x.weight": (RANK + 2 * STATE, INNER),
        "ssm_dt.weight": (INNER, RANK),
        "ssm_dt.bias": (INNER,),
        "ssm_a": (INNER, STATE),
        "ssm_d": (INNER,),
        "ssm_out.weight": (VOCABULARY, INNER),
    }.items():
        writer.add_tensor(f"blk.0.{name}", np.zeros(shape, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
