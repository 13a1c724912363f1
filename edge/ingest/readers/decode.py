"""Bytes to text for the formats that are text: byte order mark, declared encoding, UTF-8, at last a guess.

A guess goes by what every encoding makes of the bytes above 127. The right one turns them into letters of one language,
a wrong one puts signs between letters and letters of several languages into one text.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Mapping

MAX_CONTROLS = 0.01
"""Share of characters that no text has. Text garbled by a wrong encoding has none; random bytes have 8 %."""
SAMPLE = 65_536
"""Bytes that a guess looks at."""
MIN_FIT = 0.9
"""Share of the letters above 127 that must belong to the language of another encoding than Windows-1252."""
POOR_FIT = 0.5
"""A share of them in Windows-1252 that is worth a word to the publisher."""


class NotTextError(ValueError):
    """The bytes are not text in any known encoding."""


_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffd]")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_USUAL = "cp1252"
_ALPHABETS: Mapping[str, tuple[str, ...]] = {
    "cp1252": ("äöüß", "àâæçéèêëîïôœùûüÿ", "áéíñóúüºª", "àèéìíîòóùú", "ãáàâçéêíóôõúºª", "åäöéæø", "èéëïöü"),
    "cp1250": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čćđšž", "ăâîşţ"),
    "cp1254": ("çğıöşüâî",),
    "cp1251": ("абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґў",),
    "cp1253": ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",),
    "cp437": ("äöüß", "éèàùâêîôûç"),
    "mac_roman": ("äöüß", "éèàùâêîôûç"),
    "koi8-r": ("абвгдеёжзийклмнопрстуфхцчшщъыьэюя",),
}
"""Letters above 127 of the languages that an encoding is used for. The first encoding wins a tie."""
_WIDE = ("shift_jis", "euc_kr", "gb18030", "big5")
"""Encodings that write a character in two bytes."""
_HIGH_RUN = re.compile(rb"[\x81-\xfe][\x40-\xfe]+")
_NAMES = {"cp437": "DOS (code page 437)", "mac_roman": "Mac OS Roman", "koi8-r": "KOI8-R", "shift_jis": "Shift JIS",
          "euc_kr": "EUC-KR", "gb18030": "GB 18030", "big5": "Big5", "utf-16-le": "UTF-16",
          "utf-16-be": "UTF-16"}  # fmt: skip


def decode(data: bytes, declared: str | None = None) -> tuple[str, tuple[str, ...]]:
    """Decode by byte order mark, then as declared, then as UTF-8, at last by a guess.

    Returns:
        The text, and a sentence for the publisher where the encoding was guessed and is no usual one.

    Raises:
        NotTextError: the bytes are no text.
    """
    text, guessed = _decode(data, declared)
    if len(_CONTROL.findall(text)) > MAX_CONTROLS * len(text):
        raise NotTextError
    notes: tuple[str, ...] = ()
    if guessed:
        name = _NAMES.get(guessed) or guessed.replace("cp", "Windows-")
        notes = (
            f"Read as {name}, since the file does not say its encoding: save it as UTF-8 if letters look wrong.",
        )
    return text.replace("\r\n", "\n").replace("\r", "\n"), notes


def _decode(data: bytes, declared: str | None) -> tuple[str, str]:
    """Return the text, and its encoding if that was guessed with doubt."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace"), ""
    if wide := _find_utf16(data):
        return data.decode(wide, "replace"), wide
    for encoding in filter(None, (declared, "utf-8")):
        try:
            return data.decode(encoding), ""
        except (LookupError, UnicodeError, ValueError):
            continue
    guessed = _guess(data[:SAMPLE])
    return data.decode(guessed or _USUAL, "replace"), guessed


def _find_utf16(data: bytes) -> str:
    """Return the byte order of UTF-16 without a mark: every other byte of its Latin text is zero."""
    even, odd = data[:SAMPLE:2], data[1:SAMPLE:2]
    for zeros, others, encoding in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if len(data) % 2 == 0 and 2 * zeros.count(0) > len(zeros) and 20 * others.count(0) < len(others):
            return encoding
    return ""


def _guess(sample: bytes) -> str:
    """Return an encoding; an empty string for the usual one."""
    high = sum(byte > 127 for byte in sample)
    if wide := _guess_wide(sample, high):
        return wide
    usual = best_fit = _measure_fit(sample, _USUAL)
    best = "" if usual >= POOR_FIT else _USUAL
    for encoding in _ALPHABETS:
        fit = _measure_fit(sample, encoding)
        if fit > best_fit and fit >= MIN_FIT:
            best, best_fit = encoding, fit
    return best


def _measure_fit(sample: bytes, encoding: str) -> float:
    """Return the share of the letters above 127 that one language has; signs between letters count against it."""
    text = sample.decode(encoding, "replace")
    letters: Counter[str] = Counter()
    strange = 0
    for before, sign, after in zip(f" {text}", text, f"{text[1:]} ", strict=False):
        if sign < "\x80":
            continue
        if sign.isalpha() and sign not in "µªº":
            # A capital inside a word of small letters is as strange there as a sign.
            odd_case = sign.isupper() and before.islower()
            letters[sign.lower()] += not odd_case
            strange += odd_case
        else:
            strange += before.isalpha() and after.isalpha() and sign not in "’‘´·"
    total = letters.total() + strange
    known = max(sum(letters[letter] for letter in alphabet) for alphabet in _ALPHABETS[encoding])
    return known / total if total else float(encoding == _USUAL)


def _guess_wide(sample: bytes, high: int) -> str:
    """Return an encoding of Chinese, Japanese or Korean, where bytes above 127 stand in runs; else empty."""
    in_runs = sum(len(run) for run in _HIGH_RUN.findall(sample) if len(run) > 3)
    if in_runs < 0.8 * high or high < 4:
        return ""
    for encoding in _WIDE:
        text = codecs.getincrementaldecoder(encoding)("replace").decode(sample)
        wide = [sign for sign in text if sign > "\xff"]
        if "\ufffd" in text or not wide or (encoding == "shift_jis" and not any(map(_is_kana, wide))):
            continue
        if sum(_is_usual(sign, encoding) for sign in wide) >= 0.9 * len(wide):
            return encoding
    return ""


def _is_kana(sign: str) -> bool:
    return "\u3041" <= sign <= "\u30ff"


def _is_usual(sign: str, encoding: str) -> bool:
    """Return whether a character is among the frequent ones of an encoding, or a mark of punctuation."""
    if "\u3000" <= sign <= "\u30ff" or "\uff00" <= sign <= "\uff60" or sign in "“”‘’…—℃±×":
        return True
    lead = sign.encode(encoding)[0]
    match encoding:
        case "gb18030":
            return 0xB0 <= lead <= 0xD7
        case "big5":
            return 0xA4 <= lead <= 0xC6
        case "euc_kr":
            return "\uac00" <= sign <= "\ud7a3"
    return 0x88 <= lead <= 0x97 or lead >= 0xE0
