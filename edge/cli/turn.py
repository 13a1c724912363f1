"""One turn on the screen: the passages when they are found, the answer while it is written, then what was checked."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from edge.cli.screen import ALERT, CAREFUL, FAINT, MARK, STRONG, Part, Screen, clean, unsigned
from edge.types import Answer, Answered, Event, Evidence, EvidenceFound, Passage, TokenStreamed

if TYPE_CHECKING:
    from rich.live import Live

    from edge.packs.store import PackStore

EXCERPT, LONGER = 3, 6
"""Lines shown of an answer's first passage, so that the answer stays in sight, and of each one that is searched."""

NARROW = 8
"""Columns that are worth beginning a heading in."""

BREADCRUMB = " > "
Packs = tuple[tuple[str, str, bool], ...]
_CITATION = re.compile(r"(\[\d+\])")


class TurnView:
    """Shows the events of turns. Provisional text is seen on a terminal only, and only until the answer is checked.

    Args:
        brief: name the passages, without an excerpt of the first.
    """

    def __init__(self, screen: Screen, brief: bool = False) -> None:
        self._screen = screen
        self._brief = brief
        self._provisional = ""
        self._packs: Packs = ()
        self._live: Live | None = None

    def show(self, event: Event) -> None:
        """Show one event."""
        match event:
            case EvidenceFound(evidence):
                self._packs = packs_of(evidence.passages)
                corrections(self._screen, evidence.corrections.items())
                found(self._screen, evidence, 0 if self._brief else EXCERPT)
                self._begin()
            case TokenStreamed(text):
                self._provisional += text
                self._update(self._provisional)
            case Answered(answer):
                self._end()
                show_answer(self._screen, answer, several=len(self._packs) > 1)

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


def left_out(store: PackStore) -> None:
    """Say on standard error which packs cannot be searched: their answers would be missed unnoticed."""
    for problem in store.problems() if store.list() else ():  # without any, the question itself fails
        screen = Screen(sys.stderr)
        screen.write(f"'{problem.name}' is left out: {problem.error.message}", lead=("note: ", CAREFUL))
        screen.write(problem.hint, lead=("hint: ", FAINT))


def found(screen: Screen, evidence: Evidence, lines: int) -> None:
    """What was found, a line a passage, numbered as an answer cites them; ``lines`` of the first one to read."""
    several = origin(screen, evidence.passages)
    for n, passage in enumerate(evidence.passages, 1):
        lead, parts = f"[{n}] ", place(passage, several)
        room = screen.width - len(lead) - sum(len(text) for text, _ in parts) - 2
        if passage.heading and room >= NARROW:
            parts.append((f"  {trail(passage.heading, room)}", MARK))
        screen.write(*parts, lead=lead, most=1 if room >= NARROW else None)
        if n == 1 and lines:
            _excerpt(screen, passage.text, evidence.query, lines)


def passages(screen: Screen, evidence: Evidence, full: bool) -> None:
    """What was found, each passage with its headings and an excerpt, or its whole text."""
    several = origin(screen, evidence.passages)
    for n, passage in enumerate(evidence.passages, 1):
        screen.gap()
        whole(screen, n, passage, several, text=full)
        if not full:
            _excerpt(screen, passage.text, evidence.query, LONGER)


def whole(screen: Screen, n: int, passage: Passage, several: bool, text: bool = True) -> None:
    """One passage with all its headings, and its text."""
    screen.write(*place(passage, several), lead=f"[{n}] ")
    if passage.heading:
        screen.write((passage.heading, MARK), indent=4)
    if text:
        screen.write(passage.text, indent=4)


def origin(screen: Screen, passages: Sequence[Passage]) -> bool:
    """Name the packs that passages come from, each once and with its mark; are there several?"""
    packs = packs_of(passages)
    parts: list[Part] = []
    for name, version, signed in packs:
        parts += [", " if parts else "Found in ", (f"{name} {version}", STRONG), *unsigned(signed)]
    if parts:
        screen.write(*parts)
    return len(packs) > 1


def packs_of(passages: Iterable[Passage]) -> Packs:
    """The packs that passages come from, each once: name, version and whether it is signed."""
    return tuple(dict.fromkeys((p.pack, p.version, p.signed) for p in passages))


def place(passage: Passage, several: bool) -> list[tuple[str, str]]:
    """Where one passage stands: document and page, and the pack when passages come from ``several``."""
    label = f" (printed {passage.page_label})" if passage.page_label else ""
    parts = [(f"{passage.document}, {pages(passage)}{label}", STRONG)]
    return [*parts, (f"  {passage.pack}", FAINT)] if several else parts


def trail(heading: str, room: int) -> str:
    """The last two parts of a breadcrumb where they fit, else the last one."""
    parts = heading.split(BREADCRUMB)
    two = BREADCRUMB.join(parts[-2:])
    return two if len(two) <= room else parts[-1]


def _excerpt(screen: Screen, text: str, query: str, most: int) -> None:
    from edge.cli.excerpt import excerpt

    for line in excerpt(clean(text), query, screen.width - 6, most):
        screen.write(line, indent=4)


def pages(passage: Passage) -> str:
    """``page 12`` or ``pages 12-13``."""
    if passage.page_from == passage.page_to:
        return f"page {passage.page_from}"
    return f"pages {passage.page_from}-{passage.page_to}"


def corrections(screen: Screen, slips: Iterable[tuple[str, str]]) -> None:
    """Words that were read as others."""
    for word, meant in slips:
        screen.write((f"Read '{word}' as '{meant}'.", FAINT))


def missing(screen: Screen, codes: Sequence[str]) -> None:
    """Codes that nothing searched mentions."""
    if codes:
        screen.write((f"No installed pack mentions {' or '.join(codes)}.", CAREFUL))


def show_answer(screen: Screen, answer: Answer, several: bool = False) -> None:
    """The checked answer, the warnings that apply word for word, and where it stands.

    ``several``: the evidence above it came from more than one pack.
    """
    screen.heading("Answer")
    screen.write(*_with_marks(answer.text))
    for warning in answer.warnings:
        screen.write((warning.text, ALERT), (f" [{warning.citation}]", MARK), lead=("! ", ALERT))
    if answer.unverified:
        screen.write(f"No cited page contains {', '.join(answer.unverified)}.", lead=("Left out: ", CAREFUL))
    if answer.notice:
        screen.write((answer.notice, CAREFUL), lead="Note: ")
    if answer.citations and not answer.refused:  # a refusal names its page itself
        screen.heading("Sources")
        for citation in answer.citations:
            screen.write(*place(citation.passage, several), lead=f"[{citation.n}] ")
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
