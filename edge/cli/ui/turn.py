"""Draws one turn: the passages when they are found, the answer while it is written, then the checked answer."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from edge.cli.ui.screen import ALERT, CAREFUL, FAINT, MARK, STRONG, Part, Screen, clean, mark_unsigned
from edge.prompt.template import format_file_place
from edge.types import Answer, Answered, Event, Evidence, EvidenceFound, Passage, TokenStreamed

if TYPE_CHECKING:
    from rich.live import Live

    from edge.packs.store import PackStore

EXCERPT, LONGER = 3, 6
"""Lines of the first passage above an answer, so that the answer stays in sight; lines of each passage of a search."""

MIN_HEADING = 8
"""A heading is written where at least so many columns are left."""

BREADCRUMB = " > "
Packs = tuple[tuple[str, str, bool], ...]
_CITATION = re.compile(r"(\[\d+\])")


class TurnView:
    """Shows the events of turns. Provisional text appears on a terminal only, until the checked answer replaces it.

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
                self._packs = collect_packs(evidence.passages)
                show_corrections(self._screen, evidence.corrections.items())
                show_evidence(self._screen, evidence, 0 if self._brief else EXCERPT)
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


def warn_of_unusable_packs(store: PackStore) -> None:
    """Write on standard error which packs cannot be searched, since nobody would notice that their answers are missing.

    Where no pack can be used, nothing is written: then the question itself fails.
    """
    for problem in store.find_problems() if store.list() else ():
        screen = Screen(sys.stderr)
        screen.write(f"'{problem.name}' is left out: {problem.error.message}", lead=("note: ", CAREFUL))
        screen.write(problem.hint, lead=("hint: ", FAINT))


def show_evidence(screen: Screen, evidence: Evidence, lines: int) -> None:
    """Write a line for each passage, numbered as an answer cites them, and ``lines`` lines of the first one."""
    several = show_origin(screen, evidence.passages)
    for n, passage in enumerate(evidence.passages, 1):
        lead, parts = f"[{n}] ", format_place(passage, several)
        columns = screen.width - len(lead) - sum(len(text) for text, _ in parts) - 2
        if passage.heading and columns >= MIN_HEADING:
            parts.append((f"  {shorten_breadcrumb(passage.heading, columns)}", MARK))
        screen.write(*parts, lead=lead, most=1 if columns >= MIN_HEADING else None)
        if n == 1 and lines:
            _show_excerpt(screen, passage.text, evidence.query, lines)


def show_passages(screen: Screen, evidence: Evidence, full: bool) -> None:
    """Write each passage with its headings and an excerpt, or with its ``full`` text."""
    several = show_origin(screen, evidence.passages)
    for n, passage in enumerate(evidence.passages, 1):
        screen.write_gap()
        show_passage(screen, n, passage, several, text=full)
        if not full:
            _show_excerpt(screen, passage.text, evidence.query, LONGER)


def show_passage(screen: Screen, n: int, passage: Passage, several: bool, text: bool = True) -> None:
    """Write one passage with all its headings, and its text."""
    screen.write(*format_place(passage, several), lead=f"[{n}] ")
    if passage.heading:
        screen.write((passage.heading, MARK), indent=4)
    if text:
        screen.write(passage.text, indent=4)


def show_origin(screen: Screen, passages: Sequence[Passage]) -> bool:
    """Write the packs that passages come from, and return True if there are several."""
    packs = collect_packs(passages)
    parts: list[Part] = []
    for name, version, signed in packs:
        parts += [", " if parts else "Found in ", (f"{name} {version}", STRONG), *mark_unsigned(signed)]
    if parts:
        screen.write(*parts)
    return len(packs) > 1


def collect_packs(passages: Iterable[Passage]) -> Packs:
    """Return the packs that passages come from, each once: name, version, signed."""
    return tuple(dict.fromkeys((p.pack, p.version, p.signed) for p in passages))


def format_place(passage: Passage, several: bool) -> list[tuple[str, str]]:
    """Return the document and page of a passage, and its pack when passages come from ``several``."""
    label = f" (printed {passage.page_label})" if passage.page_label else ""
    pages = f"{passage.document}, {format_pages(passage)}{label}"
    parts = [(format_file_place(passage) if passage.place else pages, STRONG)]
    return [*parts, (f"  {passage.pack}", FAINT)] if several else parts


def shorten_breadcrumb(heading: str, columns: int) -> str:
    """Return the last two parts of a breadcrumb where they fit, else the last one."""
    parts = heading.split(BREADCRUMB)
    two = BREADCRUMB.join(parts[-2:])
    return two if len(two) <= columns else parts[-1]


def _show_excerpt(screen: Screen, text: str, query: str, most: int) -> None:
    from edge.cli.ui.excerpt import cut_excerpt

    for line in cut_excerpt(clean(text), query, screen.width - 6, most):
        screen.write(line, indent=4)


def format_pages(passage: Passage) -> str:
    """Return ``page 12`` or ``pages 12-13``."""
    if passage.page_from == passage.page_to:
        return f"page {passage.page_from}"
    return f"pages {passage.page_from}-{passage.page_to}"


def show_corrections(screen: Screen, slips: Iterable[tuple[str, str]]) -> None:
    """Write which words were read as others."""
    for word, meant in slips:
        screen.write((f"Read '{word}' as '{meant}'.", FAINT))


def show_missing_codes(screen: Screen, codes: Sequence[str]) -> None:
    """Write the codes that no pack mentions."""
    if codes:
        screen.write((f"No installed pack mentions {' or '.join(codes)}.", CAREFUL))


def show_answer(screen: Screen, answer: Answer, several: bool = False) -> None:
    """Write the checked answer, its warnings word for word, and its sources.

    Args:
        several: the evidence above it came from more than one pack, so that each source names its own.
    """
    screen.write_heading("Answer")
    screen.write(*_mark_citations(answer.text))
    for warning in answer.warnings:
        screen.write((warning.text, ALERT), (f" [{warning.citation}]", MARK), lead=("! ", ALERT))
    if answer.unverified:
        screen.write(f"No cited page contains {', '.join(answer.unverified)}.", lead=("Left out: ", CAREFUL))
    if answer.notice:
        screen.write((answer.notice, CAREFUL), lead="Note: ")
    if answer.citations and not answer.refused:  # a refusal names its page itself
        screen.write_heading("Sources")
        for citation in answer.citations:
            screen.write(*format_place(citation.passage, several), lead=f"[{citation.n}] ")
    screen.write_gap()
    screen.write((_format_footer(answer), FAINT))


def _mark_citations(text: str) -> Iterator[Part]:
    for piece in _CITATION.split(text):
        yield (piece, MARK) if _CITATION.fullmatch(piece) else piece


def _format_footer(answer: Answer) -> str:
    times = answer.timings_ms
    parts = [answer.engine]
    if "evidence" in times:
        parts.append(f"evidence in {times['evidence']:.0f} ms")
    if "total" in times:
        parts.append(f"{times['total'] / 1000:.1f} s in all")
    return ", ".join(parts)
