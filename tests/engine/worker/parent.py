"""A worker process of one's own, spoken to in bare frames: many requests at once, no supervisor in between."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.engine.process.frames import Frame
from edge.engine.process.options import WorkerOptions
from edge.engine.process.process import WorkerProcess, make_command

LIMIT_S = 60
SYSTEM = "Answer from the passages."


@dataclass
class Answer:
    """What came back for a request."""

    text: str = ""
    pieces: list[str] = field(default_factory=list)
    logprobs: list[Any] = field(default_factory=list)
    done: Frame = field(default_factory=dict)
    error: str = ""
    busy: bool = False


class Parent:
    """Starts a worker and keeps what it says, request by request and in its order."""

    def __init__(self, model: Path, **options: Any) -> None:
        self._process = WorkerProcess(make_command(WorkerOptions(model, "generate", **options)))
        self.answers: dict[int, Answer] = {}
        self.ended: list[int] = []
        self.facts: Frame = self._receive()["ready"]

    def ask(self, text: str, max_tokens: int = 64, op: str = "generate", **sampling: Any) -> int:
        """Send a request; its number."""
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
        number = len(self.answers) + 1
        self.answers[number] = Answer()
        fields = {"messages": messages, "max_tokens": max_tokens, "sampling": sampling}
        self._process.send({"op": op, "id": number, **fields})
        return number

    def cancel(self, number: int) -> None:
        self._process.send({"op": "cancel", "id": number})

    def wait(self, *numbers: int) -> list[Answer]:
        """Wait until all of these requests have ended, and return their answers."""
        while not set(numbers) <= set(self.ended):
            self.listen()
        return [self.answers[number] for number in numbers]

    def until_written(self, *numbers: int) -> None:
        """Wait until these have something of their answers."""
        while not all(self.answers[number].text for number in numbers):
            self.listen()

    def answer(self, text: str, max_tokens: int = 64, op: str = "generate", **sampling: Any) -> Answer:
        """Make one request, and return its answer."""
        return self.wait(self.ask(text, max_tokens, op, **sampling))[0]

    def listen(self) -> None:
        """Take in one frame."""
        frame = self._receive()
        number = frame["id"]
        assert number not in self.ended, f"{frame} after the end"
        answer = self.answers[number]
        if "token" in frame:
            answer.text += frame["token"]
            answer.pieces.append(frame["token"])
            answer.logprobs += frame.get("logprobs", [])
            return
        answer.done, answer.error = frame.get("done", {}), frame.get("error", "")
        answer.busy = frame.get("busy", False)
        self.ended.append(number)

    def close(self) -> None:
        self._process.close()

    def _receive(self) -> Frame:
        frame = self._process.receive(LIMIT_S)
        assert frame is not None, f"nothing for {LIMIT_S} s"
        assert "ask" not in frame
        return frame


def get_texts(answers: Iterable[Answer]) -> list[str]:
    """Return what they say."""
    return [answer.text for answer in answers]
