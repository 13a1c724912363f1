"""What the rude client makes of bytes."""

from __future__ import annotations

from tests.soak.client import Reply, parse_reply
from tests.soak.visitors import find_failure

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def test_a_body_of_known_length() -> None:
    assert parse_reply(HEAD + b"Content-Length: 2\r\n\r\n{}") == Reply(200, b"{}", whole=True)
    assert not parse_reply(HEAD + b"Content-Length: 3\r\n\r\n{}").whole


def test_a_body_in_chunks() -> None:
    assert parse_reply(CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n") == Reply(200, b"abcde", whole=True)


def test_a_body_in_chunks_that_breaks_off() -> None:
    reply = parse_reply(CHUNKED + b"3\r\nabc\r\n5\r\nd")
    assert (reply.body, reply.whole) == (b"abcd", False)


def test_nothing_at_all() -> None:
    assert parse_reply(b"") == Reply(0, b"", whole=False)


def test_events_and_the_comments_between_them() -> None:
    reply = Reply(200, b'event: token\ndata: {"a":1}\n\n: keep-alive\n\ndata: [DONE]\n\n', whole=True)
    assert reply.parse_events() == [("token", '{"a":1}'), ("", "[DONE]")]


def test_failures_are_stated_in_problems_and_at_the_end_of_streams() -> None:
    assert find_failure(Reply(503, b'{"detail": "Too many."}', True)) == "Too many."
    assert find_failure(Reply(200, b'event: error\ndata: {"detail": "It died."}\n\n', True)) == "It died."
    assert find_failure(Reply(200, b'data: {"error": {"message": "It died."}}\n\n', True)) == "It died."


def test_answers_state_no_failure() -> None:
    assert find_failure(Reply(200, b'{"answer": "25 Nm"}', True)) is None
    assert find_failure(Reply(200, b"data: [DONE]\n\n", True)) is None
