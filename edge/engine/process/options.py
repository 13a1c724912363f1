"""The options of a worker process, as one value that crosses to it on its command line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Task = Literal["generate", "embed", "rank", "devices"]
KvType = Literal["f16", "q8_0", "q4_0"]


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """The model that a worker loads, and how it runs it.

    Args:
        model: a GGUF file.
        task: what it is for; ``devices`` loads no model and only tells what there is to compute on.
        threads: threads of llama.cpp.
        input_tokens, output_tokens: the most that one prompt, and one answer, may have.
        parallel: requests that are answered at the same time.
        cells: tokens the KV cache holds for all of them; 0 for one request of full length.
        kv_type: how the KV cache stores keys and values.
        gpu_layers: layers computed on a GPU.
        repack: rearrange weights for this processor's kernels: private memory as large as the model, 10 % faster.
        lookup: guess further tokens from the prompt (prompt-lookup decoding).
        loras: adapters, each with its scale.
        back_ends: a folder with further back ends of llama.cpp, such as CUDA's.
        exchange: number of an inherited descriptor of memory through which sequence states pass; None for none.
        offset: where in the file the model begins: it may be inside another one, at a multiple of 32.
    """

    model: Path
    task: Task
    threads: int = 1
    input_tokens: int = 4096
    output_tokens: int = 1024
    parallel: int = 1
    cells: int = 0
    kv_type: KvType = "f16"
    gpu_layers: int = 0
    repack: bool = False
    lookup: bool = True
    loras: tuple[tuple[Path, float], ...] = ()
    exchange: int | None = None
    back_ends: Path | None = None
    offset: int = 0

    def to_json(self) -> str:
        """Encode the options as one line of text."""
        return json.dumps(asdict(self), default=str, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> WorkerOptions:
        """Decode the value that `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        loras = tuple((Path(path), float(scale)) for path, scale in values.pop("loras"))
        back_ends = values.pop("back_ends")
        values |= {"model": Path(values["model"]), "back_ends": Path(back_ends) if back_ends else None}
        return cls(**values, loras=loras)
