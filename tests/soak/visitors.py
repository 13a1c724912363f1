"""Who comes by: what each kind of request sends, how its client behaves, and what it may get for an answer."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from tests.soak.client import Manner, Reply, request

Verdict = str | None
"""What is wrong with a reply; None when nothing is."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """One request. ``judge`` says what is wrong with the reply when nothing failed meanwhile."""

    kind: str
    data: bytes
    manner: Manner
    judge: Callable[[Reply], Verdict]


def visitors(questions: Sequence[str], count: int, seed: int) -> list[Visitor]:
    """So many requests, mixed; the same for the same seed."""
    chance = random.Random(seed)
    makers, weights = zip(*_KINDS, strict=True)
    chosen = chance.choices(makers, weights, k=count)
    return [make(chance, chance.choice(questions)) for make in chosen]


def polite(questions: Sequence[str], count: int, seed: int) -> list[Visitor]:
    """As `visitors`, but every one of them wants its answer and reads it."""
    chance = random.Random(seed)
    makers = (_chat_stream, _chat_whole, _completion_stream, _completion_whole)
    return [chance.choice(makers)(chance, chance.choice(questions)) for _ in range(count)]


def failure(reply: Reply) -> str | None:
    """The error that a reply clearly states, as a problem document or at a stream's end; None where there is none."""
    found = reply.json() if reply.status != 200 else None
    if reply.status == 200 and (events := reply.events()):
        name, data = events[-1]
        if name == "error" or data.startswith('{"error"'):
            found = json.loads(data)
    if not isinstance(found, dict):
        return None
    stated = found.get("error", found)
    return str(stated.get("detail") or stated.get("message") or "") or None


def _chat_stream(chance: random.Random, question: str) -> Visitor:
    return Visitor("chat, stream", _chat(question, stream=True), Manner(), _told_to_the_end)


def _chat_whole(chance: random.Random, question: str) -> Visitor:
    return Visitor("chat, whole", _chat(question), Manner(), _answered)


def _completion_stream(chance: random.Random, question: str) -> Visitor:
    more = chance.choice(({}, {"temperature": 1.0, "seed": 7}, {"stop": ["."]}, {"logprobs": True}))
    return Visitor(
        "completion, stream", _completion(question, stream=True, **more), Manner(), _streamed_to_the_end
    )


def _completion_whole(chance: random.Random, question: str) -> Visitor:
    more = chance.choice(
        ({}, {"max_tokens": 1}, {"response_format": {"type": "json_object"}, "max_tokens": 40})
    )
    return Visitor("completion, whole", _completion(question, **more), Manner(), _completed)


def _grounded(chance: random.Random, question: str) -> Visitor:
    data = _completion(question, edge={"grounded": True})
    return Visitor("completion, grounded", data, Manner(), _completed)


def _search(chance: random.Random, question: str) -> Visitor:
    return Visitor("search", request("GET", f"/search?q={quote(question)}&k=3"), Manner(), _found)


def _slow(chance: random.Random, question: str) -> Visitor:
    if chance.random() < 0.5:
        return Visitor("slow reader", _chat(question, stream=True), Manner(slow=True), _told_to_the_end)
    return Visitor("slow reader", _completion(question, stream=True), Manner(slow=True), _streamed_to_the_end)


def _leaves(chance: random.Random, question: str) -> Visitor:
    data = chance.choice((_chat(question, stream=True), _completion(question, stream=True)))
    manner = Manner(leaves_after=chance.choice((0, 1, 300, 1500, 4000)), resets=chance.random() < 0.5)
    return Visitor("leaves a stream", data, manner, _whatever)


def _cancels(chance: random.Random, question: str) -> Visitor:
    data = chance.choice((_chat(question), _completion(question)))
    return Visitor("leaves at once", data, Manner(leaves_after=0, resets=chance.random() < 0.5), _whatever)


def _breaks_off(chance: random.Random, question: str) -> Visitor:
    data = _completion(question)
    manner = Manner(breaks_off=chance.randrange(1, len(data)), resets=chance.random() < 0.5)
    return Visitor("sends half", data, manner, _whatever)


def _nonsense(chance: random.Random, question: str) -> Visitor:
    path = chance.choice(("/chat", "/v1/chat/completions"))
    body = chance.choice(BAD_BODIES)
    return Visitor("bad body", request("POST", path, body), Manner(), _refused)


def _too_long(chance: random.Random, question: str) -> Visitor:
    return Visitor("prompt too long", _completion("valve " * 20_000), Manner(), _refused)


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
    (_chat_stream, 12),
    (_chat_whole, 10),
    (_completion_stream, 18),
    (_completion_whole, 16),
    (_grounded, 4),
    (_search, 8),
    (_slow, 4),
    (_leaves, 10),
    (_cancels, 6),
    (_breaks_off, 4),
    (_nonsense, 7),
    (_too_long, 1),
)


def _chat(question: str, **more: object) -> bytes:
    return request("POST", "/chat", json.dumps({"message": question, **more}).encode())


def _completion(question: str, **more: object) -> bytes:
    values = {"model": "tiny", "messages": [{"role": "user", "content": question}], "max_tokens": 48, **more}
    return request("POST", "/v1/chat/completions", json.dumps(values).encode())


def _whatever(reply: Reply) -> Verdict:
    return None


def _answered(reply: Reply) -> Verdict:
    return None if reply.whole and reply.status == 200 and "answer" in (reply.json() or {}) else "no answer"


def _completed(reply: Reply) -> Verdict:
    return (
        None
        if reply.whole and reply.status == 200 and (reply.json() or {}).get("choices")
        else "no completion"
    )


def _found(reply: Reply) -> Verdict:
    return None if reply.whole and reply.status == 200 and "results" in (reply.json() or {}) else "no results"


def _told_to_the_end(reply: Reply) -> Verdict:
    if reply.status != 200 or not reply.whole:
        return "no stream, or no end of it"
    names = [name for name, _ in reply.events()]
    return (
        None
        if names[-1:] == ["answer"] and names[0] == "evidence"
        else f"a stream of {names[:1]} to {names[-1:]}"
    )


def _streamed_to_the_end(reply: Reply) -> Verdict:
    if reply.status != 200 or not reply.whole:
        return "no stream, or no end of it"
    return None if [data for _, data in reply.events()][-1:] == ["[DONE]"] else "a stream without [DONE]"


def _refused(reply: Reply) -> Verdict:
    clear = 400 <= reply.status < 500 and failure(reply)
    return None if clear and reply.whole else "not refused clearly"
