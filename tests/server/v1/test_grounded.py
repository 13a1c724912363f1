"""Answers from the packs through OpenAI's client: nothing unchecked is ever shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import openai
import pytest
from openai import OpenAI
from pydantic import TypeAdapter

from edge import shapes
from edge.engine.scripted import ScriptedEngine
from edge.server.v1.responses import ChatCompletion
from edge.types import Prompt

Start = Callable[..., Any]
QUESTION = "How many grams of grease does the motor bearing take?"
UNKNOWN = "Who painted the Mona Lisa in Florence?"
ASKED = [{"role": "user", "content": QUESTION}]
AWARE = {"edge": {"grounded": True}}


def ask(client: OpenAI, messages: Any = ASKED, **more: Any) -> Any:
    return client.chat.completions.create(**{"model": "edge-grounded", "messages": messages} | more)


def test_the_answer_is_the_content_and_its_shape_that_of_chat(grounded: OpenAI) -> None:
    answer = ask(grounded, extra_body=AWARE)
    message = answer.choices[0].message
    assert "12 grams" in message.content
    assert message.content == answer.edge["answer"]
    TypeAdapter(shapes.Answer).validate_python(answer.edge, strict=True)
    assert answer.edge["citations"][0]["document"] == "pump.md"
    assert answer.choices[0].finish_reason == "stop"
    TypeAdapter(ChatCompletion).validate_python(answer.to_dict(), strict=True)


def test_a_client_that_knows_nothing_of_edge_reads_the_pages_and_warnings_in_the_content(
    grounded: OpenAI,
) -> None:
    answer = ask(grounded, [{"role": "user", "content": "How do I start the pump?"}])
    content = answer.choices[0].message.content
    assert content.startswith(answer.edge["answer"])
    assert "[1] pump.md, page 1" in content
    for warning in answer.edge["warnings"]:
        assert warning["text"] in content
    assert "WARNING: Rotating parts." in content


def test_any_model_is_grounded_when_asked_to_be(grounded: OpenAI) -> None:
    assert "12 grams" in ask(grounded, model="whatever", extra_body=AWARE).choices[0].message.content


def test_a_refusal_is_an_ordinary_answer(grounded: OpenAI) -> None:
    answer = ask(grounded, [{"role": "user", "content": UNKNOWN}], extra_body=AWARE)
    assert answer.edge["refused"] is True
    assert answer.choices[0].message.content.startswith("Not in the installed packs")


def test_earlier_messages_are_what_was_said_before(grounded: OpenAI) -> None:
    said = [
        {"role": "system", "content": "Be brief."},
        *ASKED,
        {"role": "assistant", "content": "12 grams."},
        {"role": "user", "content": "And how often?"},
    ]
    answer = ask(grounded, said, extra_body=AWARE)
    assert "grease each year" in answer.edge["citations"][0]["text"]


def test_packs_and_equipment_narrow_the_search(grounded: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="boats"):
        ask(grounded, extra_body={"edge": {"grounded": True, "packs": ["boats"]}})


def test_a_stream_begins_with_the_passages_and_ends_with_the_answer(grounded: OpenAI) -> None:
    first, *middle, last = list(ask(grounded, extra_body=AWARE, stream=True))
    assert "12 grams" in first.edge["passages"][0]["text"]
    assert first.choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in middle)
    assert text == last.edge["answer"]
    assert last.choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in (first, *middle, last)}) == 1


def test_a_number_that_no_passage_holds_is_never_sent(start: Start, openai_of: Any) -> None:
    written = ["The bearing takes 12 grams. [1] ", "Or 997 grams. [1] ", "It is greased each year. [1]"]
    server = start(ScriptedEngine(written))
    body = {"model": "edge-grounded", "messages": ASKED, "edge": {"grounded": True}, "stream": True}
    with server.stream("POST", "/v1/chat/completions", json=body) as response:
        received = [line for line in response.iter_lines() if line.startswith("data: {")]
    chunks = [json.loads(line.removeprefix("data: ")) for line in received]
    shown = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert "12 grams" in shown
    assert "997" not in shown
    assert chunks[-1]["edge"]["unverified"] == ["997 grams"]


def test_the_engine_may_be_named(start: Start, openai_of: Any) -> None:
    engine = ScriptedEngine(lambda prompt: ["It takes 12 grams. [1]"])
    client = openai_of(start(engine))
    named = {"edge": {"grounded": True, "engine": "extractive"}}
    assert ask(client, extra_body=named).edge["engine"] == "extractive"
    assert ask(client, extra_body=AWARE).edge["engine"] == "scripted"


def test_history_reaches_the_engine(start: Start, openai_of: Any) -> None:
    prompts: list[Prompt] = []

    def script(prompt: Prompt) -> list[str]:
        prompts.append(prompt)
        return ["It takes 12 grams. [1]"]

    said = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good morning"}, *ASKED]
    ask(openai_of(start(ScriptedEngine(script))), said)
    assert "Good morning" in [message.content for message in prompts[0].messages]


@pytest.mark.parametrize("more", [{"response_format": {"type": "json_object"}}, {"logprobs": True}])
def test_what_such_an_answer_does_not_have_is_refused(grounded: OpenAI, more: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="answers from the packs"):
        ask(grounded, **more)


def test_nothing_is_kept_of_what_the_client_keeps_itself(start: Start, openai_of: Any, home: Path) -> None:
    client = start()

    def kept() -> int:
        with closing(apsw.Connection(str(home / "state.sqlite"))) as connection:
            return int(connection.execute("SELECT count(*) FROM turn").fetchone()[0])

    client.post("/chat", json={"message": QUESTION})
    before = kept()
    ask(openai_of(client))
    assert kept() == before
    client.post("/chat", json={"message": QUESTION})
    assert kept() == before + 1


@pytest.mark.parametrize(
    "messages",
    [[{"role": "assistant", "content": "12 grams."}], [{"role": "user", "content": " "}], []],
)
def test_what_asks_nothing_is_refused(grounded: OpenAI, messages: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(grounded, messages)
    assert caught.value.type == "invalid_request_error"
