"""The engine that asks a server: what it sends, what it takes, and what it makes of servers that misbehave."""

from __future__ import annotations

import ssl
import threading
import traceback
from pathlib import Path
from typing import Any

import pytest

from edge.config import Settings
from edge.engine import openai
from edge.engine.interface import ChatRequest, Finished, Sampling, Written
from edge.engine.openai import OpenAIEngine
from edge.engine.remote import events as event_stream
from edge.engine.remote import server as remote
from edge.engine.remote.server import Server, read_key
from edge.errors import BusyError, EngineError, UsageError
from tests.engine.conftest import make_prompt
from tests.simulators import openai_server as upstream
from tests.simulators.openai_server import (
    Upstream,
    chunk,
    encode,
    respond,
    say,
    send_byte_by_byte,
)

HELLO = say("Use ", "25 ", "µl ✓")
TEXT = "Use 25 µl ✓"
KEY = "sk-very-secret-0123456789"


def engine(server: Upstream, model: str = "m", **options: Any) -> OpenAIEngine:
    made = {"key": "", "proxy": "", "silence_s": 10.0, "pauses_s": (0.0, 0.0)} | options
    return OpenAIEngine(Server(server.url, **made), model)


def text(made: OpenAIEngine) -> str:
    return "".join(made.stream(make_prompt()))


def chat(made: OpenAIEngine, max_tokens: int = 64, **sampling: Any) -> list[Written | Finished]:
    return list(made.chat(ChatRequest(make_prompt().messages, max_tokens, Sampling(**sampling))))


# -- what is asked


def test_the_request_is_that_of_the_prompt_and_no_more() -> None:
    with Upstream(HELLO) as server:
        assert text(engine(server)) == TEXT
    ((head, body),) = server.asked
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1")
    assert b"authorization" not in head.lower()
    assert body == {
        "model": "m",
        "messages": [{"role": "system", "content": "Answer."}, {"role": "user", "content": "How much oil?"}],
        "max_tokens": 64,
        "temperature": 0.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_how_to_sample_is_said_where_it_matters() -> None:
    with Upstream(HELLO) as server:
        chat(
            engine(server),
            temperature=0.5,
            top_p=0.9,
            top_k=5,
            seed=3,
            stop=("x",),
            schema='{"a": 1}',
            logprobs=2,
        )
    body = server.asked[0][1]
    assert (body["temperature"], body["top_p"], body["top_k"], body["seed"]) == (0.5, 0.9, 5, 3)
    assert (body["stop"], body["logprobs"], body["top_logprobs"]) == (["x"], True, 2)
    assert body["response_format"]["json_schema"]["schema"] == {"a": 1}
    assert "min_p" not in body


def test_the_only_model_is_taken_when_none_is_named() -> None:
    with Upstream(HELLO, models=[{"id": "qwen"}]) as server:
        made = engine(server, model="")
        assert made.name == "openai"
        assert text(made) == TEXT
        assert made.name == "openai:qwen"
    assert server.asked[0][1]["model"] == "qwen"


@pytest.mark.parametrize("models", [None, [], [{"id": "a"}, {"id": "b"}], b"<html>", b"[]", b'{"data": 7}'])
def test_several_models_or_none_must_be_chosen_from(models: Any) -> None:
    with Upstream(HELLO, models=models) as server, pytest.raises(EngineError) as caught:
        text(engine(server, model=""))
    assert "openai_model" in caught.value.hint


def test_without_a_model_a_server_that_is_gone_is_said_to_be_gone() -> None:
    with Upstream(HELLO) as server:
        pass
    with pytest.raises(EngineError, match="cannot be asked"):
        text(engine(server, model=""))


# -- what is answered


@pytest.mark.parametrize(
    "behaviour",
    [
        send_byte_by_byte(HELLO),
        upstream.encode_chunked([encode(chunk(TEXT))[:9], encode(chunk(TEXT))[9:], encode(chunk(finish="stop"))]),
        respond(b": hi\n\n\n\nretry: 5\nid: 1\n" + encode(chunk(TEXT), chunk(finish="stop"))),
        respond(b"\xef\xbb\xbf" + encode(chunk(TEXT), chunk(finish="stop")).replace(b"\n", b"\r\n")),
        respond(encode(chunk(TEXT), chunk(finish="stop"), end=False)),
        respond(encode(chunk(TEXT), chunk(finish="stop"), end=False).rstrip()),
        respond(encode(chunk(TEXT))),
        upstream.send_then_wait(respond(encode(chunk(TEXT), chunk(finish="stop"), end=False))),
        respond(encode({"choices": [{"delta": {"role": "assistant", "content": None}}]}, chunk(TEXT))),
        respond(encode({"choices": [{"delta": {"reasoning_content": "hm"}}]}, chunk(TEXT))),
        respond(
            b'{"choices": [{"message": {"content": "%b"}, "finish_reason": "stop"}]}' % TEXT.encode(),
            kind="application/json; charset=utf-8",
        ),
    ],
    ids=[
        "byte by byte", "chunked", "comments", "CRLF and BOM", "no [DONE]", "no last line end", "no finish_reason",
        "never closed", "null", "reasoning", "not streamed",
    ],
)  # fmt: skip
def test_an_answer_is_read_however_it_comes(behaviour: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "COST_WITHIN_S", 0.1)
    with Upstream(behaviour) as server:
        assert text(engine(server)) == TEXT


def test_the_end_says_why_and_what_it_cost() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    stream = respond(encode(chunk("a"), chunk(finish="length"), {"choices": [], "usage": usage}))
    with Upstream(stream) as server:
        assert chat(engine(server)) == [Written("a"), Finished("length", 9, 4, 3, 3)]


@pytest.mark.parametrize("usage", [None, 7, {}, {"prompt_tokens": "many"}, {"prompt_tokens": -1}])
def test_a_cost_that_is_none_is_not_believed(usage: Any) -> None:
    with Upstream(respond(encode(chunk("a"), chunk(finish="stop", usage=usage)))) as server:
        *_, last = chat(engine(server))
    assert isinstance(last, Finished)
    assert last.prompt_tokens == 0


# -- servers that misbehave


@pytest.mark.parametrize(
    ("behaviour", "says", "hint"),
    [
        (respond(b"<html><body>Welcome", kind="text/html"), "text/html", "openai_url"),
        (respond(b"", kind="\x1b[31m"), "in place of an answer", "openai_url"),
        (respond(b"<h1>Bad Gateway</h1>", "502 Bad Gateway", "text/html"), "HTTP 502", "later"),
        (respond(b"", "401 Unauthorized"), "does not accept the key", remote.KEY),
        (respond(b'{"error": {"message": "No model m"}}', "404 Not Found"), "No model m", "openai_model"),
        (respond(b'{"detail": "nope"}', "422 No"), "refused (HTTP 422): nope", "extractive"),
        (respond(b"", "302 Found", "text/html", "Location: http://127.0.0.1:1/"), "leads elsewhere", "openai_url"),
        (
            respond(b'{"error": {"message": "maximum context length is 99"}}', "400 Bad Request"),
            "context length is 99",
            "fewer passages",
        ),
        (respond(encode(chunk("a"), {"error": {"message": "CUDA out of memory"}})), "CUDA out of", "extractive"),
        (respond(encode(chunk("a"), end=False)), "broke off", "again"),
        (respond(b""), "broke off", "again"),
        (upstream.encode_chunked([encode(chunk("a"))])[:-20], "broke off", "again"),
        (respond(encode("{")), "no usable answer", "again"),
        (respond(encode("[" * 100_000)), "no usable answer", "again"),
        (respond(encode("7", end=False)), "no usable answer", "again"),
        (respond(encode({"choices": 1})), "no usable answer", "again"),
        (respond(encode({"choices": [{"delta": {"content": 7}}]})), "no usable answer", "again"),
        (respond(encode({"choices": [{"delta": {"content": "a"}, "logprobs": {"content": [7]}}]})), "usable", "again"),
        (respond(b"data: " + b"x" * (event_stream.MAX_EVENT_BYTES + 1)), "without end", "extractive"),
        (respond(b"data: x\n" * (event_stream.MAX_EVENT_BYTES // 1)), "without end", "extractive"),
        (upstream.send_for_ever(respond(b""), encode(chunk("word " * 99), end=False)), "not stop writing", "again"),
        (respond(b"x" * (remote.MAX_BODY_BYTES + 1), kind="application/json"), "without end", "extractive"),
        (b"SSH-2.0-OpenSSH\r\n", "cannot be asked", "openai_url"),
    ],
)  # fmt: skip
def test_a_server_that_misbehaves_is_an_error_with_a_hint(behaviour: Any, says: str, hint: str) -> None:
    with Upstream(behaviour) as server, pytest.raises(EngineError) as caught:
        text(engine(server))
    assert says in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.message.isprintable()


def test_a_server_that_is_not_there_is_an_error_with_a_hint() -> None:
    with Upstream(HELLO) as server:
        pass
    with pytest.raises(EngineError, match="cannot be asked") as caught:
        text(engine(server))
    assert "openai_url" in caught.value.hint


@pytest.mark.parametrize(
    "behaviour",
    [
        upstream.send_then_wait(b""),
        upstream.send_then_wait(respond(b"")),
        upstream.send_for_ever(respond(b""), b": keep-alive\n\n"),
    ],
    ids=["no head", "no body", "comments only"],
)
def test_silence_ends_the_request(behaviour: Any) -> None:
    with Upstream(behaviour) as server:
        with pytest.raises(EngineError, match=r"said nothing for 0\.2 s"):
            text(engine(server, silence_s=0.2))
        assert server.left.wait(10)
    assert len(server.asked) == 1


# -- trying again


@pytest.mark.parametrize(
    "failure",
    [
        b"",
        respond(b"", "500 Internal Server Error"),
        respond(b"<html>", "503 Service Unavailable", "text/html"),
        respond(b"", "429 Too Many Requests", "text/plain", "Retry-After: 0"),
        respond(b"", "429 No", "text/plain", "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"),
        respond(b"", "429 No", "text/plain", "Retry-After: soon"),
    ],
)
def test_what_may_pass_is_tried_again(failure: bytes) -> None:
    with Upstream(failure, failure, HELLO) as server:
        assert text(engine(server)) == TEXT
    assert len(server.asked) == 3


def test_a_server_that_stays_busy_says_so() -> None:
    with Upstream(respond(b'{"error": "all slots are taken"}', "503 No")) as server:
        with pytest.raises(BusyError, match="all slots are taken"):
            chat(engine(server))
        assert len(server.asked) == 3
        with pytest.raises(EngineError, match="is busy"):  # so that the manual is quoted
            text(engine(server))


def test_nobody_waits_for_an_hour() -> None:
    with Upstream(respond(b"", "429 No", "text/plain", "Retry-After: 3600"), HELLO) as server:
        with pytest.raises(BusyError):
            chat(engine(server))
        assert len(server.asked) == 1


def test_nothing_is_asked_again_once_something_came() -> None:
    with Upstream(respond(encode(chunk("a"), end=False)), HELLO) as server:
        with pytest.raises(EngineError):
            text(engine(server))
        assert len(server.asked) == 1


@pytest.mark.parametrize("status", ["400 Bad Request", "401 No", "404 No", "501 No"])
def test_what_will_not_pass_is_not_tried_again(status: str) -> None:
    with Upstream(respond(b"", status), HELLO) as server:
        with pytest.raises(EngineError):
            text(engine(server))
        assert len(server.asked) == 1


# -- giving up


@pytest.mark.parametrize("begun", [b"", respond(b""), respond(encode(chunk("a"), end=False))])
def test_cancelling_closes_the_connection(begun: bytes) -> None:
    cancelled = threading.Event()
    with Upstream(upstream.send_then_wait(begun)) as server:
        stream = engine(server).chat(ChatRequest(make_prompt().messages, 9), cancelled.is_set)
        threading.Timer(0.2, cancelled.set).start()
        events_ = list(stream)
        assert isinstance(events_[-1], Finished)
        assert events_[-1].reason == "cancel"
        assert server.left.wait(10)


def test_leaving_a_stream_closes_the_connection() -> None:
    with Upstream(upstream.send_then_wait(respond(encode(chunk("a"), end=False)))) as server:
        stream = engine(server).stream(make_prompt())
        assert next(stream) == "a"
        stream.close()  # type: ignore[attr-defined]
        assert server.left.wait(10)


def test_closing_the_engine_ends_what_is_under_way() -> None:
    with Upstream(upstream.send_then_wait(respond(encode(chunk("a"), end=False)))) as server:
        made = engine(server)
        stream = made.stream(make_prompt())
        assert next(stream) == "a"
        made.close()
        with pytest.raises(EngineError, match="closed"):
            next(stream)


def test_a_pause_can_be_given_up() -> None:
    cancelled = threading.Event()
    with Upstream(respond(b"", "503 No")) as server:
        made = engine(server, pauses_s=(10.0,))
        threading.Timer(0.2, cancelled.set).start()
        (last,) = made.chat(ChatRequest(make_prompt().messages, 9), cancelled.is_set)
    assert isinstance(last, Finished)
    assert last.reason == "cancel"


# -- the key


def test_the_key_is_sent_and_never_shown() -> None:
    echo = respond(f'{{"error": {{"message": "Incorrect API key provided: {KEY}"}}}}'.encode(), "401 No")
    with Upstream(echo) as server:
        made = engine(server, key=KEY)
        with pytest.raises(EngineError) as caught:
            text(made)
    assert f"authorization: bearer {KEY}".encode() in server.asked[0][0].lower()
    shown = "".join(traceback.format_exception(caught.value)) + caught.value.hint + repr(vars(made))
    assert KEY not in shown
    assert "Incorrect API key provided: …" in caught.value.message


def test_a_key_does_not_travel_to_where_a_redirect_leads() -> None:
    with Upstream(HELLO) as other:
        moved = respond(b"", "307 Moved", "text/plain", f"Location: {other.url}/chat/completions")
        with Upstream(moved) as server, pytest.raises(EngineError, match="leads elsewhere"):
            text(engine(server, key=KEY))
    assert other.asked == []


@pytest.mark.parametrize("key", ["a\nb", "a b", "schlüssel", "\x00"])
def test_what_is_no_key_is_told_without_showing_it(key: str) -> None:
    with pytest.raises(EngineError, match=remote.KEY) as caught:
        read_key({remote.KEY: key})
    assert key not in caught.value.message


def test_no_key_is_no_header() -> None:
    assert read_key({}) == read_key({remote.KEY: " "}) == ""


# -- room


@pytest.mark.parametrize(
    "entry", [{"max_model_len": 100}, {"meta": {"n_ctx": 100}}, {"context_length": 100, "meta": 7}]
)
def test_the_server_says_how_much_fits(entry: dict[str, Any]) -> None:
    with Upstream(HELLO, models=[{"id": "m", **entry}]) as server:
        made = engine(server)
        assert made.fits(make_prompt("a" * 200, max_tokens=30))
        assert not made.fits(make_prompt("a" * 200, max_tokens=50))
        assert not made.fits(make_prompt("a" * 400, max_tokens=1))
        with pytest.raises(EngineError, match="too long"):
            chat(made, max_tokens=1000)
    assert server.asked == []


@pytest.mark.parametrize("models", [None, [{"id": "m"}], [{"id": "m", "max_model_len": -5}], [7], b"["])
def test_without_its_word_the_settings_say_it(models: Any) -> None:
    with Upstream(HELLO, models=models) as server:
        made = OpenAIEngine(Server(server.url, "", "", 5), "m", input_tokens=100)
        assert made.fits(make_prompt("a" * 300, max_tokens=999))
        assert not made.fits(make_prompt("a" * 500))


# -- settings


def of(home: Path = Path("/nonexistent"), **settings: Any) -> OpenAIEngine:
    return OpenAIEngine.from_settings(Settings(home=home, **settings), {})


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "ftp://localhost/v1",
        "http://",
        "http://localhost/v1?key=a",
        "https://user:secret@host.example/v1",
        "http://host.example/v1",
        "http://[::1",
    ],
)
def test_an_address_that_cannot_be_used_is_told(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        of(openai_url=url)
    assert caught.value.hint
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    "settings",
    [
        {"openai_url": "http://127.0.0.1:8000"},
        {"openai_url": "http://[::1]:8000/v1"},
        {"openai_url": "https://host.example/v1/"},
        {"openai_url": "http://gpu.example:8000/v1", "http_hosts": "a.example, gpu.example"},
    ],
)
def test_tls_or_this_machine_or_a_host_that_is_named(settings: dict[str, str]) -> None:
    assert of(openai_model="m", **settings).name == "openai:m"


def test_an_address_without_a_path_gets_v1() -> None:
    with Upstream(HELLO) as server:
        made = of(openai_url=server.url.removesuffix("/v1"), openai_model="m")
        assert text(made) == TEXT


def test_the_environments_proxy_is_not_used_but_that_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with Upstream(HELLO) as server:
        assert text(engine(server)) == TEXT
        proxied = OpenAIEngine(Server("http://far.example/v1", "", server.url.removesuffix("/v1"), 5), "m")
        assert text(proxied) == TEXT
    assert server.asked[1][0].startswith(b"POST http://far.example/v1/chat/completions")


def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = self_signed(tmp_path)
    with Upstream(HELLO, tls=context) as server:
        with pytest.raises(EngineError, match="certificate") as caught:
            text(engine(server))
        assert "SSL_CERT_FILE" in caught.value.hint
        assert server.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        assert text(engine(server)) == TEXT


def self_signed(folder: Path) -> ssl.SSLContext:
    """Return a context with a certificate of its own for 127.0.0.1."""
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    private = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(pem, private, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context
