"""Read documents in processes of their own, so that a file which crashes or hangs a parser costs that file only."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from edge.errors import DocumentError
from edge.ingest.document import SourceDocument
from edge.ingest.progress import listen
from edge.ingest.source import SourceFile, translate_os_errors

TIMEOUT_S, TIMEOUT_PER_MB_S = 600.0, 30.0
"""Text in PDF takes 3 s a megabyte, or 12 ms a page. For 1,300 pages this leaves a slow machine forty times as long."""
POLL_S = 1.0

Read = Callable[[str, bytes], SourceDocument]
"""Turns a document's name and bytes into blocks. A module's own function, so that other processes can import it."""

Outcome = SourceDocument | DocumentError
Results = Iterator[tuple[SourceFile, Outcome]]


def read_all(files: Sequence[SourceFile], read: Read, workers: int) -> Results:
    """Yield every document, or why it cannot be read, in the order of ``files``.

    Args:
        workers: number of processes. 0 reads in this one: a crash of a parser ends it, and nothing is given up.
    """
    if workers < 1:
        return ((file, _read(file, read)) for file in files)
    return _read_in_processes(files, read, min(workers, len(files)))


def compute_timeout(file: SourceFile) -> float:
    """Return the seconds after which the reading of a document is given up."""
    size = 0
    with suppress(OSError):  # its reader says what is wrong with it
        size = file.path.stat().st_size
    return TIMEOUT_S + TIMEOUT_PER_MB_S * size / 1e6


def _read_in_processes(files: Sequence[SourceFile], read: Read, workers: int) -> Results:
    """Read with few documents in flight, since a large one takes memory."""
    waiting, finished = deque(files), dict[SourceFile, Outcome]()
    with ExitStack() as stack:
        readers = [stack.enter_context(closing(_Reader(read))) for _ in range(workers)]
        for file in files:
            while file not in finished:
                for reader in readers:
                    if reader.file is None and waiting and len(finished) < workers:
                        reader.begin(waiting.popleft())
                finished.update(_collect_results([reader for reader in readers if reader.file]))
            yield file, finished.pop(file)


def _collect_results(busy: Sequence[_Reader]) -> Results:
    """Yield finished documents as soon as there are any; nothing after a silent interval.

    A reader's time is counted in these intervals: a build that was stopped with Ctrl-Z has not waited.
    """
    silent = not wait([reader.connection for reader in busy], POLL_S)
    for reader in busy:
        reader.waited += POLL_S if silent else 0
        file, outcome = reader.file, reader.poll()
        if file and outcome:
            yield file, outcome


class _Reader:
    """Reads one document after another in a process; replaces a process that crashed or timed out."""

    connection: Connection
    """The pipe to the process, as long as there is one."""

    def __init__(self, read: Read) -> None:
        self.file: SourceFile | None = None
        self.waited = self._limit = 0.0
        self._read = read
        self._process: SpawnProcess | None = None

    def begin(self, file: SourceFile) -> None:
        """Start to read a document."""
        self.file, self.waited, self._limit = file, 0.0, compute_timeout(file)
        if self._process is None or not self._process.is_alive():
            self.close()
            self._start()
        with suppress(OSError):  # it died just now, as the end of its output will tell
            self.connection.send(file)

    def poll(self) -> Outcome | None:
        """Return the document or its error; None while it is being read."""
        assert self.file is not None
        outcome: Outcome
        try:
            if self.connection.poll():
                received = self.connection.recv()
                if received is None:  # a sign of life
                    self.waited = 0.0
                    return None
                outcome = received
            elif self.waited < self._limit:
                return None
            else:
                outcome = _describe_timeout(self.file, self._limit)
                self.close()
        except (EOFError, OSError):
            outcome = _describe_crash(self.file)
            self.close()
        self.file = None
        return outcome

    def close(self) -> None:
        """Kill the process, whatever it is doing."""
        if self._process is not None:
            if self._process.pid is not None:
                self._process.kill()
                self._process.join()
            self.connection.close()
            self._process = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy the embedder's threads and pipes
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._read), daemon=True)
        with ThreadPoolExecutor(1) as starter:
            starter.submit(_start_without_interrupts, self._process).result()
        theirs.close()


def _start_without_interrupts(process: SpawnProcess) -> None:
    """Start a process that ignores Ctrl-C, which the parent handles.

    Call it in a thread of its own: there nothing interrupts the start, and the process inherits the blocked signal.
    """
    resource_tracker.ensure_running()  # started later, by the process's start, it would unblock the signal
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    process.start()


def _serve(connection: Connection, read: Read) -> None:
    """Read the documents that the parent names until it hangs up."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    listen(lambda: connection.send(None))
    with suppress(EOFError):
        while True:
            connection.send(_read(connection.recv(), read))


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _read(file: SourceFile, read: Read) -> Outcome:
    """Read one document. Return errors, so that they travel between processes like results."""
    try:
        with translate_os_errors(file):
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
        return DocumentError(
            f"{file.name} made its reader fail: {error!r}.",
            "Leave it out and report it: this is a fault in edge.",
        )


def _describe_crash(file: SourceFile) -> DocumentError:
    hint = "The file is damaged, or memory ran out: replace it, split it or leave it out."
    return DocumentError(f"{file.name} crashed its reader.", hint)


def _describe_timeout(file: SourceFile, limit_s: float) -> DocumentError:
    message = f"{file.name} was given up: after {limit_s / 60:.0f} minutes it was not read."
    return DocumentError(message, "It is damaged or too complex: save it anew, split it or leave it out.")
