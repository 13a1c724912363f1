"""Chooses the next token as a request wants it: the likeliest, or by chance, within a grammar, without repetition."""

from __future__ import annotations

import ctypes
import json
import math
import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from llama_cpp.llama_grammar import json_schema_to_gbnf
from numpy.typing import NDArray

from edge.engine.interface import Sampling
from edge.engine.process.frames import RequestError
from edge.engine.worker.binding import L, Model

ANY_OBJECT = '{"type": "object"}'
MAX_SCHEMA = 100_000
"""Characters of a JSON schema."""

MAX_REPETITIONS = 500

UNENFORCED = frozenset(
    """
    multipleOf minimum maximum exclusiveMinimum exclusiveMaximum uniqueItems contains minContains maxContains
    minProperties maxProperties patternProperties propertyNames dependencies dependentRequired dependentSchemas
    additionalItems unevaluatedItems unevaluatedProperties allOf not if then else
    """.split()
)
"""Words of JSON Schema that llama.cpp's converter leaves out of the grammar, or reads in part (``allOf``).

A ``format`` that it does not know is left out, too: to the standard it is a remark, not a limit.
"""
_NAMED_SCHEMAS = ("properties", "$defs", "definitions")
_LISTED_SCHEMAS = ("anyOf", "oneOf", "prefixItems")
_INNER_SCHEMAS = ("items", "additionalProperties")

COLDEST = 0.001
"""Below this temperature chance has no say, and dividing by it would overflow."""

_REPETITIONS = re.compile(r"(?<=[{,])\s*(\d{3,9})(?=\s*[,}])")

Row = NDArray[np.float32]


def make_grammar(schema: str) -> bytes:
    """Make the grammar of a JSON schema, for llama.cpp.

    Raises:
        RequestError: it is none.
    """
    if len(schema) > MAX_SCHEMA:
        raise RequestError(f"the JSON schema is longer than {MAX_SCHEMA} characters")
    try:
        parsed = json.loads(schema)
        if _repeats_too_often(parsed):
            raise ValueError(f"nothing may be repeated more than {MAX_REPETITIONS} times")
        if ignored := _find_unenforced(parsed):
            raise ValueError(f"'{ignored}' is not enforced here; leave it out and check the answer yourself")
        return str(json_schema_to_gbnf(schema if parsed else ANY_OBJECT)).encode()
    except Exception as error:  # whatever the converter meets in a hostile schema
        message = str(error) or type(error).__name__
        raise RequestError(f"the JSON schema cannot be used: {message}") from error


def _find_unenforced(schema: Any) -> str | None:
    """Return a word of the schema that the answer might not obey. Names of properties and constants are no words."""
    if isinstance(schema, list):
        return next(filter(None, map(_find_unenforced, schema)), None)
    if not isinstance(schema, dict):
        return None
    named = [inner for key in _NAMED_SCHEMAS for inner in schema.get(key, {}).values()]
    inner = [schema.get(key) for key in (*_LISTED_SCHEMAS, *_INNER_SCHEMAS)]
    return next((word for word in schema if word in UNENFORCED), None) or _find_unenforced(named + inner)


def _repeats_too_often(schema: Any) -> bool:
    """Return whether its grammar would be huge: every possible repetition is written out in it."""
    if isinstance(schema, list):
        return any(map(_repeats_too_often, schema))
    if isinstance(schema, str):
        return any(int(number) > MAX_REPETITIONS for number in _REPETITIONS.findall(schema))
    if not isinstance(schema, dict):
        return False
    counts = (schema.get(key) for key in ("minLength", "maxLength", "minItems", "maxItems"))
    return any(isinstance(n, int | float) and n > MAX_REPETITIONS for n in counts) or any(
        map(_repeats_too_often, schema.values())
    )


class Candidates:
    """Room for every token of the vocabulary with its logit, as llama.cpp's samplers want it; one for all requests."""

    def __init__(self, vocabulary: int) -> None:
        self._array = (L.llama_token_data * vocabulary)()
        fields = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
        self._view = np.frombuffer(self._array, fields)
        self._ids = np.arange(vocabulary, dtype=np.int32)

    def fill(self, logits: Row) -> Any:
        """Fill in every token with its logit, as a ``llama_token_data_array``."""
        self._view["id"] = self._ids
        self._view["logit"] = logits
        return L.llama_token_data_array(self._array, len(self._ids), -1, False)

    def find_best(self) -> int:
        """Find the likeliest token.

        Raises:
            RequestError: none is possible.
        """
        best = int(self._view["logit"].argmax())
        if not np.isfinite(self._view["logit"][best]):
            raise RequestError("the JSON schema leaves the model nothing to say")
        return best


class Sampler:
    """Chooses the tokens of one request. Keep it as long as the request; `close` gives its memory back.

    Raises:
        RequestError: the schema cannot be used.
    """

    def __init__(self, model: Model, sampling: Sampling, tokens: int, candidates: Candidates) -> None:
        self._grammar = self._chain = None
        self._candidates = candidates
        if sampling.schema is not None:
            self._grammar = L.llama_sampler_init_grammar(model.vocab, make_grammar(sampling.schema), b"root")
            if not self._grammar:
                raise RequestError("the JSON schema cannot be used: llama.cpp does not take its grammar")
        if sampling.temperature >= COLDEST or sampling.presence_penalty or sampling.frequency_penalty:
            self._chain = _make_chain(sampling, int(L.llama_vocab_n_tokens(model.vocab)), tokens)
        self.greedy = self._grammar is None and self._chain is None
        """True when it is always the likeliest token, whatever came before."""

    def choose(self, logits: Row) -> int:
        """Choose the next token; the grammar and the penalties take note of it.

        Raises:
            RequestError: the grammar allows none.
        """
        if self.greedy:  # 0.02 ms for 152,000 tokens; with a chain of samplers it takes 0.5 ms
            return int(logits.argmax())
        token = self._pick(logits, within_grammar=False)
        if self._grammar and not self._is_allowed(token):
            token = self._pick(logits, within_grammar=True)
        for sampler in (self._grammar, self._chain):
            if sampler:
                L.llama_sampler_accept(sampler, token)
        return token

    def close(self) -> None:
        """Give its memory back. Closing twice is allowed."""
        for sampler in (self._grammar, self._chain):
            if sampler:
                L.llama_sampler_free(sampler)
        self._grammar = self._chain = None

    def _pick(self, logits: Row, *, within_grammar: bool) -> int:
        if self._chain is None and not within_grammar:
            return int(logits.argmax())
        array = self._candidates.fill(logits)
        if within_grammar:
            L.llama_sampler_apply(self._grammar, ctypes.byref(array))
            best = self._candidates.find_best()
            if self._chain is None:
                return best
        L.llama_sampler_apply(self._chain, ctypes.byref(array))
        return int(array.data[array.selected].id)

    def _is_allowed(self, token: int) -> bool:
        """Return whether the grammar takes this token next. Asking for one is far cheaper than asking for all."""
        candidate = (L.llama_token_data * 1)(L.llama_token_data(token, 1.0, 0.0))
        array = L.llama_token_data_array(candidate, 1, -1, False)
        L.llama_sampler_apply(self._grammar, ctypes.byref(array))
        return math.isfinite(candidate[0].logit)


def _make_chain(sampling: Sampling, vocabulary: int, tokens: int) -> Any:
    """Make the chain of llama.cpp's samplers in its own order: penalties, filters, temperature, chance."""
    chain = L.llama_sampler_chain_init(L.llama_sampler_chain_default_params())
    steps: list[Callable[[], Any]] = [
        lambda: L.llama_sampler_init_penalties(
            vocabulary, tokens, 1.0, sampling.frequency_penalty, sampling.presence_penalty
        )
    ]
    if sampling.temperature >= COLDEST:
        seed = random.getrandbits(31) if sampling.seed is None else sampling.seed % (2**32 - 1)
        steps += [
            lambda: L.llama_sampler_init_top_k(sampling.top_k),
            lambda: L.llama_sampler_init_top_p(sampling.top_p, 1),
            lambda: L.llama_sampler_init_min_p(sampling.min_p, 1),
            lambda: L.llama_sampler_init_temp(sampling.temperature),
            lambda: L.llama_sampler_init_dist(seed),
        ]
    else:
        steps.append(L.llama_sampler_init_greedy)
    for step in steps:
        L.llama_sampler_chain_add(chain, step())
    return chain


def list_alternatives(logits: Row, token: int, count: int) -> tuple[float, list[tuple[int, float]]]:
    """Return the logarithm of a token's probability, and the likeliest tokens with theirs."""
    scores = logits.astype(np.float64)
    scores -= scores.max()
    scores -= np.log(np.exp(scores).sum())
    count = min(count, len(scores))
    best = np.argpartition(scores, -count)[-count:] if count else np.array([], np.int64)
    best = best[np.argsort(-scores[best], kind="stable")]
    return float(scores[token]), [(int(other), float(scores[other])) for other in best]
