"""What a worker may send, in what order, and what becomes of the requests that wait for it."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.engine.process.process import MAX_REPLY_BYTES
from edge.engine.process.reply import LAG_FRAMES
from edge.engine.process.session import Patience
from edge.engine.process.supervisor import Worker
from edge.errors import EngineError
from tests.engine.workers import READY, WRITER, make_script_command

QUICK = Patience(start=20, ping=20, silence=20, work=20, cancel=20)

MakeWorker = Callable[..., Worker]


@pytest.fixture
def worker() -> Iterator[MakeWorker]:
    made: list[Worker] = []

    def make(text: str, **options: Any) -> Worker:
        made.append(Worker(Path("model.gguf"), make_script_command(text), **{"patience": QUICK, **options}))
        return made[-1]

    yield make
    for one in made:
        one.close()


def once(behaviour: str) -> str:
    """Return a worker that waits for a request, does this, and then stays."""
    return f"{READY}\nsys.stdin.readline()\n{behaviour}\nthreading.Event().wait()\n"


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("sys.exit('no weights today')", "exit code 1: no weights today"),
        ("os.abort()", "SIGABRT"),
        ("print('hello', flush=True)", "something else than an answer"),
        ("print('[1]', flush=True)", "something else than an answer"),
        ("print('{\"a\":' * 100_000, flush=True)", "something else than an answer"),
        ("os.close(1)", "closed its output"),
        ("sys.stdout.write('x' * 40_000_000)", "a line without end"),
        ("send(id=77, done={})", "a request nobody made"),
        ("send(id='1', done={})", "a request nobody made"),
        ("send(id=True, done={})", "a request nobody made"),
        ("send(id=1)", "a reply without meaning"),
        ("send(id=1, token=5)", "a reply without meaning"),
        ("send(id=1, token='a', done={})", "a reply without meaning"),
        ("send(id=1, done=[])", "a reply without meaning"),
        ("send(id=1, error=None)", "a reply without meaning"),
        ("send(hello=1)", "a frame without meaning"),
        ("send(ask=1)", "a frame without meaning"),
        ("send(ready={})", "a frame without meaning"),
        ("send(id=1, token='a'); send(id=2, token='a')", "a request nobody made"),
        ("send(ask={}); send(ask={})", "asked twice at once"),
    ],
)
def test_a_worker_that_breaks_the_rules_is_ended(worker: MakeWorker, behaviour: str, message: str) -> None:
    bad = worker(once(behaviour), answer=lambda ask: threading.Event().wait(0.2) or {})
    with pytest.raises(EngineError, match=message):
        list(bad.request("anything"))
    assert bad.pid is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
REPLY = st.fixed_dictionaries(
    {},
    optional={
        "id": st.integers(-1, 4) | JSON,
        "token": st.text(max_size=3) | JSON,
        "done": st.just({}) | JSON,
        "error": st.text(max_size=3) | JSON,
        "ask": st.just({}) | JSON,
        "pong": st.booleans() | JSON,
        "ready": JSON,
        "busy": JSON,
    },
)
LINE = st.one_of(
    REPLY.map(lambda frame: json.dumps(frame).encode()),
    st.sampled_from(
        [b'{"id":1,"token":"a"}', b'{"id":2,"done":{}}', b'{"id":3,"error":"no"}', b'{"ask":{}}']
    ),
    st.binary(max_size=20),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINE, max_size=30), st.booleans())
def test_whatever_comes_every_request_ends(tmp_path: Path, lines: list[bytes], dies: bool) -> None:
    output = tmp_path / "output"
    output.write_bytes(b"\n".join(lines) + b"\n")
    # Waits for three requests, then says what it was given to say, then nothing more.
    shell = f"echo '{{\"ready\":{{}}}}'; read a; read b; read c; cat {output}; {'exit' if dies else 'cat > /dev/null'}"
    mad = Worker(Path("model.gguf"), ["/bin/sh", "-c", shell], patience=replace(QUICK, silence=0.3))
    ends: list[str] = []

    def ask() -> None:
        try:
            frames = list(mad.request("anything"))
            ends.append("done" if "done" in frames[-1] else f"ended with {frames[-1]}")
        except EngineError as error:
            ends.append("error" if error.message.startswith("model.gguf") else error.message)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    mad.close()
    assert len(ends) == 3
    assert set(ends) <= {"done", "error"}


def test_a_reader_who_does_not_read_is_given_up_and_the_others_go_on(worker: MakeWorker) -> None:
    busy = worker(WRITER)
    lazy = busy.request("write", count=10**9)
    number = next(lazy)["id"]
    while number not in next(busy.request("given_up"))["done"]["ids"]:
        assert len(list(busy.request("write", count=100))) == 101
    kept: deque[object] = deque()
    with pytest.raises(EngineError, match="not read for too long"):
        kept.extend(lazy)
    assert len(kept) <= LAG_FRAMES
    assert len(list(busy.request("write", count=100))) == 101


def test_large_replies_nobody_reads_are_not_kept(worker: MakeWorker) -> None:
    flood = worker(
        once(f"for _ in range(20): send(id=1, token='x' * {MAX_REPLY_BYTES - 100})\nsend(id=1, done={{}})")
    )
    replies = flood.request("anything")
    flood.read_facts()
    session = flood._session
    assert session is not None
    kept: deque[object] = deque()
    with pytest.raises(EngineError, match="not read for too long"):
        kept.extend(session.join(0.2) for _ in replies)  # time enough for all to come
    assert len(kept) < 10


@pytest.mark.parametrize(
    ("patience", "message"),
    [
        (Patience(silence=0.2), "no sign of life for 0 s"),
        (Patience(ping=0.05, silence=0.2), "no sign of life for 0 s"),
        (Patience(work=0.2), "got nowhere for 0 s"),
    ],
)
def test_a_silent_worker_is_given_up_after_a_while(
    worker: MakeWorker, patience: Patience, message: str
) -> None:
    with pytest.raises(EngineError, match=message):
        list(worker(once(""), patience=patience).request("anything"))


def test_a_worker_that_computes_for_long_is_asked_for_signs_of_life(worker: MakeWorker) -> None:
    patient = worker(
        READY
        + """
pings = 0
for line in sys.stdin:
    frame = json.loads(line)
    number = frame.get("id", 0) or number
    if frame["op"] == "ping":
        pings += 1
        send(pong=True) if pings < 4 else send(id=number, done={"pings": pings})
""",
        patience=Patience(ping=0.1, silence=0.3),
    )
    assert list(patient.request("anything"))[-1]["done"] == {"pings": 4}


def test_signs_of_life_alone_are_not_enough(worker: MakeWorker) -> None:
    hung = worker(
        READY + "for line in sys.stdin:\n if json.loads(line)['op'] == 'ping': send(pong=True)\n",
        patience=Patience(ping=0.05, silence=0.2, work=0.6),
    )
    with pytest.raises(EngineError, match="got nowhere for 1 s"):
        list(hung.request("anything"))


def test_a_worker_that_does_not_stop_when_told_is_ended(worker: MakeWorker) -> None:
    deaf = worker(READY + "for line in sys.stdin: pass", patience=replace(QUICK, cancel=0.2))
    deaf.read_facts()  # it runs: a request that is cancelled before that is never sent
    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(list, deaf.request("anything"))
        assert list(deaf.request("anything", cancelled=iter([False, False, True]).__next__)) == []
        with pytest.raises(EngineError, match="did not stop within 0 s"):
            other.result(20)


def test_a_worker_may_ask_without_end(worker: MakeWorker) -> None:
    asked: list[int] = []

    def answer(ask: dict[str, Any]) -> dict[str, Any]:
        asked.append(ask["n"])
        return {"n": ask["n"] + 1, "op": "cancel"}

    curious = worker(
        READY
        + """
number = json.loads(sys.stdin.readline())["id"]
n = 0
while n < 500:
    send(ask={"n": n})
    frame = json.loads(sys.stdin.readline())
    assert frame["op"] == "answer"
    n = frame["n"]
    send(id=number, token=str(n))
send(id=number, done={})
threading.Event().wait()
""",
        answer=answer,
    )
    assert len(list(curious.request("anything"))) == 501
    assert asked == list(range(500))


@pytest.mark.parametrize("fails", [True, False])
def test_an_ask_is_always_answered(worker: MakeWorker, fails: bool) -> None:
    def answer(ask: dict[str, Any]) -> dict[str, Any]:
        raise OSError("the disk is gone")

    asks = worker(
        once("send(ask={}); frame = json.loads(sys.stdin.readline()); send(id=1, done=frame)"),
        answer=answer if fails else None,
    )
    assert list(asks.request("anything"))[-1]["done"] == {"op": "answer"}


def test_tokens_go_on_while_the_parent_looks_for_an_answer(worker: MakeWorker) -> None:
    found = threading.Event()

    def answer(ask: dict[str, Any]) -> dict[str, Any]:
        found.wait(20)
        return {}

    asks = worker(
        once("send(ask={}); send(id=1, token='a'); sys.stdin.readline(); send(id=1, done={})"), answer=answer
    )
    replies = asks.request("anything")
    assert next(replies)["token"] == "a"
    found.set()
    assert "done" in next(replies)


def test_a_worker_is_greeted_before_any_request(worker: MakeWorker) -> None:
    greeted = worker(
        READY
        + "lines = [json.loads(sys.stdin.readline())['op'] for _ in range(3)]\nsend(id=1, done={'ops': lines})\n"
        "threading.Event().wait()",
        greet=lambda: [{"op": "stored", "entries": []}, {"op": "stored", "entries": []}],
    )
    assert list(greeted.request("anything"))[-1]["done"] == {"ops": ["stored", "stored", "anything"]}


def test_a_greeting_that_fails_is_done_without(worker: MakeWorker) -> None:
    def greet() -> Iterator[dict[str, Any]]:
        yield {"op": "stored"}
        raise KeyError("tokens")

    greeted = worker(once("sys.stdin.readline(); send(id=1, done={})"), greet=greet)
    assert list(greeted.request("anything"))[-1]["done"] == {}
