"""Settings in, a working assistant out: the only place where the parts meet."""

from __future__ import annotations

import enum
import getpass
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from edge import __version__
from edge.assistant import Assistant, Limits
from edge.audit.log import AuditLog
from edge.audit.replay import PackFacts
from edge.audit.turn import Audit, Facts
from edge.config import Settings
from edge.conversations import Conversations
from edge.embedded.findings import open_findings
from edge.engine.embedder import LlamaEmbedder, find_embedder
from edge.engine.interface import CheckedEngine, Embedder, Engine, PrefillEngine
from edge.engine.llama import LlamaEngine
from edge.engine.machine.resources import count_cores
from edge.engine.reranker import LlamaReranker, find_reranker
from edge.errors import EdgeError
from edge.feedback import FeedbackLog
from edge.jobs.store import Jobs
from edge.models.integrity import Guard, read_record
from edge.models.store import ModelStore
from edge.notes.store import Notes
from edge.packs.library import Library
from edge.packs.pack import Pack
from edge.packs.store import PackStore
from edge.plugins import AUTO, get_maker
from edge.popular import PopularPassages
from edge.retrieval.rerank import Reranking
from edge.retrieval.retriever import Retriever
from edge.types import EXTRACTIVE, Question

if TYPE_CHECKING:
    from edge.audit.store import LogStore

FOUND = 5
"""Passages that a search for a pack's self-test returns."""
LOAD_S = 2.0
"""How long a command that asks one question waits for the reranker to be loaded. A server never does."""
CHECK_S = 2.0
"""How long a question to a server waits for the first check of a model that came along. A command waits to its end."""
QUERIES = 4
"""Questions embedded, or passages ranked, at a time, as far as there are cores: more would only take turns."""


class Mode(enum.Enum):
    """How long edge runs, which decides what it keeps and whom it lets wait.

    One question waits for what makes its answer better. A session (``edge chat``) does so, too, and remembers while it
    lasts. A server answers at once with what it has, and keeps conversations in the state database.
    """

    QUESTION = enum.auto()
    SESSION = enum.auto()
    SERVER = enum.auto()


class Edge:
    """Everything that answering needs, made when first used and closed together.

    Args:
        settings: see ``edge.config``.
        mode: how long it runs.
    """

    def __init__(self, settings: Settings, mode: Mode = Mode.QUESTION) -> None:
        self.settings, self.mode = settings, mode
        serves = mode is Mode.SERVER
        self.packs = PackStore(settings)
        self.models = ModelStore(settings)
        self.embedder = make_embedder(settings, min(count_cores(), QUERIES))
        self.library = Library(self.packs)
        self.reranker = make_reranker(settings, 0.0 if serves else LOAD_S)
        reranking = Reranking(self.reranker, settings.rerank_ms / 1000) if self.reranker else None
        self.retriever = Retriever(
            self.library.open_packs, self.embedder, reranking, self.library.set_aside_unsound
        )
        self.conversations = Conversations(
            settings.state_file if serves else None, settings.conversation_days
        )
        self.popular = PopularPassages(settings.state_file) if serves else None
        self.audit = self._make_audit()
        self.assistant = Assistant(
            self.retriever,
            self.get_engine,
            self.conversations,
            Limits(
                question_bytes=settings.max_question_bytes,
                answer_tokens=settings.max_answer_tokens,
                passages=settings.passages,
            ),
            settings.engine,
            self.popular,
            self.audit,
        )
        self.jobs = Jobs(settings)
        self.feedback = FeedbackLog(settings)
        self.notes = Notes(settings, self.packs)
        self._lock = threading.Lock()
        self._engines: dict[str, Engine] = {}

    def get_engine(self, name: str) -> Engine | None:
        """Return the engine of a name, made once; ``auto`` is the active model when there is one, else none.

        Raises:
            UsageError: no engine has this name.
            NotFoundError: it needs a model and none is installed.
        """
        if name == AUTO:
            name = "llama" if self.models.find_active() else EXTRACTIVE
        if name == EXTRACTIVE:
            return None
        with self._lock:
            if name not in self._engines:
                engine = get_maker(name)(self.settings)
                if self.mode is Mode.SERVER and isinstance(engine, CheckedEngine):
                    engine.limit_check(CHECK_S)  # quotations meanwhile
                self._engines[name] = engine
            return self._engines[name]

    def get_prefiller(self) -> PrefillEngine | None:
        """Return the engine that answers when none is named, if it can compute prompts ahead."""
        try:
            engine = self.get_engine(self.settings.engine)
        except EdgeError:
            return None
        return engine if isinstance(engine, PrefillEngine) else None

    def list_engines(self) -> list[Engine]:
        """Return those made so far. Does not wait for one that is being made."""
        return list(self._engines.values())

    def warm_up(self) -> None:
        """Start embedder, reranker and, in a server, the audit log: the first question does not wait for them then."""
        if self.mode is Mode.SERVER:
            self.audit.warm_up()
        if self.embedder is not None:
            self.embedder.start()
        if self.reranker is not None:
            self.reranker.start()
        if self.mode is Mode.SERVER:
            self.notes.put_in_use()  # where that failed when one was written

    @contextmanager
    def open_audit_log(self) -> Iterator[LogStore]:
        """Open the audit log to read it.

        Raises:
            NotFoundError: there is none.
        """
        with open_audit_log(self.settings) as store:
            yield store

    def close(self) -> None:
        """End worker processes and close files."""
        self.retriever.close()
        for engine in self._engines.values():
            engine.close()
        if self.embedder is not None:
            self.embedder.close()
        if self.reranker is not None:
            self.reranker.close()
        self.conversations.close()
        self.jobs.close()
        self.feedback.close()
        self.notes.close()
        if self.popular is not None:
            self.popular.close()
        self.audit.close()
        self.library.close()

    def _make_audit(self) -> Audit:
        settings = self.settings
        log = AuditLog(settings.audit_dir, find_device(settings)) if settings.audit != "off" else None
        facts = Facts(self._list_pack_facts, self._hash_model, __version__)
        required = settings.audit == "required"
        return Audit(log, facts, find_subject(settings), self.mode.name.lower(), required)

    def _list_pack_facts(self) -> dict[str, PackFacts]:
        return {
            pack.manifest.name: PackFacts(pack.manifest.version, pack.digest)
            for pack in self.library.open_packs()
        }

    def _hash_model(self, name: str) -> str:
        """Return the SHA-256 of the model of an engine, as it was recorded; empty where there is none."""
        for engine in self.list_engines():
            if engine.name == name and isinstance(engine, LlamaEngine):
                record = read_record(engine.options.model, open_findings(self.settings.home))
                return record.sha256 if record else ""
        return ""

    def __enter__(self) -> Edge:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def open_audit_log(settings: Settings) -> Iterator[LogStore]:
    """Open the audit log of the settings.

    Raises:
        NotFoundError: there is none.
    """
    from edge.audit.store import open_log

    with closing(open_log(settings.audit_dir, find_device(settings))) as store:
        yield store


def forget_conversations(settings: Settings, subject: str) -> None:
    """Delete the conversations that a server remembers of a subject of the audit log."""
    if settings.state_file.exists():
        with closing(Conversations(settings.state_file)) as conversations:
            conversations.forget(subject)
            if subject == find_subject(settings):
                conversations.forget("")


def find_device(settings: Settings) -> str:
    """Return the name of this device: that of the settings, else its host name."""
    return settings.device or socket.gethostname()


def find_subject(settings: Settings) -> str:
    """Return who asks where a question does not say: the setting, else the account that edge runs under."""
    if settings.subject:
        return settings.subject
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name
        return str(os.getuid())


def make_embedder(settings: Settings, threads: int = 1) -> LlamaEmbedder | None:
    """Make the embedder of the settings; None when there is none, and search is by keyword alone."""
    path = find_embedder(settings)
    return LlamaEmbedder(path, threads) if path else None


def make_reranker(settings: Settings, load_s: float = 0.0) -> LlamaReranker | None:
    """Make the reranker of the settings; None when there is none, and passages stay in the order they were found in."""
    path = find_reranker(settings)
    if path is None:
        return None
    known = open_findings(settings.home)
    guard = Guard((path,), findings=known) if read_record(path, known) else None
    return LlamaReranker(path, min(count_cores(), QUERIES), guard, load_s)


def make_find(embedder: Embedder | None) -> Callable[[Pack, str], list[tuple[int, ...]]]:
    """Make the real search of one pack, which returns the chunk ids of each passage: what a new pack is tested with."""

    def search(pack: Pack, text: str) -> list[tuple[int, ...]]:
        with closing(Retriever(lambda: [pack], embedder)) as retriever:
            evidence = retriever.search(Question(text), FOUND).evidence
        return [passage.chunks for passage in evidence.passages]

    return search


def build(settings: Settings, mode: Mode = Mode.QUESTION) -> Edge:
    """Join the parts."""
    return Edge(settings, mode)
