"""Greedy generation in a worker process, one request at a time.

The context keeps the tokens of the last request: a prompt that begins like it is not computed again that far.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from edge.engine.frames import RequestError
from edge.engine.worker.binding import L, LoadError, Model, new_context
from edge.engine.worker.chat_template import ChatTemplate, Messages

BATCH = 256
"""Prompt tokens computed in one go."""

CHARACTERS_PER_TOKEN = 16
"""No prompt has longer tokens on average; one that would need them is refused before minutes go into its tokens."""

CONTROL_ROUNDS = 4


@dataclass(slots=True)
class Usage:
    """What a request cost: tokens of the prompt, those of them that were still there, tokens written."""

    prompt_tokens: int = 0
    reused_tokens: int = 0
    tokens: int = 0
    stopped_by: Literal["end", "length", "cancel"] = "end"


class Generation:
    """A model with one sequence.

    Args:
        model: a language model.
        threads: threads of llama.cpp.
        context: tokens of prompt and answer together, at most what the model was trained for.
    """

    def __init__(self, model: Model, threads: int, context: int) -> None:
        self._model = model
        self.context = min(context, model.trained_context) or context
        self._context = new_context(
            model,
            n_ctx=self.context,
            n_batch=BATCH,
            n_ubatch=BATCH,
            n_threads=threads,
            n_threads_batch=threads,
        )
        self._memory = L.llama_get_memory(self._context)
        if not self._memory:
            raise LoadError("it is an embedder and writes no text")
        self._template = ChatTemplate(model.chat_template(), *self._end_texts())
        self._sampler = L.llama_sampler_init_greedy()
        self._cancelled: Callable[[], bool] = _never
        # Kept alive: llama.cpp calls it between the nodes of a graph, so that a long prompt can be given up.
        self._abort = L.ggml_abort_callback(lambda _data: self._cancelled())
        L.llama_set_abort_callback(self._context, self._abort, None)
        self._tokens: list[int] = []  # what the memory holds

    def count(self, messages: Messages) -> int:
        """Tokens of the prompt these messages make; of one that is far too long, a number that is too small.

        Raises:
            RequestError: the model's template refuses them.
        """
        least = _least_tokens(messages)
        return least if least > self.context else len(self._prompt(messages))

    def generate(
        self, messages: Messages, max_tokens: int, cancelled: Callable[[], bool], usage: Usage
    ) -> Iterator[str]:
        """Yield the answer in pieces of whole characters; ``usage`` is filled in meanwhile.

        Raises:
            RequestError: the prompt leaves no room for an answer.
        """
        prompt = self._prompt(messages) if _least_tokens(messages) <= self.context else []
        usage.prompt_tokens = len(prompt) or _least_tokens(messages)
        room = self.context - usage.prompt_tokens
        if room < 1:
            raise RequestError(
                f"question and passages take {usage.prompt_tokens} tokens or more, its context holds {self.context}"
            )
        self._cancelled = cancelled
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for token in self._answer(prompt, min(max_tokens, room), usage):
            if text := decoder.decode(self._model.piece(token)):
                yield text

    def _answer(self, prompt: list[int], limit: int, usage: Usage) -> Iterator[int]:
        usage.reused_tokens = self._keep_common(prompt)
        pending = prompt[usage.reused_tokens :]
        while usage.tokens < limit:
            if not self._decode(pending):
                usage.stopped_by = "cancel"
                return
            token = L.llama_sampler_sample(self._sampler, self._context, -1)
            if self._model.ends_answer(token):
                return
            usage.tokens += 1
            yield token
            pending = [token]
        usage.stopped_by = "length"

    def _keep_common(self, prompt: Sequence[int]) -> int:
        """Forget what the memory holds beyond the common beginning; the length of that.

        The prompt's last token is always computed anew, since the first token of the answer comes out of it.
        """
        pairs = zip(self._tokens, prompt[:-1], strict=False)
        common = next(
            (n for n, (old, new) in enumerate(pairs) if old != new), min(len(self._tokens), len(prompt) - 1)
        )
        # Models with a recurrent or sliding memory cannot forget a part.
        if not L.llama_memory_seq_rm(self._memory, 0, common, -1):
            L.llama_memory_clear(self._memory, True)
            common = 0
        del self._tokens[common:]
        return common

    def _decode(self, tokens: list[int]) -> bool:
        """Compute tokens; False when the request was cancelled meanwhile."""
        for start in range(0, len(tokens), BATCH):
            part = tokens[start : start + BATCH]
            if self._cancelled():
                return False
            array = (L.llama_token * len(part))(*part)  # a name of its own: the batch only points to it
            status = L.llama_decode(self._context, L.llama_batch_get_one(array, len(part)))
            if status == 2:  # aborted
                return False
            if status:
                raise RuntimeError(f"llama.cpp could not decode (status {status})")
            self._tokens += part
        return True

    def _prompt(self, messages: Messages) -> list[int]:
        safe = [{"role": m["role"], "content": self._without_control(m["content"])} for m in messages]
        tokens = self._model.tokenize(self._template.render(safe), ends=False, control=True)
        bos = L.llama_vocab_bos(self._model.vocab)
        if L.llama_vocab_get_add_bos(self._model.vocab) and tokens[:1] != [bos]:
            tokens.insert(0, bos)
        if not tokens:
            raise RequestError("there is nothing to answer")
        return tokens

    def _without_control(self, text: str) -> str:
        """Text that cannot steer the conversation: a ``<|im_end|>`` inside of it gets a space and is plain text.

        Breaking one name may leave another, hence the rounds.
        """
        for _ in range(CONTROL_ROUNDS):
            tokens = set(self._model.tokenize(text, ends=False, control=True))
            names = {self._model.token_text(token) for token in tokens if self._model.is_control(token)}
            before = text
            for name in names:
                text = text.replace(name, f"{name[0]} {name[1:]}") if len(name) > 1 else text
            if text == before:
                return text
        raise RequestError("the text is full of the model's own control marks")

    def _end_texts(self) -> tuple[str, str]:
        vocab = self._model.vocab
        bos, eos = L.llama_vocab_bos(vocab), L.llama_vocab_eos(vocab)
        return self._model.token_text(bos) if bos >= 0 else "", self._model.token_text(
            eos
        ) if eos >= 0 else ""


def _least_tokens(messages: Messages) -> int:
    return sum(len(message["content"]) for message in messages) // CHARACTERS_PER_TOKEN


def _never() -> bool:
    return False
