"""Turns tokens into frames: the text of an answer, piece by piece, and the reason why it ends."""

from __future__ import annotations

from edge.engine.process.frames import Frame
from edge.engine.worker.binding import Model
from edge.engine.worker.context import Logits
from edge.engine.worker.request import Request
from edge.engine.worker.sampler import list_alternatives


class Writer:
    """Turns the tokens of a model into text.

    Args:
        model: whose vocabulary it is.
    """

    def __init__(self, model: Model) -> None:
        self._pieces = _Pieces(model)

    def add(self, request: Request, token: int, logits: Logits) -> tuple[list[Frame], str | None]:
        """Add a token to an answer.

        Args:
            request: whose answer it is.
            token: the next one.
            logits: it was chosen from these.

        Returns:
            what there is to send, and the reason when the answer has ended.
        """
        piece = self._pieces[token]
        if piece is None:
            return self._release(request), "end"
        request.tokens.append(token)
        if request.guesser:
            request.guesser.add(token)
        if request.sampling.logprobs is not None:
            request.logprobs.append(self._list_likelihoods(logits, token, request.sampling.logprobs))
        text = request.stream.feed(piece)
        frames = [_make_frame(request, text)] if text else []
        if request.stream.stopped:
            return frames, "stop"
        if request.written >= request.limit:
            return frames + self._release(request), "length"
        return frames, None

    def _release(self, request: Request) -> list[Frame]:
        """Release what was held back, since it might have become a stop text."""
        text = request.stream.end()
        return [_make_frame(request, text)] if text else []

    def _list_likelihoods(self, logits: Logits, token: int, count: int) -> list[object]:
        chosen, others = list_alternatives(logits, token, count)
        return [[self._decode(token), chosen], [[self._decode(other), value] for other, value in others]]

    def _decode(self, token: int) -> str:
        return (self._pieces[token] or b"").decode(errors="replace")


class _Pieces(dict[int, bytes | None]):
    """The bytes that tokens add to the text; None for those that end an answer. Asking llama.cpp takes ten times as
    long.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self._model = model

    def __missing__(self, token: int) -> bytes | None:
        self[token] = piece = None if self._model.ends_answer(token) else self._model.get_piece(token)
        return piece


def _make_frame(request: Request, text: str) -> Frame:
    if request.sampling.logprobs is None:
        return {"id": request.number, "token": text}
    logprobs, request.logprobs = request.logprobs, []
    return {"id": request.number, "token": text, "logprobs": logprobs}
