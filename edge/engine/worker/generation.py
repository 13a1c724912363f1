"""The task of a language model in a worker process: requests come in, are prepared here and answered by the scheduler.

Templates and tokenization run in the thread that takes requests, so that none of them waits for a run of the model.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from typing import Any

from edge.engine.frames import Frame, RequestError
from edge.engine.interface import Sampling
from edge.engine.options import WorkerOptions
from edge.engine.worker.binding import GGML_TYPES, Model
from edge.engine.worker.channel import Channel
from edge.engine.worker.context import SharedContext
from edge.engine.worker.prefixes import Prefixes
from edge.engine.worker.prompts import Prompts
from edge.engine.worker.request import Request
from edge.engine.worker.resident import Resident
from edge.engine.worker.scheduler import Scheduler

BATCH = 512
"""Rows of one run of the model, at most."""

MAX_SEQUENCES = 256
"""llama.cpp knows no more."""

IDLE_SEQUENCES = 32
"""Beginnings of prompts that stay resident besides those that run."""

GUESS_ROWS = 32
"""Rows of guesses in one run, over all requests."""

SWITCH_S = 0.0005
"""How long the thread that prepares prompts may keep the interpreter from the one that steps."""


class Generation:
    """A language model with its context.

    Raises:
        LoadError: it is none, or the memory does not suffice.
    """

    def __init__(self, model: Model, options: WorkerOptions) -> None:
        self._model, self._options = model, options
        wanted = options.input_tokens + options.output_tokens
        self.tokens = min(wanted, model.trained_context) or wanted
        self._parallel = min(options.parallel, MAX_SEQUENCES - IDLE_SEQUENCES)
        self._sequences = self._parallel + IDLE_SEQUENCES
        self._context = SharedContext(
            model,
            threads=options.threads,
            cells=max(options.cells, self.tokens),
            sequences=self._sequences,
            batch=BATCH,
            outputs=self._parallel + GUESS_ROWS,
            kv_type=GGML_TYPES[options.kv_type],
        )
        self._prompts = Prompts(model, min(options.input_tokens, self.tokens - 1))

    def facts(self) -> Frame:
        """What there is to say about it."""
        return {
            "context": self.tokens,
            "input": self._prompts.limit,
            "parallel": self._parallel,
            "cells": self._context.cells,
            "template": self._model.chat_template() is not None,
        }

    def serve(self, channel: Channel) -> None:
        """Answer requests for ever."""
        sys.setswitchinterval(SWITCH_S)
        prefixes = self._prefixes(channel)
        scheduler = self._scheduler(channel, prefixes)
        for frame in channel.requests():
            try:
                match frame["op"]:
                    case "stored" if prefixes:
                        prefixes.stored(frame["entries"])
                    case "count":
                        tokens = self._prompts.count(frame["messages"])
                        channel.send({"id": frame["id"], "done": {"tokens": tokens}})
                    case "generate" | "prefill":
                        scheduler.submit(self._request(frame))
                        if channel.cancelled(frame["id"]):  # before the scheduler knew it
                            scheduler.cancel(frame["id"])
            except RequestError as error:
                channel.send({"id": frame["id"], "error": str(error)})

    def _prefixes(self, channel: Channel) -> Prefixes | None:
        """What the parent keeps on disk, if it does."""
        exchange = self._options.exchange
        return None if exchange is None else Prefixes(self._context, exchange, channel.ask)

    def _scheduler(self, channel: Channel, prefixes: Prefixes | None) -> Scheduler:
        resident = Resident(self._context, self._sequences, prefixes)
        scheduler = Scheduler(
            self._model,
            self._context,
            resident,
            channel.post,
            parallel=self._parallel,
            lookup=self._options.lookup,
            mixes=self._options.gpu_layers > 0,
        )
        channel.on_cancel = scheduler.cancel
        threading.Thread(target=_run, args=(scheduler,), name="scheduler", daemon=True).start()
        return scheduler

    def _request(self, frame: Frame) -> Request:
        """The request of a frame.

        Raises:
            RequestError: it cannot be answered.
        """
        tokens = self._prompts.tokens(frame["messages"])
        limit = 0
        if frame["op"] == "generate":
            limit = max(1, min(frame["max_tokens"], self._options.output_tokens, self.tokens - len(tokens)))
        return Request(frame["id"], tokens, limit, _sampling(frame.get("sampling", {})))


def _sampling(fields: dict[str, Any]) -> Sampling:
    return Sampling(**{**fields, "stop": tuple(fields.get("stop", ()))})


def _run(scheduler: Scheduler) -> None:
    try:
        scheduler.run()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(2)
