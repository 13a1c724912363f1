"""One turn on the screen: the passages when they are found, the answer while it is written, then what was checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING

from edge.cli.screen import ALERT, CAREFUL, FAINT, MARK, STRONG, Part, Screen, clean, unsigned
from edge.types import Answer, Answered, Event, EvidenceFound, Passage, TokenStreamed

if TYPE_CHECKING:
    from rich.live import Live

CLIPPED = 5
"""Lines of a passage on a terminal, so that the answer stays in sight; piped, it is whole."""

_CITATION = re.compile(r"(\[\d+\])")


class TurnView:
    """Shows the events of turns. Provisional text is seen on a terminal only, and only until the answer is checked.

    Args:
        brief: name the passages, without their text.
    """

    def __init__(self, screen: Screen, brief: bool = False) -> None:
        self._screen = screen
        self._brief = brief
        self._provisional = ""
        self._live: Live | None = None

    def show(self, event: Event) -> None:
        """Show one event."""
        match event:
            case EvidenceFound(evidence):
                corrections(self._screen, evidence.corrections.items())
                show = places if self._brief else passages
                show(self._screen, evidence.passages)
                self._begin()
            case TokenStreamed(text):
                self._provisional += text
                self._update(self._provisional)
            case Answered(answer):
                self._end()
                show_answer(self._screen, answer)

    def __enter__(self) -> TurnView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _begin(self) -> None:
        self._provisional = ""
        if self._screen.styled:
            from rich.live import Live

            self._live = Live(console=self._screen.console, transient=True, auto_refresh=False)
            self._live.start()
            self._update("Reading …")

    def _update(self, text: str) -> None:
        if self._live is not None:
            from rich.text import Text

            self._live.update(Text(f"\n{clean(text)}", FAINT), refresh=True)

    def _end(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def passages(screen: Screen, found: Iterable[Passage]) -> None:
    """Passages with their text, numbered as an answer cites them."""
    for n, passage in enumerate(found, 1):
        if n > 1:
            screen.gap()
        place(screen, n, passage)
        screen.write(passage.text, indent=4, most=CLIPPED)


def places(screen: Screen, found: Iterable[Passage]) -> None:
    """Where the passages stand, a line or two each."""
    for n, passage in enumerate(found, 1):
        place(screen, n, passage)


def place(screen: Screen, n: int, passage: Passage) -> None:
    """Where one passage stands: document, page, pack, and the headings above it."""
    label = f" (printed {passage.page_label})" if passage.page_label else ""
    origin: list[Part] = [(f"  {passage.pack} {passage.version}", FAINT), *unsigned(passage.signed)]
    screen.write((f"{passage.document}, {pages(passage)}{label}", STRONG), *origin, lead=f"[{n}] ")
    if passage.heading:
        screen.write((passage.heading, MARK), indent=4)


def pages(passage: Passage) -> str:
    """``page 12`` or ``pages 12-13``."""
    if passage.page_from == passage.page_to:
        return f"page {passage.page_from}"
    return f"pages {passage.page_from}-{passage.page_to}"


def corrections(screen: Screen, slips: Iterable[tuple[str, str]]) -> None:
    """Words that were read as others."""
    for word, meant in slips:
        screen.write((f"Read '{word}' as '{meant}'.", FAINT))


def show_answer(screen: Screen, answer: Answer) -> None:
    """The checked answer, the warnings that apply word for word, and where everything stands."""
    screen.heading("Answer")
    screen.write(*_with_marks(answer.text))
    if answer.warnings:
        screen.heading("Warning" if len(answer.warnings) == 1 else "Warnings", ALERT)
        for warning in answer.warnings:
            screen.write((warning.text, STRONG), (f" [{warning.citation}]", MARK), lead="! ")
    if answer.unverified:
        screen.heading("Left out", CAREFUL)
        screen.write(f"No cited page contains {', '.join(answer.unverified)}.")
    if answer.citations:
        screen.heading("Nearest page" if answer.refused else "Sources")
        for citation in answer.citations:
            place(screen, citation.n, citation.passage)
    if answer.notice:
        screen.gap()
        screen.write((answer.notice, CAREFUL), lead="Note: ")
    screen.gap()
    screen.write((_footer(answer), FAINT))


def _with_marks(text: str) -> Iterator[Part]:
    for piece in _CITATION.split(text):
        yield (piece, MARK) if _CITATION.fullmatch(piece) else piece


def _footer(answer: Answer) -> str:
    times = answer.timings_ms
    parts = [answer.engine]
    if "evidence" in times:
        parts.append(f"evidence in {times['evidence']:.0f} ms")
    if "total" in times:
        parts.append(f"{times['total'] / 1000:.1f} s in all")
    return ", ".join(parts)
