"""Numbers and dates of a workbook as its cells show them: number formats of Office Open XML, the usual part of them."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from fractions import Fraction

BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??",
    18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 37: "#,##0", 38: "#,##0", 39: "#,##0.00",
    40: "#,##0.00", 45: "mm:ss", 46: "[h]:mm:ss", 48: "##0.0E+0",
}  # fmt: skip
"""Formats that files name by number alone. Those of dates are left out: they look otherwise in every country."""

Value = int | float | str | bool | datetime | date | time | timedelta

_LITERAL = re.compile(r'"([^"]*)"|\\(.)|_.|\*.|\[\$([^\]-]*)[^\]]*\]|\[[A-Za-z]+\]|\[Color ?\d+\]')
_DIGITS = re.compile(r"[#0?][#0?,]*(?:\.[#0?]*,*)?(?:E[+-]0+)?")
_FRACTION = re.compile(r"(?:([#0?]+) )?[#0?]+/[#0?]*(\d*)")
_DATE_PART = re.compile(r"\[(h+|m+|s+)\]|AM/PM|A/P|y+|m+|d+|h+|s+(?:\.0+)?", re.IGNORECASE)
_PLACE = "\ue000"
"""Stands for text that the format writes as it is; no document holds it, see ``characters.clean``."""


def format_value(value: Value, code: str = "") -> str:
    """Return a value as its cell shows it; without a format, as plain as possible."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return _format_number(value, code) if code and code.lower() != "general" else _format_plain(value)
    return _format_date(value, code) if code else _format_plain_date(value)


def _format_plain(value: float) -> str:
    return f"{value:.15g}" if abs(value) < 1e15 else f"{value:.10g}"


def _format_plain_date(value: datetime | date | time | timedelta) -> str:
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, datetime) and (value.hour, value.minute, value.second) == (0, 0, 0):
        value = value.date()
    if isinstance(value, datetime):
        return value.isoformat(" ", "minutes" if not value.second else "seconds")
    return value.isoformat() if isinstance(value, date) else value.strftime("%H:%M:%S").removesuffix(":00")


# -- numbers


def _format_number(value: float, code: str) -> str:
    sections = _split_sections(code)
    section = sections[0]
    if any("[" in part and re.search(r"\[[<>=]", part) for part in sections):
        return _format_plain(value)
    if value < 0 and len(sections) > 1:
        section, value = sections[1], -value
    elif value == 0 and len(sections) > 2:
        section = sections[2]
    texts: list[str] = []

    def hide(match: re.Match[str]) -> str:
        texts.append(next((group for group in match.groups() if group), ""))
        return _PLACE

    pattern = _LITERAL.sub(hide, section)
    shown = _fill_pattern(value, pattern)
    parts = shown.split(_PLACE)
    return "".join(part + text for part, text in zip(parts, [*texts, ""], strict=False)).strip()


def _split_sections(code: str) -> list[str]:
    return re.split(r';(?=(?:[^"]*"[^"]*")*[^"]*$)', code)


def _fill_pattern(value: float, pattern: str) -> str:
    if "%" in pattern:
        value *= 100
    if found := _FRACTION.search(pattern):
        return pattern[: found.start()] + _write_fraction(value, found) + pattern[found.end() :]
    groups = list(_DIGITS.finditer(pattern))
    if not groups:
        return pattern if pattern.replace(_PLACE, "").strip() or _PLACE in pattern else _format_plain(value)
    if len(groups) > 1:
        return _spread_digits(value, pattern)
    group = groups[0]
    number = _write_number(abs(value), group[0])
    sign = "-" if value < 0 and re.search(r"[1-9]", number) else ""
    return f"{sign}{pattern[: group.start()]}{number}{pattern[group.end() :]}"


def _write_number(value: float, group: str) -> str:
    digits, _, exponent = group.partition("E")
    scaled = digits.rstrip(",")
    value /= 1000 ** (len(digits) - len(scaled))
    whole, _, decimals = scaled.partition(".")
    places, least = len(decimals), decimals.count("0")
    if exponent:
        mantissa, _, power = f"{value:.{places}E}".partition("E")
        return f"{mantissa}E{power[0]}{power[1:].lstrip('0').rjust(len(exponent) - 1, '0')}"
    text = f"{value:{',' if ',' in whole else ''}.{places}f}"
    number, dot, fraction = text.partition(".")
    fraction = fraction[:least] + fraction[least:].rstrip("0")
    needed = whole.count("0")
    number = "" if number == "0" and not needed else number.rjust(needed, "0")
    return f"{number}{dot if fraction or not number else ''}{fraction}" or "0"


def _spread_digits(value: float, pattern: str) -> str:
    """Fill groups of digits with signs between them from the right: ``000-000`` shows 1234 as ``001-234``."""
    digits = list(str(round(abs(value))))
    shown: list[str] = []
    left = len(re.findall(r"[#0?]", pattern))
    for sign in reversed(pattern):
        if sign not in "#0?":
            shown.append(sign)
            continue
        left -= 1
        taken = [digits.pop()] if digits else ["0"] if sign == "0" else []
        shown += taken
        if not left:
            shown += reversed(digits)
    return ("-" if value < 0 else "") + "".join(reversed(shown))


def _write_fraction(value: float, found: re.Match[str]) -> str:
    fraction = Fraction(abs(value)).limit_denominator(10 ** max(1, found[0].split("/")[1].count("?")) - 1)
    if found[2]:
        fraction = Fraction(round(abs(value) * int(found[2])), int(found[2]))
    whole, rest = divmod(fraction.numerator, fraction.denominator) if found[1] else (0, fraction.numerator)
    part = f"{rest}/{fraction.denominator}" if rest else ""
    text = " ".join(filter(None, (str(whole) if whole or not part else "", part)))
    return f"-{text}" if value < 0 else text


# -- dates


def _format_date(value: datetime | date | time | timedelta, code: str) -> str:
    if isinstance(value, timedelta):
        return str(value)
    section = _split_sections(code)[0]
    if not re.search(r"[ymdhs]", section, re.IGNORECASE):
        return _format_plain_date(value)
    texts: list[str] = []

    def hide(match: re.Match[str]) -> str:
        texts.append(next((group for group in match.groups() if group), ""))
        return _PLACE

    pattern = re.sub(_LITERAL.pattern.replace(r"|\[[A-Za-z]+\]", ""), hide, section)
    twelve = bool(re.search(r"AM/PM|A/P", pattern, re.IGNORECASE))
    shown, last = "", 0
    before = ""
    for match in _DATE_PART.finditer(pattern):
        behind = _DATE_PART.search(pattern, match.end())
        is_minute = before.startswith("h") or (behind is not None and behind[0].lower().startswith("s"))
        shown += pattern[last : match.start()] + _write_date_part(
            value, match[0].lower().strip("[]"), is_minute, twelve
        )
        before, last = match[0].lower().strip("["), match.end()
    parts = (shown + pattern[last:]).split(_PLACE)
    return "".join(part + text for part, text in zip(parts, [*texts, ""], strict=False)).strip()


def _write_date_part(value: datetime | date | time, part: str, is_minute: bool, twelve: bool) -> str:
    sign, wide = part[0], len(part)
    if sign in "hs" or (sign == "m" and is_minute) or part in ("am/pm", "a/p"):
        clock = value if isinstance(value, datetime | time) else time()
        if part in ("am/pm", "a/p"):
            return "PM" if clock.hour >= 12 else "AM"
        hour = (clock.hour - 1) % 12 + 1 if twelve else clock.hour
        number = {"h": hour, "m": clock.minute, "s": clock.second}[sign]
        return f"{number:02d}" if wide > 1 else str(number)
    if isinstance(value, time):
        return ""
    if sign == "y":
        return f"{value.year:04d}" if wide > 2 else f"{value.year % 100:02d}"
    names = {"m": ("%B", "%b"), "d": ("%A", "%a")}[sign]
    if wide > 2:
        return value.strftime(names[0] if wide > 3 else names[1])
    number = value.month if sign == "m" else value.day
    return f"{number:02d}" if wide > 1 else str(number)
