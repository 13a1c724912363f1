"""What a pack's keyword index knows of words: how many chunks hold a stem, and which words there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

from edge.packs.pack import Pack

_words: WeakKeyDictionary[Pack, dict[str, int]] = WeakKeyDictionary()

_OPEN = "CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary USING fts5vocab(main, keyword, col)"
_COUNT = """
SELECT max(doc) FROM temp.vocabulary WHERE term = ? AND col IN ('heading', 'body', 'identifiers')
"""


def frequencies(packs: Sequence[Pack], stems: Iterable[str]) -> dict[str, int]:
    """The number of chunks that hold each stem in their heading, text or codes, over all packs.

    Titles are left out: their words stand in every row of a document.
    """
    counts = dict.fromkeys(stems, 0)
    for pack in packs:
        pack.connection.execute(_OPEN)
        for stem in counts:
            ((found,),) = pack.rows(_COUNT, (stem,))
            counts[stem] += found or 0
    return counts


def words(pack: Pack) -> dict[str, int]:
    """All words of a pack as written, lower case, with the number of chunks that hold them. Read once."""
    if pack not in _words:
        _words[pack] = {word: chunks for word, chunks in pack.rows("SELECT word, chunks FROM word")}
    return _words[pack]
