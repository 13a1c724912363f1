"""Words of a text as the keyword index sees them, and which of a question's words carry its meaning."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from pathlib import PurePosixPath

from edge.database import make_stemmer

TOKENIZER = "porter unicode61 remove_diacritics 2"
"""How the keyword index divides text, in FTS5's words."""

_TITLE_WORD = re.compile(r"[^\W_]+")
_WORD = re.compile(r"\w+")

STOP_WORDS = frozenset(
    """a about again all also always am an and any are as at be because been being but by can cannot could
    did do does doing done don else even ever for from get gets getting give given go goes going gonna
    got had has have having he help her here hey hi him his how i if im in into is isn it its ive just
    keep keeps know let like ll lot make makes many may maybe me might mine much must my need needs no
    nor not of off ok on once one only or other our out over own please put re really s said same say
    says see seem seems shall she should so some somebody someone something still such supposed sure t
    take tell than thank thanks that the their them then there these they thing things think this those
    though to too try trying us use used using very want wants was way we well were what whats when where
    whether which while who whom whose why will with without won would yet you your yours""".split()
)
"""Dropped from questions (never from documents): they rank passages by chance. +8 points of nDCG on manuals."""


def split_words(text: str) -> list[str]:
    """Return lower-case words, runs of letters and digits; ``_`` separates as it does in the index.

    Letters typed as two characters (``u`` and a diaeresis, as macOS does) are composed: ``\\w`` would end a word there.
    """
    composed = unicodedata.normalize("NFC", text).replace("_", " ")
    return [word.lower() for word in _WORD.findall(composed)]


def find_content_words(text: str) -> list[str]:
    """Return the words that carry meaning, each once, in order; all of them when every word is a stop word."""
    found = list(dict.fromkeys(split_words(text)))
    return [word for word in found if word not in STOP_WORDS] or found


def make_title_words(title: str, name: str) -> str:
    """Return what the keyword index holds as title: the title and the words of the file name that it lacks."""
    known = {word.lower() for word in _TITLE_WORD.findall(title)}
    extra = [word for word in _TITLE_WORD.findall(PurePosixPath(name).stem) if word.lower() not in known]
    return " ".join([title, *extra])


class Stems:
    """Splits text into the index's own stems (porter over unicode61), so that Python and FTS5 agree on words."""

    def __init__(self) -> None:
        self._split: Callable[[str], list[str]] = make_stemmer(TOKENIZER)

    def split(self, text: str) -> list[str]:
        """Return all stems of a text in order."""
        return self._split(text)

    def split_content(self, text: str) -> list[str]:
        """Return the stems of the words that carry meaning, each once."""
        return list(dict.fromkeys(stem for word in find_content_words(text) for stem in self._split(word)))
