"""Reading documents in processes of their own: a file that crashes a parser costs that file, and all cores read."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing

from edge.errors import DocumentError
from edge.publish.document import SourceDocument
from edge.publish.source import SourceFile, readable

Read = Callable[[str, bytes], SourceDocument]
"""Turns a document's name and bytes into blocks; a module's own function, so that other processes can have it."""

Outcome = SourceDocument | DocumentError
Results = Iterator[tuple[SourceFile, Outcome]]


def read_all(files: Sequence[SourceFile], read: Read, workers: int) -> Results:
    """What every document holds, or why it cannot be read, in the order of ``files``.

    Args:
        workers: number of processes; 0 reads in this one, where a crash of a parser ends everything.
    """
    if workers < 1:
        return ((file, _read(file, read)) for file in files)
    return _read_apart(files, read, workers)


def _read_apart(files: Sequence[SourceFile], read: Read, workers: int) -> Results:
    """Keeps few documents in flight: a large one takes memory. After a crash each of those is tried alone."""
    waiting, running = deque(files), deque[tuple[SourceFile, Future[Outcome]]]()
    with closing(_Pool(workers)) as pool:
        while waiting or running:
            while waiting and len(running) < workers + 1:
                running.append((waiting[0], pool.submit(_read, waiting.popleft(), read)))
            file, future = running.popleft()
            try:
                yield file, future.result()
            except BrokenProcessPool:
                pool.renew()
                suspects = [file, *(other for other, _ in running)]
                running.clear()
                yield from ((suspect, _read_alone(suspect, read, pool)) for suspect in suspects)


def _read_alone(file: SourceFile, read: Read, pool: _Pool) -> Outcome:
    try:
        return pool.submit(_read, file, read).result()
    except BrokenProcessPool:
        pool.renew()
        return DocumentError(
            f"{file.name} crashed its reader.", "The file is damaged: replace it or leave it out."
        )


def _read(file: SourceFile, read: Read) -> Outcome:
    """Read one document. Errors are returned, so that they travel between processes like results."""
    try:
        with readable(file):
            data = file.path.read_bytes()
        return read(file.name, data)
    except DocumentError as error:
        return error
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        # A library met what nobody foresaw. One document must not end the build of a thousand.
        return DocumentError(f"{file.name} made its reader fail: {error!r}.", "Leave it out and report it.")


class _Pool:
    """A process pool that can be replaced after one of its processes died."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._executor = self._new()

    def submit(
        self, call: Callable[[SourceFile, Read], Outcome], file: SourceFile, read: Read
    ) -> Future[Outcome]:
        return self._executor.submit(call, file, read)

    def renew(self) -> None:
        self.close()
        self._executor = self._new()

    def close(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _new(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")  # a fork would copy the embedder's threads and pipes
        return ProcessPoolExecutor(self._workers, mp_context=context, initializer=_become_reader)


def _become_reader() -> None:
    """Leave interrupts to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
