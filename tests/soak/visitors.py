"""Who comes by: what each kind of request sends, how its client behaves, and what it may get for an answer."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from tests.soak.client import Manner, Reply, make_request

Verdict = str | None
"""What is wrong with a reply; None when nothing is."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """One request. ``judge`` says what is wrong with the reply when nothing failed meanwhile."""

    kind: str
    data: bytes
    manner: Manner
    judge: Callable[[Reply], Verdict]


def make_visitors(questions: Sequence[str], count: int, seed: int) -> list[Visitor]:
    """Make so many requests, mixed; the same for the same seed."""
    chance = random.Random(seed)
    makers, weights = zip(*_KINDS, strict=True)
    chosen = chance.choices(makers, weights, k=count)
    return [make(chance, chance.choice(questions)) for make in chosen]


def make_polite(questions: Sequence[str], count: int, seed: int) -> list[Visitor]:
    """Make visitors of whom every one wants its answer and reads it."""
    chance = random.Random(seed)
    makers = (_make_chat_stream, _make_chat_whole, _make_completion_stream, _make_completion_whole)
    return [chance.choice(makers)(chance, chance.choice(questions)) for _ in range(count)]


def find_failure(reply: Reply) -> str | None:
    """Find the error that a reply clearly states, as a problem document or at a stream's end; None where there is
    none."""
    found = reply.parse_json() if reply.status != 200 else None
    if reply.status == 200 and (events := reply.parse_events()):
        name, data = events[-1]
        if name == "error" or data.startswith('{"error"'):
            found = json.loads(data)
    if not isinstance(found, dict):
        return None
    stated = found.get("error", found)
    return str(stated.get("detail") or stated.get("message") or "") or None


def _make_chat_stream(chance: random.Random, question: str) -> Visitor:
    return Visitor("chat, stream", _chat(question, stream=True), Manner(), _judge_events)


def _make_chat_whole(chance: random.Random, question: str) -> Visitor:
    return Visitor("chat, whole", _chat(question), Manner(), _judge_answer)


def _make_completion_stream(chance: random.Random, question: str) -> Visitor:
    more = chance.choice(({}, {"temperature": 1.0, "seed": 7}, {"stop": ["."]}, {"logprobs": True}))
    return Visitor(
        "completion, stream", _make_completion(question, stream=True, **more), Manner(), _judge_stream
    )


def _make_completion_whole(chance: random.Random, question: str) -> Visitor:
    more = chance.choice(
        ({}, {"max_tokens": 1}, {"response_format": {"type": "json_object"}, "max_tokens": 40})
    )
    return Visitor("completion, whole", _make_completion(question, **more), Manner(), _judge_completion)


def _make_grounded(chance: random.Random, question: str) -> Visitor:
    data = _make_completion(question, edge={"grounded": True})
    return Visitor("completion, grounded", data, Manner(), _judge_completion)


def _make_search(chance: random.Random, question: str) -> Visitor:
    return Visitor("search", make_request("GET", f"/search?q={quote(question)}&k=3"), Manner(), _judge_search)


def _make_slow(chance: random.Random, question: str) -> Visitor:
    if chance.random() < 0.5:
        return Visitor("slow reader", _chat(question, stream=True), Manner(slow=True), _judge_events)
    return Visitor("slow reader", _make_completion(question, stream=True), Manner(slow=True), _judge_stream)


def _leaves(chance: random.Random, question: str) -> Visitor:
    data = chance.choice((_chat(question, stream=True), _make_completion(question, stream=True)))
    manner = Manner(leaves_after=chance.choice((0, 1, 300, 1500, 4000)), resets=chance.random() < 0.5)
    return Visitor("leaves a stream", data, manner, _accept_anything)


def _cancels(chance: random.Random, question: str) -> Visitor:
    data = chance.choice((_chat(question), _make_completion(question)))
    return Visitor(
        "leaves at once", data, Manner(leaves_after=0, resets=chance.random() < 0.5), _accept_anything
    )


def _breaks_off(chance: random.Random, question: str) -> Visitor:
    data = _make_completion(question)
    manner = Manner(breaks_off=chance.randrange(1, len(data)), resets=chance.random() < 0.5)
    return Visitor("sends half", data, manner, _accept_anything)


def _make_nonsense(chance: random.Random, question: str) -> Visitor:
    path = chance.choice(("/chat", "/v1/chat/completions"))
    body = chance.choice(BAD_BODIES)
    return Visitor("bad body", make_request("POST", path, body), Manner(), _judge_refusal)


def _too_long(chance: random.Random, question: str) -> Visitor:
    return Visitor("prompt too long", _make_completion("valve " * 20_000), Manner(), _judge_refusal)


BAD_BODIES = (
    b"",
    b"null",
    b"[]",
    b"{",
    b'{"message": 1, "messages": 1}',
    b'{"message": "", "messages": [], "model": "tiny"}',
    b"\xff\xfe\x00",
    b'{"model": "tiny", "messages": [{"role": "user", "content": "a"}], "max_tokens": -1}',
    b'{"model": "tiny", "messages": [{"role": "nobody", "content": "a"}]}',
    b'{"model": "none", "messages": [{"role": "user", "content": "a"}], "unknown": true}',
    b"[" * 5000,
    b'{"message": "' + b"a" * 2_000_000 + b'"}',
)

_KINDS = (
    (_make_chat_stream, 12),
    (_make_chat_whole, 10),
    (_make_completion_stream, 18),
    (_make_completion_whole, 16),
    (_make_grounded, 4),
    (_make_search, 8),
    (_make_slow, 4),
    (_leaves, 10),
    (_cancels, 6),
    (_breaks_off, 4),
    (_make_nonsense, 7),
    (_too_long, 1),
)


def _chat(question: str, **more: object) -> bytes:
    return make_request("POST", "/chat", json.dumps({"message": question, **more}).encode())


def _make_completion(question: str, **more: object) -> bytes:
    values = {"model": "tiny", "messages": [{"role": "user", "content": question}], "max_tokens": 48, **more}
    return make_request("POST", "/v1/chat/completions", json.dumps(values).encode())


def _accept_anything(reply: Reply) -> Verdict:
    return None


def _judge_answer(reply: Reply) -> Verdict:
    return (
        None
        if reply.whole and reply.status == 200 and "answer" in (reply.parse_json() or {})
        else "no answer"
    )


def _judge_completion(reply: Reply) -> Verdict:
    return (
        None
        if reply.whole and reply.status == 200 and (reply.parse_json() or {}).get("choices")
        else "no completion"
    )


def _judge_search(reply: Reply) -> Verdict:
    return (
        None
        if reply.whole and reply.status == 200 and "results" in (reply.parse_json() or {})
        else "no results"
    )


def _judge_events(reply: Reply) -> Verdict:
    if reply.status != 200 or not reply.whole:
        return "no stream, or no end of it"
    names = [name for name, _ in reply.parse_events()]
    return (
        None
        if names[-1:] == ["answer"] and names[0] == "evidence"
        else f"a stream of {names[:1]} to {names[-1:]}"
    )


def _judge_stream(reply: Reply) -> Verdict:
    if reply.status != 200 or not reply.whole:
        return "no stream, or no end of it"
    return (
        None if [data for _, data in reply.parse_events()][-1:] == ["[DONE]"] else "a stream without [DONE]"
    )


def _judge_refusal(reply: Reply) -> Verdict:
    clear = 400 <= reply.status < 500 and find_failure(reply)
    return None if clear and reply.whole else "not refused clearly"
