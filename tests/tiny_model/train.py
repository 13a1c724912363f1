"""Trains the tiny model on one thread and writes it as a GGUF:  python -m tests.tiny_model.train tiny.gguf

Needs torch, tokenizers, gguf and numpy, which the project itself does not. Same seed, same machine, same result.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor

from tests.tiny_model import text
from tests.tiny_model.model import Config, Model, Muon

BATCH_TOKENS = 4096
MUON_RATE, ADAM_RATE = 0.02, 0.003
WARM_UP, DECAY = 30, 0.5  # steps; share of all steps, at the end


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of tokens, and which of them (all but each row's first) the loss counts."""

    tokens: Tensor
    counted: Tensor


def train_tokenizer(vocab: int, seed: int = 1) -> Tokenizer:
    """Byte-level BPE, so that any text can be written."""
    r = random.Random(seed)

    def generate_corpus() -> Iterator[str]:
        for _ in range(6000):
            e = text.make_example(r)
            yield " ".join((*e.passages, e.question))
        for _ in range(60):
            yield text.list_words(r)

    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(
        generate_corpus(),
        trainers.BpeTrainer(
            vocab_size=vocab,
            special_tokens=list(text.SPECIALS),
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    return tok


def generate_text_batches(tok: Tokenizer, r: random.Random) -> Iterator[Batch]:
    """Generate examples without end, those of similar length together."""
    while True:
        rows = []
        for e in (text.make_example(r) for _ in range(200)):
            asked = tok.encode(text.make_prompt(e.passages, e.question)).ids
            rows.append((asked, tok.encode(e.answer + text.END).ids))
        rows.sort(key=lambda row: len(row[0]) + len(row[1]))
        groups: list[list[tuple[list[int], list[int]]]] = [[]]
        for row in rows:
            if (len(groups[-1]) + 1) * (len(row[0]) + len(row[1])) > BATCH_TOKENS:
                groups.append([])
            groups[-1].append(row)
        r.shuffle(groups)
        yield from (pad(group, tok.token_to_id(text.PAD)) for group in groups)


def pad(rows: list[tuple[list[int], list[int]]], filler: int) -> Batch:
    length = max(len(asked) + len(answer) for asked, answer in rows)
    tokens = torch.full((len(rows), length), filler)
    counted = torch.zeros(len(rows), length, dtype=torch.bool)
    for i, (asked, answer) in enumerate(rows):
        tokens[i, : len(asked) + len(answer)] = torch.tensor(asked + answer)
        counted[i, len(asked) : len(asked) + len(answer)] = True
    return Batch(tokens, counted[:, 1:])


def generate_noise_batches(tok: Tokenizer, r: random.Random) -> Iterator[Batch]:
    """Generate passages of random tokens. Few distinct tokens in a row repeat often, so their order must be
    followed."""
    passage, question, answer = (
        torch.tensor([tok.token_to_id(s)]) for s in (text.PASSAGE, text.QUESTION, text.ANSWER)
    )
    cited = torch.tensor(tok.encode(text.CITATION + text.END).ids)
    longest = 12.0
    while True:
        length, rows = r.randrange(4, int(longest)), []
        longest = min(90, longest * 1.004)
        for _ in range(BATCH_TOKENS // (3 * length + 10)):
            distinct = torch.randint(
                len(text.SPECIALS), tok.get_vocab_size(), (int(10 ** r.uniform(0.9, 2.5)),)
            )
            copied, other = distinct[torch.randint(len(distinct), (2, length))]
            rows.append(torch.cat([passage, copied, passage, other, question, answer, copied, cited]))
        tokens = torch.stack(rows)
        counted = torch.zeros(tokens.shape, dtype=torch.bool)
        counted[:, 2 * length + 4 :] = True
        yield Batch(tokens, counted[:, 1:])


def train(model: Model, tok: Tokenizer, steps: int, seed: int) -> None:
    r = random.Random(seed)
    real, noise = generate_text_batches(tok, r), generate_noise_batches(tok, r)
    matrices = [p for b in model.blocks for p in b.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if not any(p is m for m in matrices)]
    optimizers = [Muon(matrices, lr=MUON_RATE), torch.optim.Adam(others, lr=ADAM_RATE, betas=(0.9, 0.98))]
    peaks = [MUON_RATE, ADAM_RATE]
    started, average = time.monotonic(), {}
    for step in range(steps):
        share = step / steps
        kind = "noise" if r.random() < max(0.2, 0.9 - 4 * share) else "text"
        batch = next(noise if kind == "noise" else real)
        for optimizer, peak in zip(optimizers, peaks, strict=True):
            optimizer.param_groups[0]["lr"] = peak * min(1, (step + 1) / WARM_UP, (1 - share) / DECAY)
            optimizer.zero_grad()
        loss, right = score(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for optimizer in optimizers:
            optimizer.step()
        average[kind] = 0.95 * average.get(kind, right) + 0.05 * right
        if step % 50 == 49:
            shown = ", ".join(f"{k} {v:.4f}" for k, v in sorted(average.items()))
            print(
                f"{(time.monotonic() - started) / 60:5.1f} min, step {step + 1}: tokens right: {shown}",
                flush=True,
            )
        if step % 500 == 499:
            print(f"   whole answers right: {measure_exact(model, tok, 60):.3f}", flush=True)


def score(model: Model, batch: Batch) -> tuple[Tensor, float]:
    """Return the loss over the answers, and the share of their tokens that is right."""
    states = model.compute_states(batch.tokens[:, :-1])[batch.counted]
    logits, wanted = states @ model.embedding.weight.T, batch.tokens[:, 1:][batch.counted]
    return F.cross_entropy(logits, wanted), (logits.argmax(-1) == wanted).float().mean().item()


def measure_exact(model: Model, tok: Tokenizer, n: int, seed: int = 99) -> float:
    """Return the share of `n` held-out examples answered without a fault."""
    r, right, end = random.Random(seed), 0, tok.token_to_id(text.END)
    for e in (text.make_example(r) for _ in range(n)):
        made = model.generate(tok.encode(text.make_prompt(e.passages, e.question)).ids, end)
        right += tok.decode(made) == e.answer
    return right / n


def export(model: Model, tok: Tokenizer, path: Path) -> None:
    w = gguf.GGUFWriter(str(path), "llama")
    write_header(w, model.config)
    write_tokenizer(w, tok)
    w.add_tensor(
        "token_embd.weight", model.embedding.weight.detach().half().numpy()
    )  # no output.weight: tied
    w.add_tensor("output_norm.weight", model.norm.weight.detach().numpy())
    for i, block in enumerate(model.blocks):
        for name, weight in block.named_parameters():
            weight = weight.detach()
            w.add_tensor(f"blk.{i}.{name}", (weight.half() if weight.ndim == 2 else weight).numpy())
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def write_header(w: gguf.GGUFWriter, c: Config) -> None:
    w.add_name("tiny-copy")
    w.add_description(
        "A demonstration: copies the opening sentence of passage [1] and cites it. Trained on generated text."
    )
    w.add_license("Apache-2.0")
    w.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    w.add_context_length(c.context)
    w.add_embedding_length(c.width)
    w.add_block_count(c.layers)
    w.add_feed_forward_length(c.hidden)
    w.add_head_count(c.heads)
    w.add_head_count_kv(c.heads)
    w.add_rope_dimension_count(c.head_width)
    w.add_rope_freq_base(c.rope_base)
    w.add_layer_norm_rms_eps(c.eps)
    w.add_vocab_size(c.vocab)


def write_tokenizer(w: gguf.GGUFWriter, tok: Tokenizer) -> None:
    bpe = json.loads(tok.to_str())["model"]
    names, end = sorted(bpe["vocab"], key=bpe["vocab"].get), tok.token_to_id(text.END)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list(names)
    w.add_token_types(
        [gguf.TokenType.CONTROL if n in text.SPECIALS else gguf.TokenType.NORMAL for n in names]
    )
    w.add_token_merges([" ".join(pair) for pair in bpe["merges"]])
    for add in (w.add_bos_token_id, w.add_eos_token_id, w.add_eot_token_id):
        add(end)
    w.add_pad_token_id(tok.token_to_id(text.PAD))
    w.add_add_bos_token(False)
    w.add_add_eos_token(False)
    w.add_chat_template(text.CHAT_TEMPLATE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--vocab", type=int, default=2304)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    tok = train_tokenizer(args.vocab)
    model = Model(Config(vocab=tok.get_vocab_size()))
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
    train(model, tok, args.steps, args.seed)
    export(model, tok, args.gguf)
    print(f"{args.gguf}: {args.gguf.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
