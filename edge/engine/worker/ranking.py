"""Scores of question and passage read together, by a model with a ranking head, in a worker process."""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from edge.engine.worker.binding import L, LoadError, Model
from edge.engine.worker.pool import ContextPool, PoolingContext
from edge.text.leading import take_leading

MAX_TOKENS = 512
"""Tokens of question, passage and what stands around them. Rerankers were trained with as many, and a passage has
about 300."""

MIN_ROOM = 32
"""Of them, for question and passage themselves."""

QUESTION_SHARE = 0.5
"""No question takes more than this of that room."""

MAX_CHARACTERS = 32 * MAX_TOKENS
"""Nothing past this is tokenized."""

YES = b"yes"
"""First label of language models that became rerankers: their score is how likely they would say it."""


class Ranking:
    """A model that scores pairs, ``threads`` at a time. Safe to use from several threads.

    Raises:
        LoadError: it is no reranker.
    """

    def __init__(self, model: Model, threads: int) -> None:
        self._model = model
        self.limit = min(MAX_TOKENS, model.trained_context or MAX_TOKENS)
        outputs = int(L.llama_model_n_cls_out(model.handle))
        self._pool = ContextPool(partial(_make_context, model, self.limit, outputs), threads)
        pooling = L.llama_pooling_type(self._pool.first.handle)
        if pooling != L.LLAMA_POOLING_TYPE_RANK:
            kind = "a language model" if self._pool.first.memory else "an embedder"
            raise LoadError(f"it is {kind}, not a reranker")
        if outputs > 1 and L.llama_model_cls_label(model.handle, 0) != YES:
            raise LoadError(f"it sorts texts into {outputs} classes and is no reranker")
        self._pair = choose_layout(model)
        self._room = self.limit - len(self._pair.tokenize("", ""))
        if self._room < MIN_ROOM:
            raise LoadError("its template leaves no room for a passage")

    def rank(self, question: str, texts: Sequence[str], deadline: float | None) -> list[float | None]:
        """Return a score for each text; None for those that were not done when ``time.monotonic()`` reached the
        deadline.
        """
        question = self._cut(question, int(self._room * QUESTION_SHARE))
        room = self._room - self._count(question)

        def score(context: PoolingContext, text: str) -> float | None:
            if deadline is not None and time.monotonic() >= deadline:
                return None  # cutting and tokenizing what is not read made the answer late
            tokens = self._pair.tokenize(question, self._cut(text, room))
            pooled = context.compute(tokens[: self.limit], deadline)
            return struct.unpack_from("<f", pooled)[0] if pooled else None

        return self._pool.map(score, texts)

    def _cut(self, text: str, room: int) -> str:
        return take_leading(text[:MAX_CHARACTERS], room, self._count)

    def _count(self, text: str) -> int:
        return len(self._model.tokenize(text, ends=False, control=False))


class Pair(Protocol):
    """The layout in which a model reads question and passage."""

    def tokenize(self, question: str, text: str) -> list[int]:
        """Tokenize both as one sequence."""
        ...


def choose_layout(model: Model) -> Pair:
    """Choose the layout that a model was trained with: its own template, else that of BERT and its kin.

    Raises:
        LoadError: it has neither.
    """
    template = L.llama_model_chat_template(model.handle, b"rerank")
    return TemplatePair(model, template.decode(errors="replace")) if template else SeparatedPair(model)


class SeparatedPair:
    """``[CLS] question [SEP] passage [SEP]`` (BERT), ``<s> question </s></s> passage </s>`` (XLM-RoBERTa).

    Which tokens stand where is read from the vocabulary as llama-server does, but for one: where a file says nothing
    about the end of a text, llama-server leaves the last ``[SEP]`` out, and no model was trained so.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        vocab = model.vocab
        bos, eos, sep = L.llama_vocab_bos(vocab), L.llama_vocab_eos(vocab), L.llama_vocab_sep(vocab)
        end = eos if eos >= 0 else sep
        add_end, add_sep = L.llama_vocab_get_add_eos(vocab), L.llama_vocab_get_add_sep(vocab)
        self._before = [bos] if L.llama_vocab_get_add_bos(vocab) else []
        self._between = [end] * add_end + [sep] * add_sep
        self._after = self._between[:1]
        if not self._between or min([*self._before, *self._between]) < 0:
            raise LoadError("its vocabulary has nothing to part question and passage with")

    def tokenize(self, question: str, text: str) -> list[int]:
        """See ``Pair``."""
        return [
            *self._before,
            *self._tokenize_text(question),
            *self._between,
            *self._tokenize_text(text),
            *self._after,
        ]

    def _tokenize_text(self, text: str) -> list[int]:
        return self._model.tokenize(text, ends=False, control=False)


class TemplatePair:
    """A text with ``{query}`` and ``{document}``: language models that became rerankers (Qwen3-Reranker).

    Control tokens are read in the template alone: a ``<|im_end|>`` inside a passage is plain text.
    """

    def __init__(self, model: Model, template: str) -> None:
        self._model = model
        tokens = model.tokenize(template, ends=False, control=True)
        names = {model.get_token_text(token) for token in tokens if model.is_control(token)} - {""}
        longest_first = sorted(map(re.escape, names), key=len, reverse=True)
        self._parts = re.split(f"({'|'.join(longest_first)})", template) if names else [template]
        if not all("{" + name + "}" in template for name in ("query", "document")):
            raise LoadError("its template for reranking lacks {query} or {document}")

    def tokenize(self, question: str, text: str) -> list[int]:
        """See ``Pair``."""
        values = {"query": question, "document": text}
        tokens: list[int] = []
        for n, part in enumerate(self._parts):
            filled = re.sub(r"\{(query|document)\}", lambda match: values[match[1]], part)
            tokens += self._model.tokenize(filled, ends=False, control=n % 2 == 1)
        return tokens


def _make_context(model: Model, tokens: int, outputs: int) -> PoolingContext:
    """Make a context that pools as the file says, and can be given up at a deadline."""
    context = PoolingContext(model, tokens, outputs)
    context.allow_abort()
    return context
