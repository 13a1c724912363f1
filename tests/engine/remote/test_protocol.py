"""What a server says is taken apart without believing it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.interface import ChatRequest, Likelihood, Sampling, Written
from edge.engine.remote import protocol
from edge.engine.remote.protocol import NotUnderstoodError, ServerError
from edge.types import Message

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
keys = st.sampled_from(
    "choices delta content finish_reason stop_reason usage prompt_tokens completion_tokens prompt_tokens_details "
    "cached_tokens logprobs token logprob top_logprobs error message data id meta n_ctx max_model_len".split()
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys | st.text(), inner),
    max_leaves=25,
)


def body(**sampling: Any) -> Any:
    messages = (Message("user", "a"),)
    return json.loads(protocol.encode_request("m", ChatRequest(messages, 9, Sampling(**sampling))))


@given(anything)
def test_anything_is_a_chunk_or_a_known_error(value: Any) -> None:
    try:
        chunk = protocol.parse_chunk(json.dumps(value))
    except (NotUnderstoodError, ServerError):
        return
    if chunk.written:
        chunk.written.text.encode()
    if chunk.usage:
        assert 0 <= chunk.usage.reused_tokens <= chunk.usage.prompt_tokens


@given(anything)
def test_anything_is_a_list_of_models_or_a_known_error(value: Any) -> None:
    try:
        found = protocol.parse_models(json.dumps(value).encode())
    except NotUnderstoodError:
        return
    assert all(room is None or room > 0 for room in found.values())


@given(st.binary(max_size=60) | anything.map(json.dumps).map(str.encode))
def test_the_body_of_a_refusal_is_text(data: bytes) -> None:
    assert isinstance(protocol.parse_error(data), str)


def test_half_characters_become_question_marks() -> None:
    chunk = protocol.parse_chunk('{"choices": [{"delta": {"content": "a\\ud83d"}}]}')
    assert chunk.written == Written("a?")


def test_logprobs_are_read() -> None:
    token = {"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "b", "logprob": -1}]}
    data = {"choices": [{"delta": {"content": "a"}, "logprobs": {"content": [token]}}]}
    chunk = protocol.parse_chunk(json.dumps(data))
    assert chunk.written == Written("a", ((Likelihood("a", -0.5), (Likelihood("b", -1.0),)),))


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"finish_reason": "stop"}, "end"),
        ({"finish_reason": "stop", "stop_reason": "###"}, "stop"),
        ({"finish_reason": "stop", "stop_reason": None}, "end"),
        ({"finish_reason": "length"}, "length"),
        ({"finish_reason": "content_filter"}, "end"),
        ({"finish_reason": None}, None),
        ({}, None),
    ],
)
def test_why_it_ended(choice: dict[str, Any], reason: str | None) -> None:
    assert protocol.parse_chunk(json.dumps({"choices": [choice]})).reason == reason


def test_any_json_object_is_asked_for_by_its_own_name() -> None:
    assert body(schema="{}")["response_format"] == {"type": "json_object"}
    assert "response_format" not in body()


def test_nothing_is_said_about_sampling_that_is_as_usual() -> None:
    assert set(body()) == {"model", "messages", "max_tokens", "temperature", "stream", "stream_options"}
