"""Texts take turns: in the order of a queue, over contexts that threads own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import get_ident
from unittest.mock import Mock

import pytest

from edge.engine.worker.binding import LoadError
from edge.engine.worker.pool import ContextPool, PoolingContext

S = 30  # seconds after which a test gives up


class Texts:
    """Texts that are computed until a test says otherwise, and the order in which they were begun."""

    def __init__(self) -> None:
        self.begun: SimpleQueue[tuple[str, PoolingContext]] = SimpleQueue()
        self._ends: dict[str, Future[None]] = {}

    def compute(self, context: PoolingContext, text: str) -> str:
        end = self._ends.setdefault(text, Future())
        self.begun.put((text, context))
        end.result(S)
        return text.upper()

    def next(self) -> str:
        return self.begun.get(timeout=S)[0]

    def end(self, text: str) -> None:
        self._ends[text].set_result(None)


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def make_context() -> PoolingContext:
    return Mock(PoolingContext)


def test_a_question_waits_for_one_text_of_a_pack(callers: ThreadPoolExecutor) -> None:
    pool, texts = ContextPool(make_context, 1), Texts()
    pack = callers.submit(pool.map, texts.compute, ["a", "b", "c"])
    assert texts.next() == "a"
    question = callers.submit(pool.map, texts.compute, ["q"])
    while pool._jobs.qsize() < 3:
        assert not question.done()
    texts.end("a")
    assert texts.next() == "q"
    texts.end("q")
    assert question.result(S) == ["Q"]
    for text in "bc":
        assert texts.next() == text
        texts.end(text)
    assert pack.result(S) == ["A", "B", "C"]


def test_each_thread_has_a_context_of_its_own(callers: ThreadPoolExecutor) -> None:
    makers: list[int] = []

    def make() -> PoolingContext:
        makers.append(get_ident())
        return make_context()

    pool, texts = ContextPool(make, 3), Texts()
    assert makers == [get_ident()]
    done = callers.submit(pool.map, texts.compute, ["a", "b", "c"])
    begun = [texts.begun.get(timeout=S) for _ in range(3)]
    assert len({id(context) for _, context in begun}) == 3
    assert len(set(makers)) == 3
    for text, _ in begun:
        texts.end(text)
    assert done.result(S) == ["A", "B", "C"]


@pytest.mark.parametrize("error", [LoadError("no memory"), MemoryError()])
def test_without_memory_for_a_second_context_the_first_does_the_work(error: Exception) -> None:
    contexts = iter([make_context()])

    def make() -> PoolingContext:
        for context in contexts:
            return context
        raise error

    pool = ContextPool(make, 3)
    assert pool.map(lambda context, text: (context is pool.first, text), "abcdefgh") == [
        (True, text) for text in "abcdefgh"
    ]


def test_a_text_that_fails_is_the_error_of_its_caller_alone() -> None:
    pool = ContextPool(make_context, 2)
    with pytest.raises(ZeroDivisionError):
        pool.map(lambda _, item: 1 // item, [1, 0, 1])
    assert pool.map(lambda _, item: 1 // item, [1, 1, 1]) == [1, 1, 1]


def test_no_texts_give_nothing() -> None:
    assert ContextPool(make_context, 1).map(lambda *_: 1, []) == []
