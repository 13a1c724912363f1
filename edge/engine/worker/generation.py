"""The task of a language model in a worker process: requests come in, are prepared here and answered by the scheduler.

Templates and tokenization run in the thread that takes requests, so that none of them waits for a run of the model.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from typing import Any

from edge.engine.interface import Sampling
from edge.engine.process.frames import Frame, RequestError
from edge.engine.process.options import WorkerOptions
from edge.engine.worker.binding import Model
from edge.engine.worker.channel import Channel
from edge.engine.worker.context import SharedContext
from edge.engine.worker.opening import OpenedContext
from edge.engine.worker.prefixes import Prefixes
from edge.engine.worker.prompts import Prompts
from edge.engine.worker.request import Request
from edge.engine.worker.resident import Resident
from edge.engine.worker.scheduler import Scheduler


class Generation:
    """A language model with its context.

    Args:
        model: a language model.
        opened: its context.
        options: how it is run.
    """

    def __init__(self, model: Model, opened: OpenedContext, options: WorkerOptions) -> None:
        self._model, self._opened, self._options = model, opened, options
        self.tokens = opened.tokens
        self._context = SharedContext(model, opened)
        self._prompts = Prompts(model, min(options.input_tokens, self.tokens - 1))

    def describe(self) -> Frame:
        """Return facts on the model and its context."""
        return {
            "context": self.tokens,
            "input": self._prompts.limit,
            "parallel": self._opened.parallel,
            "cells": self._context.cells,
            "template": self._model.read_chat_template() is not None,
        }

    def serve(self, channel: Channel) -> None:
        """Answer requests for ever."""
        prefixes = self._open_prefixes(channel)
        scheduler = self._start_scheduler(channel, prefixes)
        for frame in channel.receive_requests():
            try:
                match frame["op"]:
                    case "stored" if prefixes:
                        prefixes.add_stored(frame["entries"])
                    case "count":
                        tokens = self._prompts.count(frame["messages"])
                        channel.send({"id": frame["id"], "done": {"tokens": tokens}})
                    case "generate" | "prefill":
                        scheduler.submit(self._make_request(frame))
                        if channel.is_cancelled(frame["id"]):  # before the scheduler knew it
                            scheduler.cancel(frame["id"])
            except RequestError as error:
                channel.send({"id": frame["id"], "error": str(error)})

    def _open_prefixes(self, channel: Channel) -> Prefixes | None:
        """Open what the parent keeps on disk, if it does."""
        exchange = self._options.exchange
        return None if exchange is None else Prefixes(self._context, exchange, channel.ask)

    def _start_scheduler(self, channel: Channel, prefixes: Prefixes | None) -> Scheduler:
        resident = Resident(self._context, self._opened.sequences, prefixes)
        scheduler = Scheduler(
            self._model,
            self._context,
            resident,
            channel.post,
            parallel=self._opened.parallel,
            lookup=self._options.lookup,
            mixes=self._options.gpu_layers > 0,
        )
        channel.on_cancel = scheduler.cancel
        threading.Thread(target=_run, args=(scheduler,), name="scheduler", daemon=True).start()
        return scheduler

    def _make_request(self, frame: Frame) -> Request:
        """Make the request of a frame.

        Raises:
            RequestError: it cannot be answered.
        """
        tokens = self._prompts.tokenize(frame["messages"])
        limit = 0
        if frame["op"] == "generate":
            limit = max(1, min(frame["max_tokens"], self._options.output_tokens, self.tokens - len(tokens)))
        return Request(frame["id"], tokens, limit, _make_sampling(frame.get("sampling", {})))


def _make_sampling(fields: dict[str, Any]) -> Sampling:
    return Sampling(**{**fields, "stop": tuple(fields.get("stop", ()))})


def _run(scheduler: Scheduler) -> None:
    try:
        scheduler.run()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(2)
