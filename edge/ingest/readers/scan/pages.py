"""Pictures of pages to words with their place, as the reader of PDF gets them from a page with text.

Pictures are straightened and read in as many threads as there are processors, few at a time, so that memory is bounded.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge.ingest.progress import report_progress
from edge.ingest.readers.characters import clean
from edge.ingest.readers.pdf.drawings import Rule
from edge.ingest.readers.pdf.fonts import Font
from edge.ingest.readers.pdf.lines import PageLines, lay_out_page
from edge.ingest.readers.pdf.page import PageContent
from edge.ingest.readers.pdf.words import Word
from edge.ingest.readers.scan.image import Ink, find_ink, find_rules, find_tilt
from edge.ingest.readers.scan.tesseract import PrintedWord, RecognitionError, find_languages, recognise

if TYPE_CHECKING:
    from PIL.Image import Image

DPI = 300.0
MAX_PIXELS = 24_000_000
MIN_CONFIDENCE = 0.3
"""Of a word that is kept; less sure ones are specks and lines of drawings."""
SURE_SIGN = 0.6
"""Of a sign that is no letter or digit."""
UPRIGHT = 0.75
"""Mean confidence of a page that lies upright; one upside down has 0.6."""
MIN_WORDS = 20
"""Words that tell the language of a document."""
EM = 1.08
"""Font size over the height that tesseract gives a line."""
BOLD = 1.28
"""Times the usual strength of strokes."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture of page ``number``, in gray, and the size of the page in points."""

    number: int
    image: Image
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Recognised:
    """Pages by number, as read from their pictures, and sentences about them for the publisher."""

    pages: dict[int, PageLines]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _ScannedPage:
    """A page as read from its picture and in which language, or why it was not read."""

    content: PageContent
    language: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Reading:
    """The words of a picture that was turned by quarter ``turn`` and then by ``tilt`` degrees, in pixels."""

    words: list[PrintedWord]
    rules: list[Rule]
    strokes: list[float]
    language: str
    turn: int
    tilt: float = 0.0
    has_ink: bool = True

    @property
    def weight(self) -> float:
        """How much was read for sure."""
        return sum(word.confidence * len(word.text) for word in self.words if word.confidence > 0.5)

    @property
    def confidence(self) -> float:
        """The mean confidence of its letters."""
        letters = sum(len(word.text) for word in self.words)
        return sum(word.confidence * len(word.text) for word in self.words) / letters if letters else 0.0


def choose_scale(width: float, height: float) -> float:
    """Return the pixels for a point to draw a page with."""
    wanted = DPI / 72
    return float(min(wanted, (MAX_PIXELS / max(width * height, 1.0)) ** 0.5))


def recognise_pages(pictures: Iterable[Picture], numbers: Sequence[int]) -> Recognised:
    """Read pages from their pictures, as far as tesseract is installed.

    The language is the installed one in which most of the first page is read for sure.

    Args:
        pictures: drawn when they are needed, few at a time.
        numbers: of the pages; one without a picture could not be drawn.
    """
    if not find_languages():
        note = f"{list_pages(numbers)}: not read, since this is a picture and tesseract is not installed."
        return Recognised({}, (note,))
    pages: dict[int, PageLines] = {}
    languages: set[str] = set()
    problems: dict[int, str] = {}
    for page in _read_pictures(pictures, find_languages()):
        report_progress()
        if page.problem:
            problems[page.content.number] = page.problem
            continue
        pages[page.content.number] = lay_out_page(page.content)
        languages.add(page.language)
    failed = [f"Page {number}: not read, text recognition failed: {why}." for number, why in problems.items()]
    undrawn = [number for number in numbers if number not in pages and number not in problems]
    failed += [f"{list_pages(undrawn)}: a picture that could not be drawn."] if undrawn else []
    return Recognised(pages, (*_describe(pages, languages), *failed))


def list_pages(numbers: Sequence[int]) -> str:
    """Return ``Page 4`` or ``Pages 1-3, 7``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    listed = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    return f"Page{'s' * (len(numbers) > 1)} {listed}"


def _describe(pages: dict[int, PageLines], languages: Iterable[str]) -> Iterator[str]:
    read = [number for number, page in pages.items() if page.lines]
    doubtful = [number for number in read if any(line.is_doubtful for line in pages[number].lines)]
    if read:
        yield f"{list_pages(read)}: read from a picture by tesseract ({', '.join(sorted(languages))})."
    if doubtful:
        yield f"{list_pages(doubtful)}: values that were hard to read are marked, to be compared with the page."
    if empty := [number for number, page in pages.items() if not page.lines]:
        yield f"{list_pages(empty)}: no text was recognised in the picture."


def _read_pictures(pictures: Iterable[Picture], languages: Sequence[str]) -> Iterator[_ScannedPage]:
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    waiting: deque[Future[_ScannedPage]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for picture in pictures:
            if len(languages) > 1:
                page = _read_page(picture, languages)
                languages = (page.language,) if len(page.content.words) >= MIN_WORDS else languages
                yield page
                continue
            waiting.append(pool.submit(_read_page, picture, languages))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _read_page(picture: Picture, languages: Sequence[str]) -> _ScannedPage:
    """Read a picture in the language in which most of it is read for sure."""
    try:
        readings = [_read_upright(picture, language) for language in languages]
    except RecognitionError as error:
        empty = PageContent(picture.number, picture.width, picture.height, [], [])
        return _ScannedPage(empty, problem=str(error))
    best = max(readings, key=lambda reading: reading.weight)
    return _ScannedPage(_make_content(picture, best), best.language)


def _read_upright(picture: Picture, language: str) -> _Reading:
    """Read a picture as it lies; turned by quarters, if little of it can be read that way."""
    best = _read_turned(picture, language, 0)
    if best.confidence < UPRIGHT and best.has_ink:
        turned = [_read_turned(picture, language, turn) for turn in (90, 270, 180)]
        best = max([best, *turned], key=lambda reading: reading.weight)
    return best


def _read_turned(picture: Picture, language: str, turn: int) -> _Reading:
    from PIL import Image as images

    image = picture.image.rotate(turn, expand=True) if turn else picture.image
    dpi = image.width / (picture.width if turn in (0, 180) else picture.height) * 72
    ink = find_ink(np.asarray(image))
    if not ink.any():
        return _Reading([], [], [], language, turn, has_ink=False)
    tilt = find_tilt(ink)
    if tilt:
        image = image.rotate(tilt, images.Resampling.BICUBIC, fillcolor=255)
        ink = find_ink(np.asarray(image))
    rules = find_rules(ink, dpi)
    bare = np.where(rules.ink, np.uint8(255), np.asarray(image))
    words = [word for word in recognise(images.fromarray(bare), dpi, language) if _is_word(word)]
    strokes = [_measure_stroke(ink & ~rules.ink, word) for word in words]
    return _Reading(words, rules.found, strokes, language, turn, tilt)


def _is_word(word: PrintedWord) -> bool:
    is_text = any(map(str.isalnum, word.text))
    return (
        word.confidence >= MIN_CONFIDENCE
        if is_text
        else word.confidence >= SURE_SIGN and bool(word.text.strip("|_"))
    )


def _measure_stroke(ink: Ink, word: PrintedWord) -> float:
    """Return the mean width of a word's strokes over its size."""
    part = ink[int(word.top) : int(word.bottom), int(word.left) : int(word.right)]
    starts = int(np.count_nonzero(part[:, 1:] & ~part[:, :-1]) + np.count_nonzero(part[:, :1]))
    return int(np.count_nonzero(part)) / max(starts, 1) / max(word.size, 1.0)


# -- as a page


def _make_content(picture: Picture, reading: _Reading) -> PageContent:
    """Return what was read in points of the page as it lies."""
    scale = picture.width / picture.image.width
    sizes = _even_sizes([word.size * scale * EM for word in reading.words], reading.words)
    letters = [(stroke, len(word.text)) for stroke, word in zip(reading.strokes, reading.words, strict=True)]
    usual = _find_median(letters)
    words = [
        Word(
            text=clean(word.text),
            left=word.left * scale,
            top=word.top * scale,
            right=word.right * scale,
            bottom=word.bottom * scale,
            baseline=word.baseline * scale,
            size=size,
            font=Font("scan", bold=stroke > BOLD * usual),
            confidence=word.confidence,
        )
        for word, size, stroke in zip(reading.words, sizes, reading.strokes, strict=True)
    ]
    rules = [
        Rule(rule.left * scale, rule.top * scale, rule.right * scale, rule.bottom * scale)
        for rule in reading.rules
    ]
    width, height = picture.width, picture.height
    if reading.turn in (90, 270):
        width, height = height, width
    return PageContent(
        picture.number, width, height, words, rules, is_picture=True, turn=reading.turn, tilt=reading.tilt
    )


def _find_median(weighted: Sequence[tuple[float, int]]) -> float:
    """Return the value below which half of the weight lies."""
    total = sum(weight for _, weight in weighted)
    seen = 0
    for value, weight in sorted(weighted):
        seen += weight
        if 2 * seen >= total:
            return value
    return 0.0


def _even_sizes(sizes: Sequence[float], words: Sequence[PrintedWord]) -> list[float]:
    """Return the font sizes with those near that of the text as this one: letters differ in height by their shape."""
    counts = Counter[float]()
    for size, word in zip(sizes, words, strict=True):
        counts[round(size * 2) / 2] += len(word.text)
    body = counts.most_common(1)[0][0] if counts else 0.0
    return [body if abs(size - body) <= 0.12 * body else round(size * 2) / 2 for size in sizes]
