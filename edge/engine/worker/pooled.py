"""Serves a model that pools texts: embeds or ranks them. Several requests are answered at a time."""

from __future__ import annotations

import base64
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from edge.engine.process.frames import Frame
from edge.engine.worker.binding import Model

WAITING = 8
"""Requests that are looked at together; more wait their turn."""

Handle = Callable[[Frame], Frame]
"""From a request to what is done."""


class Channel(Protocol):
    """The parent, as this module needs it. Sending is safe from several threads."""

    def send(self, *replies: Frame) -> None:
        """Write frames out at once."""
        ...

    def receive_requests(self) -> Iterator[Frame]:
        """Yield requests as they come, for ever."""
        ...


def open_embedding(model: Model, threads: int) -> tuple[Frame, dict[str, Handle]]:
    """Open an embedder: facts on it, and what it can do."""
    from edge.engine.worker.embedding import Embedding

    embedding = Embedding(model, threads)

    def embed(request: Frame) -> Frame:
        return {"vectors": base64.b64encode(embedding.embed(request["texts"])).decode("ascii")}

    def count(request: Frame) -> Frame:
        return {"counts": embedding.count(request["texts"])}

    return {"dimensions": embedding.dimensions}, {"embed": embed, "count": count}


def open_ranking(model: Model, threads: int) -> tuple[Frame, dict[str, Handle]]:
    """Open a reranker: facts on it, and what it can do."""
    from edge.engine.worker.ranking import Ranking

    ranking = Ranking(model, threads)

    def rank(request: Frame) -> Frame:
        return {"scores": ranking.rank(request["question"], request["texts"], request["deadline"])}

    return {"tokens": ranking.limit}, {"rank": rank}


def serve(channel: Channel, handlers: dict[str, Handle]) -> None:
    """Answer requests for ever. A fault ends the process with code 2."""

    def answer(request: Frame) -> None:
        try:
            channel.send({"id": request["id"], "done": handlers[request["op"]](request)})
        except Exception:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(2)

    with ThreadPoolExecutor(WAITING) as threads:
        for request in channel.receive_requests():
            threads.submit(answer, request)
