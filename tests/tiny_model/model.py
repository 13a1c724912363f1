"""A small transformer of the kind llama.cpp calls "llama", and the optimizer that trains its matrices.

The forward pass matches llama.cpp's, so that the weights export without permutation. Data and export are elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

INIT_STD = 0.05


@dataclass(frozen=True, slots=True)
class Config:
    vocab: int
    width: int = 128
    layers: int = 4
    heads: int = 4
    hidden: int = 256
    context: int = 4096
    rope_base: float = 10_000.0
    eps: float = 1e-5

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def rope_frequencies(self) -> Tensor:
        return self.rope_base ** (-torch.arange(0, self.head_width, 2).float() / self.head_width)


class Block(nn.Module):
    """Attention and gated feed-forward, each on the normalized residual stream."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.heads = c.heads
        self.attn_norm, self.ffn_norm = nn.RMSNorm(c.width, c.eps), nn.RMSNorm(c.width, c.eps)
        self.attn_q, self.attn_k, self.attn_v, self.attn_output = (
            _make_linear(c.width, c.width) for _ in range(4)
        )
        self.ffn_gate, self.ffn_up, self.ffn_down = (
            _make_linear(c.width, c.hidden),
            _make_linear(c.width, c.hidden),
            _make_linear(c.hidden, c.width),
        )
        for last in (self.attn_output, self.ffn_down):
            nn.init.normal_(last.weight, std=0.02)

    def forward(self, x: Tensor, rotation: Tensor) -> Tensor:
        h = self.attn_norm(x)
        q, k, v = (
            f(h).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for f in (self.attn_q, self.attn_k, self.attn_v)
        )
        a = F.scaled_dot_product_attention(rotate(q, rotation), rotate(k, rotation), v, is_causal=True)
        x = x + self.attn_output(a.transpose(1, 2).flatten(2))
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


def _make_linear(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(layer.weight, std=0.5 * inputs**-0.5)
    return layer


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Rotary positions on neighbouring pairs (0,1), (2,3), …: llama.cpp's layout for this architecture."""
    a, b = x[..., 0::2], x[..., 1::2]
    cos, sin = rotation
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)


class Model(nn.Module):
    def __init__(self, c: Config) -> None:
        super().__init__()
        self.config = c
        self.embedding = nn.Embedding(c.vocab, c.width)  # also the output matrix
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.layers))
        self.norm = nn.RMSNorm(c.width, c.eps)
        angles = torch.arange(c.context).float()[:, None] * c.rope_frequencies
        self.register_buffer("rotation", torch.stack((angles.cos(), angles.sin())), persistent=False)
        nn.init.normal_(self.embedding.weight, std=INIT_STD)
        for block, head, distance in ((0, 0, 1), (0, 1, 2), (0, 2, 3), (1, 0, 4)):
            self._look_back(self.blocks[block], head, distance)

    @torch.no_grad()
    def _look_back(self, block: nn.Module, head: int, distance: int, strength: float = 5.0) -> None:
        """Start a head looking `distance` tokens back: half of an induction head, so that copying is learnt in minutes.

        One embedding dimension is the same for every token. It gives the head a constant query and key, whose phases
        make rotary attention peak at that distance. All of it stays trainable.
        """
        c = self.config
        constant = 3 * INIT_STD
        self.embedding.weight[:, 0] = constant
        normed = constant / (INIT_STD**2 + constant**2 / c.width) ** 0.5
        rows = slice(head * c.head_width, (head + 1) * c.head_width)
        for layer, offset in ((block.attn_q, -distance), (block.attn_k, 0)):
            phase = offset * c.rope_frequencies
            layer.weight[rows] *= 0.1
            layer.weight[rows, 0] = torch.stack((phase.cos(), phase.sin()), -1).flatten() * strength / normed

    def compute_states(self, tokens: Tensor) -> Tensor:
        """Compute final states, (batch, length) token ids -> (batch, length, width); multiply by the embedding for
        logits."""
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, self.rotation[:, : tokens.shape[1]])
        return self.norm(x)

    @torch.no_grad()
    def generate(self, tokens: list[int], end: int, limit: int = 160) -> list[int]:
        """Generate the greedy continuation, up to and without `end`."""
        made: list[int] = []
        while len(made) < limit:
            state = self.compute_states(torch.tensor([tokens + made]))[0, -1]
            made.append(int((self.embedding.weight @ state).argmax()))
            if made[-1] == end:
                return made[:-1]
        return made


class Muon(torch.optim.Optimizer):
    """Momentum with orthogonalized updates for matrices (Keller Jordan's Muon)."""

    def __init__(
        self, params: Iterable[nn.Parameter], lr: float, momentum: float = 0.95, decay: float = 0.01
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                average = self.state[p].setdefault("average", torch.zeros_like(p))
                average.lerp_(p.grad, 1 - group["momentum"])
                update = orthogonalize(p.grad.lerp(average, group["momentum"]))
                scale = max(1, p.shape[0] / p.shape[1]) ** 0.5
                p.mul_(1 - group["lr"] * group["decay"]).add_(update, alpha=-group["lr"] * scale)


def orthogonalize(x: Tensor) -> Tensor:
    """Five Newton-Schulz steps towards the nearest matrix with all singular values 1."""
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.T if tall else x
