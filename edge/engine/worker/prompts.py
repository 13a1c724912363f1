"""Turns messages into the tokens of a prompt, by the chat template and without control marks in texts. Thread-safe."""

from __future__ import annotations

from collections.abc import Sequence

from edge.engine.process.frames import RequestError
from edge.engine.worker.binding import L, Model
from edge.engine.worker.chat_template import ChatTemplate, Messages

CHARACTERS_PER_TOKEN = 16
"""No prompt has longer tokens on average; one that would need them is refused before minutes go into its tokens."""

CONTROL_ROUNDS = 4


class Prompts:
    """The template and the vocabulary of a model.

    Args:
        model: a language model.
        limit: tokens of a prompt.
    """

    def __init__(self, model: Model, limit: int) -> None:
        self._model, self.limit = model, limit
        vocab = model.vocab
        ends = (L.llama_vocab_bos(vocab), L.llama_vocab_eos(vocab))
        self._template = ChatTemplate(
            model.read_chat_template(), *(model.get_token_text(token) if token >= 0 else "" for token in ends)
        )
        self._begin: int | None = ends[0] if L.llama_vocab_get_add_bos(vocab) else None

    def count(self, messages: Messages) -> int:
        """Count the tokens of the prompt these messages make; of one that is far too long, a number that is too small.

        Raises:
            RequestError: the model's template refuses them.
        """
        least = _estimate_least(messages)
        return least if least > self.limit else len(self._tokenize(messages))

    def tokenize(self, messages: Messages) -> list[int]:
        """Turn messages into the tokens of the prompt.

        Raises:
            RequestError: the model's template refuses the messages, or they make more than ``limit`` tokens.
        """
        least = _estimate_least(messages)
        tokens = self._tokenize(messages) if least <= self.limit else []
        count = len(tokens) or least
        if count > self.limit:
            raise RequestError(
                f"question and passages take {count} tokens or more, its context has room for {self.limit}"
            )
        return tokens

    def _tokenize(self, messages: Messages) -> list[int]:
        safe = [{"role": m["role"], "content": self._break_control(m["content"])} for m in messages]
        tokens = self._model.tokenize(self._template.render(safe), ends=False, control=True)
        if self._begin is not None and tokens[:1] != [self._begin]:
            tokens.insert(0, self._begin)
        if not tokens:
            raise RequestError("there is nothing to answer")
        return tokens

    def _break_control(self, text: str) -> str:
        """Break control marks in a text: a ``<|im_end|>`` gets a space and is plain text, so that it cannot steer the
        conversation.

        Breaking one name may leave another, hence the rounds.
        """
        for _ in range(CONTROL_ROUNDS):
            tokens: Sequence[int] = self._model.tokenize(text, ends=False, control=True)
            names = {
                self._model.get_token_text(token) for token in set(tokens) if self._model.is_control(token)
            }
            before = text
            for name in names:
                text = text.replace(name, f"{name[0]} {name[1:]}") if len(name) > 1 else text
            if text == before:
                return text
        raise RequestError("the text is full of the model's own control marks")


def _estimate_least(messages: Messages) -> int:
    return sum(len(message["content"]) for message in messages) // CHARACTERS_PER_TOKEN
