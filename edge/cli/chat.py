"""``edge chat``: answers one question after another; a follow-up may refer to what was said."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from edge.cli.options import EngineName, Equipment, Packs
from edge.cli.ui.screen import ALERT, FAINT, STRONG, Screen
from edge.errors import EdgeError

if TYPE_CHECKING:
    from edge.app import Edge
    from edge.types import Answer, Question

COMMANDS = {
    "/sources": "the passages of the last answer, whole",
    "/equipment [MODEL]": "answer for this equipment only; without MODEL, for all",
    "/new": "forget what was said",
    "/help": "this list",
    "/quit": "leave (or Ctrl-D); Ctrl-C stops an answer",
}


def chat(pack: Packs = None, equipment: Equipment = None, engine: EngineName = None) -> None:
    """Ask one question after another; /help lists more commands.

    The conversation is kept until you leave, so that follow-up questions are understood.
    """
    from edge import app
    from edge.cli.ui.turn import warn_of_unusable_packs
    from edge.config import load_settings
    from edge.types import Question

    with app.build(load_settings(), app.Mode.SESSION) as edge:
        edge.warm_up()
        warn_of_unusable_packs(edge.packs)
        question = Question("", equipment=equipment, packs=tuple(pack or ()), engine=engine)
        Chat(edge, question, Screen()).run()


class Chat:
    """A conversation on the screen. It holds the options of the next question, and the last answer."""

    def __init__(self, edge: Edge, question: Question, screen: Screen) -> None:
        self._edge = edge
        self._question = question
        self._screen = screen
        self._last: Answer | None = None

    def run(self) -> None:
        """Read and answer lines until the input ends."""
        with suppress(ImportError):
            import readline  # noqa: F401 - gives input() its editing keys and its history

        self._greet()
        while (line := self._read_line()) is not None:
            if line == "/quit":
                break
            try:
                self._handle(line)
            except EdgeError as error:
                self._screen.write((error.message, ALERT))
                self._screen.write(error.hint)
            except KeyboardInterrupt:
                self._screen.write(("Stopped.", STRONG))
            self._screen.write_gap()

    def _greet(self) -> None:
        packs = ", ".join(
            f"{pack.name} {pack.version}{'' if pack.signed else ' UNSIGNED'}"
            for pack in self._edge.packs.list()
        )
        state = f"Packs: {packs}." if packs else "No pack is installed: edge pack install FILE.kpack."
        self._screen.write((f"{state} /help lists commands.", FAINT))
        self._screen.write_gap()

    def _read_line(self) -> str | None:
        """Read the next line that is not empty; return None at the end of input. Ctrl-C clears what was typed."""
        while True:
            try:
                line = input("> " if self._screen.terminal else "").strip()
            except EOFError:
                return None
            except KeyboardInterrupt:
                self._screen.write_gap()
                continue
            if line:
                return line

    def _handle(self, line: str) -> None:
        command, _, argument = line.partition(" ")
        match command:
            case "/sources":
                self._show_sources()
            case "/equipment":
                self._question = replace(self._question, equipment=argument.strip() or None)
                self._screen.write(f"Equipment: {self._question.equipment or 'all'}.")
            case "/new":
                self._question = replace(self._question, conversation_id=None)
                self._last = None
                self._screen.write("New conversation.")
            case "/help":
                self._screen.write_table(("TYPE", "FOR"), COMMANDS.items())
            case _ if command.startswith("/"):
                self._screen.write(f"There is no {command}; /help lists what there is.")
            case _:
                self._ask(line)

    def _ask(self, text: str) -> None:
        from edge.cli.ui.interrupt import defer_interrupt
        from edge.cli.ui.turn import TurnView
        from edge.types import Answered

        with defer_interrupt() as stopped:
            try:
                with TurnView(self._screen, brief=True) as view:
                    for event in self._edge.assistant.answer(replace(self._question, text=text), stopped):
                        if stopped():
                            break
                        view.show(event)
                        if isinstance(event, Answered):
                            self._keep_answer(event.answer)
            except Exception:
                if not stopped():  # nobody waits for a turn that was stopped, nor for its error
                    raise
            if stopped():
                self._screen.write(("Stopped.", STRONG))

    def _keep_answer(self, answer: Answer) -> None:
        """Remember the answer, so that the next question continues its conversation."""
        self._question = replace(self._question, conversation_id=answer.conversation_id)
        self._last = answer

    def _show_sources(self) -> None:
        from edge.cli.ui.turn import show_origin, show_passage

        if self._last is None or not self._last.citations:
            self._screen.write("There is no answer with sources yet.")
            return
        several = show_origin(self._screen, [citation.passage for citation in self._last.citations])
        for citation in self._last.citations:
            show_passage(self._screen, citation.n, citation.passage, several)
