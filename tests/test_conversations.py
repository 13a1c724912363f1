"""What was said, by conversation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge import database
from edge.conversations import MAX_TURNS, NOT_SENT, Conversations
from edge.database import open_writable
from edge.errors import BusyError, EdgeError
from edge.prompt.conversation import Exchange, continue_conversation, make_plain_exchange
from edge.types import Message, Passage


def turn(n: int) -> tuple[Message, Message]:
    return Message("user", f"question {n}"), Message("assistant", f"answer {n}")


@pytest.fixture(params=["file", "memory"])
def conversations(request: pytest.FixtureRequest, tmp_path: Path) -> Conversations:
    return Conversations(tmp_path / "new" / "state.sqlite" if request.param == "file" else None)


def test_an_unknown_conversation_is_empty(conversations: Conversations) -> None:
    assert conversations.read_history("a") == ()


def test_turns_come_back_oldest_first(conversations: Conversations) -> None:
    for n in (1, 2):
        conversations.append("a", f"question {n}", f"answer {n}")
    assert conversations.read_history("a") == (*turn(1), *turn(2))


def test_conversations_are_kept_apart(conversations: Conversations) -> None:
    conversations.append("a", "question 1", "answer 1")
    conversations.append("b", "question 2", "answer 2")
    assert conversations.read_history("b") == turn(2)


def test_only_the_last_turns_come_back(conversations: Conversations) -> None:
    for n in range(MAX_TURNS + 2):
        conversations.append("a", f"question {n}", f"answer {n}")
    history = conversations.read_history("a")
    assert len(history) == 2 * MAX_TURNS
    assert history[:2] == turn(2)


def test_threads_share_them(conversations: Conversations) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: conversations.append(str(n), f"question {n}", f"answer {n}"), range(20)))
    assert [conversations.read_history(str(n)) for n in range(20)] == [turn(n) for n in range(20)]


def test_they_outlive_the_process(tmp_path: Path) -> None:
    first, second = Conversations(tmp_path / "s"), Conversations(tmp_path / "s")
    first.append("a", "question 1", "answer 1")
    assert second.read_history("a") == turn(1)
    first.close()
    first.close()
    assert Conversations(tmp_path / "s").read_history("a") == turn(1)


def test_nothing_is_written_before_the_first_use(tmp_path: Path) -> None:
    Conversations(tmp_path / "s").close()
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_kept_in_memory_and_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "damaged").write_bytes(b"not a database at all" * 100)
    for place in (tmp_path / "file" / "state.sqlite", tmp_path / "folder", tmp_path / "damaged"):
        conversations = Conversations(place)
        assert conversations.read_history("a") == ()
        conversations.append("a", "question 1", "answer 1")
        assert conversations.read_history("a") == turn(1)
        assert isinstance(conversations.problem, EdgeError)


def test_a_database_in_use_is_tried_again_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 0)
    other = open_writable(tmp_path / "s")
    other.execute("BEGIN EXCLUSIVE")
    conversations = Conversations(tmp_path / "s")
    conversations.append("a", "question 1", "answer 1")
    assert isinstance(conversations.problem, BusyError)
    other.close()
    conversations.append("a", "question 2", "answer 2")
    assert conversations.read_history("a") == (*turn(1), *turn(2))  # not yet
    monkeypatch.setattr(conversations._table, "_retry_at", 0.0)
    conversations.append("a", "question 3", "answer 3")
    assert conversations.problem is None
    assert Conversations(tmp_path / "s").read_history("a") == turn(3)


# What language models saw


def exchange(before: int, text: str = "Alpha.") -> Exchange:
    passage = Passage("pumps", "1.0", "manual.pdf", "Manual", 1, 1, None, "", text, 1.0)
    sent = continue_conversation("What?", [passage], (), 64, lambda prompt: True)
    return Exchange(sent.exchange.user, "So [1].", (passage,), 1, before)


def test_exchanges_come_back_as_they_were_with_turns_of_others_in_between(
    conversations: Conversations,
) -> None:
    first, second = exchange(0), exchange(2, "Beta.")
    conversations.append("a", "question 1", "answer 1", first)
    conversations.append("a", "question 2", "answer 2 [1].")
    conversations.append("a", "question 3", "answer 3", NOT_SENT)
    conversations.append("a", "question 4", "answer 4", second)
    assert conversations.read_exchanges("a") == (
        first,
        make_plain_exchange("question 2", "answer 2."),
        second,
    )
    assert conversations.read_history("a")[-2:] == turn(4)


def test_a_prompt_goes_on_from_where_the_last_one_began(conversations: Conversations) -> None:
    for before in (0, 1, 2, 1):
        conversations.append("a", "question", "answer", exchange(before, f"Passage {before}."))
    conversations.append("a", "question 9", "answer 9")
    assert [one.before for one in conversations.read_exchanges("a")] == [2, 1, None]


def test_the_passages_of_turns_long_ago_are_forgotten(
    conversations: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.conversations.KEPT_EXCHANGES", 2)
    for n in range(3):
        conversations.append(f"{n}", "question 1", "answer 1", exchange(0))
    assert [bool(conversations.read_exchanges(f"{n}")[0].passages) for n in range(3)] == [False, True, True]


def test_of_turns_that_no_model_saw_the_last_ones_come_back(conversations: Conversations) -> None:
    for n in range(5):
        conversations.append("a", f"question {n}", f"answer {n}")
    assert conversations.read_exchanges("a") == (
        make_plain_exchange(*_texts(3)),
        make_plain_exchange(*_texts(4)),
    )
    assert conversations.read_exchanges("b") == ()


def _texts(n: int) -> tuple[str, str]:
    return f"question {n}", f"answer {n}"


def test_a_database_of_an_older_edge_is_read_and_goes_on(tmp_path: Path) -> None:
    old = open_writable(tmp_path / "s")
    old.execute(
        "CREATE TABLE turn(id INTEGER PRIMARY KEY, conversation TEXT NOT NULL,"
        " question TEXT NOT NULL, answer TEXT NOT NULL)"
    )
    old.execute("INSERT INTO turn(conversation, question, answer) VALUES ('a', 'question 1', 'answer 1')")
    old.close()
    with ThreadPoolExecutor(4) as threads:  # several processes may find it at the same time
        opened = [Conversations(tmp_path / "s") for _ in range(4)]
        histories = list(threads.map(lambda one: one.read_history("a"), opened))
    assert histories == [turn(1)] * 4
    opened[0].append("a", "question 2", "answer 2", exchange(1))
    assert opened[1].read_exchanges("a") == (make_plain_exchange("question 1", "answer 1"), exchange(1))


def test_an_exchange_that_cannot_be_read_is_a_plain_turn(tmp_path: Path) -> None:
    conversations = Conversations(tmp_path / "s")
    conversations.append("a", "question 1", "answer 1", exchange(0))
    conversations.close()
    database = open_writable(tmp_path / "s")
    database.execute("UPDATE turn SET exchange = '{\"user\": 1}'")
    database.close()
    assert conversations.read_exchanges("a") == (make_plain_exchange("question 1", "answer 1"),)


def test_turns_are_kept_for_so_many_days(tmp_path: Path) -> None:
    now = [1_790_000_000.0]
    conversations = Conversations(tmp_path / "s", days=30, clock=lambda: now[0])
    conversations.append("a", "question 1", "answer 1")
    now[0] += 29 * 86_400
    conversations.append("a", "question 2", "answer 2")
    assert conversations.read_history("a") == (*turn(1), *turn(2))
    now[0] += 2 * 86_400
    conversations.append("b", "question 3", "answer 3")
    assert conversations.read_history("a") == turn(2)
    conversations.close()


def test_turns_that_are_too_many_go_first_in_first_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.conversations.MAX_KEPT", 3)
    monkeypatch.setattr("edge.conversations.PRUNE_EVERY_S", 0)
    conversations = Conversations(tmp_path / "s")
    for n in range(5):
        conversations.append("a", f"question {n}", f"answer {n}")
    assert conversations.read_history("a") == (*turn(2), *turn(3), *turn(4))
    conversations.close()


def test_what_somebody_said_can_be_forgotten(tmp_path: Path) -> None:
    conversations = Conversations(tmp_path / "s")
    for name in ("a", "anna\na", "anna b\na", "ben\na"):
        conversations.append(name, "question 1", "answer 1")
    conversations.forget("anna")
    left = [name for name in ("a", "anna\na", "anna b\na", "ben\na") if conversations.read_history(name)]
    assert left == ["a", "anna b\na", "ben\na"]
    conversations.forget("")
    assert conversations.read_history("a") == ()
    assert conversations.read_history("ben\na") == turn(1)
    conversations.close()
