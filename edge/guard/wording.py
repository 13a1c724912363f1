"""The words that decide what the values of a sentence mean: names, opposites, limits, "not", each or in all. Pure."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Literal

from edge.text.quantities import name_quantity
from edge.text.values import Value, normalise_characters
from edge.text.words import STOP_WORDS, split_words

Bound = Literal["lower", "upper"]

_OPPOSITES = """
open öffn / close shut schließ; on / off; start run / stop stopp; raise rais / lower; upper top / lower bottom; high
higher highest / low lower lowest; increase / decrease reduce; tighten / loosen; lit / dark; before vor / after nach;
above / below under; series / parallel; hot warm / cold; inlet / outlet; input / output; inside inner / outside outer;
front vorn / rear back behind hint; left links / right rechts; oben / unten; horizontal / vertical; full / empty; dry
/ wet oiled lubricated; new / used worn; slow slowly / fast quickly; steady / blink blinks flash flashes; clockwise /
counterclockwise anticlockwise; connect / disconnect; enable / disable; insert / remove; long / short; positive /
negative; internal / external; heat / cool; charge / discharge; manual / automatic; thick / thin; wide / narrow; hard
/ soft; summer / winter; single / double; first / second / third / last; maximum maximal max / minimum minimal min;
red / green / yellow / blue / black / white / brown / grey gray / orange; shift / day daily tag täglich / week weekly
woche wöchentlich / month monthly monat monatlich / year yearly annual jahr jährlich
"""
"""Groups of words that exclude each other, each with its sides; a side is the words of one meaning."""

_IGNORED = """need require set use should must shall may give recommend mean sure ensure follow accord state indicate
    approximately about around please more most less least fewer limit within der die das den dem des ein eine einer
    einem einen und oder ist sind wird werden muss müssen von bei auf an im zu zum zur alle sie sich nicht darf kann für
    höchstens mindestens"""
_ENDING = re.compile(r"(?:ing|ed|es|s|e|en)$")
_LENGTH = 5
_SAME = {"max": "maxim", "min": "minim"}
_PLAIN_LETTERS = str.maketrans("äöüéèáóñ", "aoueeaon")
_JOINED = re.compile(r"(?<=[a-z])-(?=(?:up|down|in|out|on|off)\b)", re.IGNORECASE)
_LETTER = re.compile(r"(?<=[A-Za-z] )[A-Z](?![\w-])")


def _shorten(word: str) -> str:
    word = word.translate(_PLAIN_LETTERS)
    stem = _ENDING.sub("", word) if len(word) > 4 else word
    return _SAME.get(word) or (stem[:-1] + "y" if stem.endswith("i") else stem)[:_LENGTH]


_KEPT = frozenset(word for word in re.findall(r"\w+", _OPPOSITES))
_SIDES: dict[str, dict[object, object]] = {}
for _group, _words in enumerate(_OPPOSITES.split(";")):
    for _side, _names in enumerate(_words.split("/")):
        for _name in _names.split():
            _SIDES.setdefault(_shorten(_name), {})[_group] = _side
LIMITING = frozenset(map(_shorten, "above below under lower higher maximum minimum".split()))
"""Opposites that a limit already judges: "not above" is "below"."""
_DROPPED = frozenset(map(_shorten, _IGNORED.split()))

_COUNTED = {
    word: number
    for words in (
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
        seventeen eighteen nineteen""",
        "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
    )
    for number, word in enumerate(words.split())
}
_TENS = {w: 10 * n for n, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_UP_TO_NINE = "|".join(w for w, n in _COUNTED.items() if 0 < n < 10)
_NUMBER_WORD = re.compile(
    rf"\b(?:(?P<hundreds>{_UP_TO_NINE}|a) hundred|(?P<tens>{'|'.join(_TENS)})(?:[- ](?P<ones>{_UP_TO_NINE}))?"
    rf"|(?P<small>{'|'.join(sorted(_COUNTED, key=len, reverse=True))}))\b(?!-)",
    re.IGNORECASE,
)
_HALF = re.compile(r"\band (?:a )?(half|quarter)(?: an?)?\b", re.IGNORECASE)
_PART = re.compile(r"\b(?:an? )?(half|quarter)(?: of)?(?: an?)? (?=\w)", re.IGNORECASE)
_WITH = re.compile(r"\bwith (?:the |an? )?([a-z]\w+)", re.IGNORECASE)
_WITHOUT = re.compile(r"\bwithout(?: it| them)?(?=\W*$|[.,;])", re.IGNORECASE)
_ONE = re.compile(r"^(\W*)One (?=[a-z])")
_TIME = re.compile(
    r"(?<=\d )(?:operating|working|running|service|full) (?=(?:hours?|days?|weeks?|months?|years?)\b)"
)
_MINUS = re.compile(r"\b(?:minus|negative)\s+(?=\d)", re.IGNORECASE)
_SQUARE = re.compile(r"\b(square|cubic)\s+([a-z]+)", re.IGNORECASE)
_MARKUP = re.compile("\\\\(?:mathrm|text|mathbf)|\\\\[,;: ]|[*`${}\u200b-\u200d\u2060\ufeff\xad]")

_NOT = re.compile(
    r"(?:\b(?:not|never|cannot|no(?![.,])|neither|nor|without|ohne|nicht|nie|kein\w*)\b|n't\b)(?! (?:only|until))",
    re.IGNORECASE,
)
_MORE = r"(?!(?:less|fewer|low|small|short|thin|light|narrow|earli|cold|cool|slow)\w*)(?:more|\w{3,}er) than"
_LESS = r"(?:less|fewer|lower|smaller|shorter|thinner|lighter|narrower|earlier|colder|cooler|slower) than"
_PHRASE_END = re.compile(r"[,:]|\b(?:and|or|but|und|oder)\b")
_FIGURE = r"\s+(?:[^\W\d]+ ){0,3}?[-+]?\.?\d"
_OVER = re.compile(rf"\b(?:{_MORE}|over|above|beyond|exceed\w*|über){_FIGURE}|überschreit", re.IGNORECASE)
_UNDER = re.compile(rf"\b(?:{_LESS}|below|under|unter){_FIGURE}|unterschreit", re.IGNORECASE)
_LOWER = re.compile(
    r"\bat least\b(?! (?:once )?every)|(?<![\d.] )(?<!\d)\bmin(?:imum|imal|\.|\b)|\bmindest\w*|\blowest\b"
    r"|[≥>]=?\s*[-+]?\d|\bor (?:more|longer|later|higher|newer|above|greater|over)\b",
    re.IGNORECASE,
)
_UPPER = re.compile(
    r"\bat (?:the )?most|\bat least (?:once )?every|\bmax(?:imum|imal|\.|\b)|\bhöchst\w*|\bup to\b|\bhighest\b"
    r"|\blongest\b|\bwithin\b|[≤<]=?\s*[-+]?\d|\bas (?:much|many|long) as\b"
    r"|\bor (?:less|fewer|shorter|lower|below|under)\b",
    re.IGNORECASE,
)
_JOINER = re.compile(r"[^\W\d]*\S{0,3}\s?(?:-|to|and|\.\.\.?|up to|through|until|bis|und)\s?", re.IGNORECASE)
_EACH = re.compile(r"^\W*(?:an?|one)\b|\b(?:each|every|per|apiece|je|pro)\b(?!\s+\d)", re.IGNORECASE)
_TOTAL = re.compile(
    r"\b(?:total(?:ly)?|together|altogether|overall|in all|combined|sum|insgesamt)\b", re.IGNORECASE
)


def write_plainly(text: str) -> str:
    """Write hidden numbers as digits: HTML entities, emphasis, TeX, ``minus 5``, ``fifty-five``, ``half a turn``."""
    text = normalise_characters(_MARKUP.sub("", html.unescape(text) if "&" in text else text))
    text = _SQUARE.sub(lambda m: f"{m[2]}{'²' if m[1].lower() == 'square' else '³'}", text)
    if with_what := _WITH.search(text):
        text = _WITHOUT.sub(f"without {with_what[1]}", text)
    text = _ONE.sub(r"\1A ", text)
    text = _HALF.sub(
        lambda m: "1/2" if m[1].lower() == "half" else "1/4", _NUMBER_WORD.sub(_write_number, text)
    )
    text = _PART.sub(lambda m: "1/2 " if m[1].lower() == "half" else "1/4 ", text)
    return _TIME.sub("", _MINUS.sub("-", text))


def _write_number(match: re.Match[str]) -> str:
    if match["hundreds"]:
        return str(100 * _COUNTED.get(match["hundreds"].lower(), 1))
    if match["tens"]:
        return str(_TENS[match["tens"].lower()] + _COUNTED.get((match["ones"] or "").lower(), 0))
    return str(_COUNTED[match["small"].lower()])


def find_words(text: str) -> list[str]:
    """Find the words that name things, shortened so that ``evaporates`` and ``Evaporating`` are one."""
    found = [_shorten(word) for word in split_words(_JOINED.sub("", text)) if _is_name(word)]
    return [word for word in found if word not in _DROPPED] + [
        f"={letter}" for letter in _LETTER.findall(text)
    ]


def find_neighbours(text: str) -> Iterator[tuple[str, str]]:
    """Find the pairs of words that stand side by side and both name something."""
    words = [word for word in split_words(_JOINED.sub("", text)) if word not in ("the", "a", "an")]
    for first, second in itertools.pairwise(words):
        if _is_name(first) and _is_name(second):
            yield _shorten(first), _shorten(second)


def _is_name(word: str) -> bool:
    if len(word) < 2 or any(map(str.isdigit, word)):
        return False
    return word in _KEPT or word not in STOP_WORDS


def find_negated(text: str) -> frozenset[str]:
    """Find the words that a text says not to be so: the one behind each "not" that makes no limit."""
    denied = [_PHRASE_END.split(text[match.end() :])[0] for match in _NOT.finditer(text)]
    return frozenset(
        word
        for part in denied
        if not (_OVER.search(part) or _UNDER.search(part))
        for word in find_words(part)[:1]
    )


@lru_cache(20_000)
def _read_sides(token: str) -> Mapping[object, object]:
    """Name what a word or value could be taken for: a group of opposites, the shape of a code, a kind of quantity."""
    if token in _SIDES:
        return _SIDES[token]
    if token.startswith("="):
        return {"letter": token}
    number, _, unit = token.partition(" ")
    if unit and number[-1:].isdigit():
        kind = name_quantity(unit) or unit.removesuffix(" AC").removesuffix(" DC")
        return {kind: token}
    if re.fullmatch(r"-?\d+(?:/\d+)?", token):
        return {"number": token}
    return {re.sub(r"\d+", "0", token): token} if any(map(str.isdigit, token)) else {}


def are_alternatives(one: str, other: str) -> bool:
    """Tell whether two words or forms of values exclude each other: left and right, M10 and M12, 5 s and 8 s."""
    mine, theirs = _read_sides(one), _read_sides(other)
    return any(kind in theirs and theirs[kind] != side for kind, side in mine.items())


def name_kinds(token: str) -> frozenset[object]:
    """Name the kinds of which a word or the form of a value is one."""
    return frozenset(_read_sides(token))


def find_bound(text: str) -> Bound | None:
    """Tell whether a text gives a lower or an upper limit; None where it gives neither or both."""
    negated = bool(_NOT.search(text))
    over, under = bool(_OVER.search(text)), bool(_UNDER.search(text))
    lower = bool(_LOWER.search(text)) or (under if negated else over)
    upper = bool(_UPPER.search(text)) or (over if negated else under)
    if lower == upper:
        return None
    return "lower" if lower else "upper"


def find_bounds(text: str, values: tuple[Value, ...]) -> dict[str, Bound]:
    """Find the limit that each value is, by its form: by the words around it, or as the end of a range."""
    found: dict[str, Bound] = {}
    spans = list(_locate(text, values))
    for position, (value, _, end) in enumerate(spans):
        before = text[spans[position - 1][2] if position else 0 : end]
        behind = re.split("[:;,.]", text[end:])[0].split()[:3]
        if value.form.lstrip("-")[0].isdigit() and (bound := find_bound(" ".join([before, *behind]))):
            found.setdefault(value.form, bound)
    for low, high in find_ranges(text, values):
        found[low.form], found[high.form] = "lower", "upper"
    return found


def find_ranges(text: str, values: tuple[Value, ...]) -> Iterator[tuple[Value, Value]]:
    """Find the pairs of values that are the two ends of a range."""
    spans = list(_locate(text, values))
    for (low, start, end), (high, begin, _) in itertools.pairwise(spans):
        between = text[end:begin]
        if not name_kinds(low.form) & name_kinds(high.form) or not _JOINER.fullmatch(between):
            continue
        if not re.search(r"\b(?:and|und)\b", between) or re.search(
            r"\b(?:between|zwischen)\s*$", text[:start], re.IGNORECASE
        ):
            yield low, high


def _locate(text: str, values: tuple[Value, ...]) -> Iterator[tuple[Value, int, int]]:
    """Find where the values stand in their text; a unit shared with a later number does not stand beside its own."""
    position = 0
    for value in values:
        for written in (value.text, value.text.split()[0]):
            if (start := text.find(written, position)) >= 0:
                position = start + len(written)
                yield value, start, position
                break


def agree_in_number(one: str, other: str) -> bool:
    """Tell whether it is not so that one text speaks of each and the other of all together."""
    each, total = (
        [bool(_EACH.search(text)) for text in (one, other)],
        [bool(_TOTAL.search(text)) for text in (one, other)],
    )
    return not ((each[0] and total[1] and not each[1]) or (each[1] and total[0] and not each[0]))
