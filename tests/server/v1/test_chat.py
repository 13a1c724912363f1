"""The language model through OpenAI's own client: a real server, a real GGUF, llama.cpp."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any, Literal

import httpx
import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel, TypeAdapter

from edge.engine.interface import ChatRequest, Finished, Written
from edge.engine.llama import LlamaEngine
from edge.engine.scripted import ScriptedEngine
from edge.errors import BusyError, EngineError
from edge.server import turns
from edge.server.v1.responses import ChatCompletion
from edge.types import never
from tests.server.v1.conftest import TEXT, OpenAIOf

Start = Callable[..., Any]
MODEL = "chain"
HELLO: Any = [{"role": "user", "content": "How much?"}]


class Torque(BaseModel):
    """The form an answer must have."""

    unit: Literal["Nm"]


class RecordingEngine(ScriptedEngine):
    """Remembers what it was asked."""

    def __init__(self, *pieces: str, **options: Any) -> None:
        super().__init__(pieces, **options)
        self.requests: list[ChatRequest] = []

    def chat(
        self, request: ChatRequest, cancelled: Callable[[], bool] = never
    ) -> Iterator[Written | Finished]:
        self.requests.append(request)
        return super().chat(request, cancelled)


def ask(client: OpenAI, messages: Any = HELLO, **more: Any) -> Any:
    return client.chat.completions.create(**{"model": MODEL, "messages": messages} | more)


def post(client: httpx.Client, **body: Any) -> httpx.Response:
    return client.post("/v1/chat/completions", json={"model": "scripted", "messages": HELLO} | body)


def test_it_answers_and_says_what_that_cost(openai: OpenAI) -> None:
    answer = ask(openai)
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == MODEL
    assert len(TEXT) <= answer.usage.completion_tokens <= len(TEXT.encode()) + 1
    assert answer.usage.prompt_tokens > 5
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    TypeAdapter(ChatCompletion).validate_python(answer.to_dict(), strict=True)


def test_a_stream_is_the_same_text_in_pieces(openai: OpenAI) -> None:
    chunks = list(ask(openai, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert len(chunks) > 5
    assert all(chunk.usage is None for chunk in chunks)


def test_a_stream_says_what_it_cost_when_asked_to(openai: OpenAI) -> None:
    *_, last = ask(openai, stream=True, stream_options={"include_usage": True})
    assert last.choices == []
    assert last.usage.total_tokens == last.usage.prompt_tokens + last.usage.completion_tokens


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_it_writes_no_more_than_allowed(openai: OpenAI, name: str) -> None:
    answer = ask(openai, **{name: 3})
    assert answer.choices[0].message.content == "Use"
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 3


@pytest.mark.parametrize("stop", ["25", ["zzz", "25"]])
def test_it_stops_before_a_stop_text(openai: OpenAI, stop: Any) -> None:
    answer = ask(openai, stop=stop)
    assert answer.choices[0].message.content == "Use "
    assert answer.choices[0].finish_reason == "stop"


def test_an_answer_obeys_a_schema(openai: OpenAI) -> None:
    schema = {"type": "object", "properties": {"unit": {"enum": ["Nm"]}}, "required": ["unit"]}
    form = {"type": "json_schema", "json_schema": {"name": "unit", "schema": schema, "strict": True}}
    answer = ask(openai, response_format=form)
    assert json.loads(answer.choices[0].message.content) == {"unit": "Nm"}


def test_the_clients_own_helpers_work(openai: OpenAI) -> None:
    parsed = openai.chat.completions.parse(model=MODEL, messages=HELLO, response_format=Torque)
    assert parsed.choices[0].message.parsed == Torque(unit="Nm")
    with openai.chat.completions.stream(model=MODEL, messages=HELLO) as stream:
        stream.until_done()
        assert stream.get_final_completion().choices[0].message.content == TEXT


def test_logprobs_come_with_their_alternatives(openai: OpenAI) -> None:
    answer = ask(openai, logprobs=True, top_logprobs=2)
    tokens = answer.choices[0].logprobs.content
    assert len(tokens) == answer.usage.completion_tokens
    for token in tokens:
        assert len(token.top_logprobs) == 2
        assert token.logprob <= 0
        assert math.isfinite(token.logprob)
    assert tokens[0].token == tokens[0].top_logprobs[0].token == "U"
    assert tokens[0].bytes == [ord("U")]


def test_a_stream_has_logprobs_too(openai: OpenAI) -> None:
    chunks = list(ask(openai, logprobs=True, stream=True))
    tokens = [token for chunk in chunks if (found := chunk.choices[0].logprobs) for token in found.content]
    assert tokens[0].token == "U"
    assert tokens[0].top_logprobs == []


def test_the_same_seed_gives_the_same_text(openai: OpenAI) -> None:
    first, second = (
        ask(openai, seed=-7, temperature=1.5, top_p=0.9, max_tokens=24).choices[0].message.content
        for _ in range(2)
    )
    assert first == second


def test_several_are_answered_at_once(openai: OpenAI) -> None:
    texts: list[str] = []
    threads = [
        threading.Thread(target=lambda: texts.append(ask(openai).choices[0].message.content))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert texts == [TEXT] * 4


def test_a_prompt_that_is_too_long_is_a_bad_request(openai: OpenAI) -> None:
    for stream in (False, True):
        with pytest.raises(BadRequest) as caught:
            ask(openai, [{"role": "user", "content": "oil " * 20_000}], stream=stream)
        assert caught.value.code == "context_length_exceeded"


def test_a_schema_that_cannot_be_followed_is_a_bad_request(openai: OpenAI) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "nonsense"}}}
    with pytest.raises(BadRequest, match="schema cannot be used"):
        ask(openai, response_format=form)
    assert ask(openai).choices[0].message.content == TEXT


def test_the_whole_request_reaches_the_engine(start: Start, openai_of: OpenAIOf) -> None:
    engine = RecordingEngine("a")
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
    ]
    sampling = {"temperature": 0.5, "top_p": 0.9, "presence_penalty": 1, "frequency_penalty": -1, "seed": 3}
    ask(
        openai_of(start(engine)),
        messages,
        model="scripted",
        **sampling,
        extra_body={"top_k": 5, "min_p": 0.1},
    )
    (request,) = engine.requests
    assert [(message.role, message.content) for message in request.messages] == [
        ("system", "Be brief."),
        ("user", "one\ntwo"),
    ]
    assert {name: getattr(request.sampling, name) for name in sampling} == sampling
    assert (request.sampling.top_k, request.sampling.min_p) == (5, 0.1)


def test_the_limit_of_the_settings_is_the_limit(start: Start) -> None:
    engine = RecordingEngine("a")
    client = start(engine, max_output_tokens=9)
    for asked, given in (({}, 9), ({"max_tokens": 99}, 9), ({"max_tokens": 4}, 4)):
        post(client, **asked)
        assert engine.requests[-1].max_tokens == given


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({"tools": [{"type": "function"}]}, "tools", "not supported"),
        ({"n": 2}, "n", "1"),
        ({"temperature": 3}, "temperature", "2"),
        ({"temperature": float("nan")}, "temperature", ""),
        ({"messages": []}, "messages", ""),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role", "assistant"),
        ({"messages": [{"role": "user", "content": None}]}, "messages.0.content", ""),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages.0.content", "text"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages.0.content", "half a character"),
        ({"response_format": {"type": "json_schema"}}, "response_format", "json_schema is missing"),
        ({"top_logprobs": 3}, None, "logprobs"),
        ({"stop": ["a"] * 17}, "stop", ""),
        ({"modalities": ["text", "audio"]}, "modalities", "only text"),
    ],
)
def test_what_is_not_done_here_is_refused_by_name(
    start: Start, body: Any, param: str | None, says: str
) -> None:
    data = json.dumps({"model": "scripted", "messages": HELLO} | body)
    response = start(ScriptedEngine("a")).post(
        "/v1/chat/completions", content=data, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 400
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert (error["param"] or "").startswith(param or "")
    assert says in error["message"]


def test_what_changes_nothing_is_ignored(start: Start) -> None:
    harmless = {"user": "u", "store": False, "metadata": {"a": "b"}, "tools": [], "tool_choice": "auto"}
    assert post(start(ScriptedEngine("a")), **harmless).status_code == 200


def test_fields_that_others_added_are_ignored(start: Start) -> None:
    added = {"cache_prompt": True, "chat_template_kwargs": {}, "num_ctx": 4096, "repeat_penalty": 1.1}
    assert post(start(ScriptedEngine("a")), **added).status_code == 200


def test_an_empty_stop_stops_nothing(start: Start) -> None:
    engine = RecordingEngine("a")
    post(start(engine), stop="")
    assert engine.requests[-1].sampling.stop == ()


def test_an_assistant_may_have_said_nothing(start: Start) -> None:
    engine = RecordingEngine("a")
    said = [*HELLO, {"role": "assistant", "content": None}, *HELLO]
    assert post(start(engine), messages=said).status_code == 200
    assert [message.content for message in engine.requests[-1].messages][1] == ""


def test_a_model_that_is_not_there_is_not_found(openai: OpenAI) -> None:
    with pytest.raises(NotFound, match="no model 'gpt'") as caught:
        ask(openai, model="gpt")
    assert caught.value.code == "model_not_found"


def test_without_a_language_model_it_says_how_to_get_one(grounded: OpenAI) -> None:
    with pytest.raises(NotFound, match="edge model add"):
        ask(grounded)


def test_a_failing_engine_is_an_error_in_openais_shape(start: Start) -> None:
    response = post(start(ScriptedEngine((), EngineError("It died.", "Ask again."))))
    assert response.status_code == 503
    assert response.json()["error"] == {
        "message": "It died. Ask again.", "type": "server_error", "param": None, "code": "engine"
    }  # fmt: skip


def test_a_failure_in_the_middle_ends_the_stream_with_an_error(start: Start, openai_of: OpenAIOf) -> None:
    client = openai_of(start(ScriptedEngine(("a",), EngineError("It died.", "Ask again."))))
    with pytest.raises(openai_error, match="It died"):
        list(ask(client, model="scripted", stream=True))


def test_an_engine_that_is_busy_says_when_to_come_back(start: Start) -> None:
    client = start(ScriptedEngine((), BusyError("Too many wait.", "Later.")))  # type: ignore[arg-type]
    response = post(client)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1
    assert 'edge_requests_refused_total{reason="engine"} 1' in client.get("/metrics").text


def test_what_it_cost_is_counted(openai: OpenAI, llama: LlamaEngine) -> None:
    usage = ask(openai).usage
    text = httpx.get(f"{openai.base_url}../metrics").text
    counted = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    reused = usage.prompt_tokens_details.cached_tokens
    assert float(counted["edge_prefill_tokens_total"]) == usage.prompt_tokens - reused
    assert float(counted["edge_generated_tokens_total"]) == usage.completion_tokens
    assert float(counted["edge_decode_steps_total"]) >= 1


def test_silence_is_filled_with_comments_that_the_client_passes_over(
    start: Start, openai_of: OpenAIOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "KEEP_ALIVE_SECONDS", 0.02)
    go = threading.Event()
    stream = ask(openai_of(start(ScriptedEngine(("a", "b"), steps=(go,)))), model="scripted", stream=True)
    go.set()
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "ab"


def test_other_media_types_and_broken_json_are_told_in_openais_shape(start: Start) -> None:
    client = start(ScriptedEngine("a"))
    broken = client.post("/v1/chat/completions", content=b"{", headers={"Content-Type": "application/json"})
    text = client.post("/v1/chat/completions", content=b"{}", headers={"Content-Type": "text/plain"})
    absent = client.get("/v1/absent")
    wrong = client.get("/v1/chat/completions")
    assert [r.status_code for r in (broken, text, absent, wrong)] == [400, 415, 404, 405]
    for response in (broken, text, absent, wrong):
        assert response.headers["content-type"] == "application/json"
        assert response.json()["error"]["message"]


BadRequest, NotFound, openai_error = openai.BadRequestError, openai.NotFoundError, openai.APIError
