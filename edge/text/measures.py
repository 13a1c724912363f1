"""Units of measurement as manuals and people write them, brought to one spelling: ``N·m``, ``newton metres`` and
``Nm`` meet, ``mΩ`` and ``MΩ`` do not. Works on text that `edge.text.values` has evened out (NFKC, plain dashes).
"""

from __future__ import annotations

import re

_PREFIXES = ("", "p", "n", "μ", "u", "m", "c", "d", "h", "k", "M", "G", "T")
_BASES = "m g s A V W Hz Ω F H Pa N J l L bar lm lx B b bit Bd Wh VA var Ah t S Sv cd mol Bq eV".split()

_OTHERS = """° % ‰ ppm ppb rpm psi psig psia lb lbf oz in ft yd mil gal gpm cfm hp PS BTU cSt cP St dB dBm dBA dBi min h
    d rad sr K AWG kcmil barg bara inHg mmHg kgf kp rev U HRC HB HV px dpi fps Nm cNm kNm mNm kip ksi mph KiB MiB GiB
    week month year""".split()

_SAME = {
    "%": "percent pct",
    "°": "degree degrees deg",
    "°C": "C ℃ celsius Celsius",
    "°F": "F fahrenheit Fahrenheit",
    "K": "kelvin",
    "Ω": "ohm ohms",
    "kΩ": "kohm kohms kilohm kilohms",
    "MΩ": "Mohm Mohms megohm megohms megaohm megaohms",
    "mΩ": "mohm mohms milliohm milliohms",
    "GΩ": "Gohm gigohm gigohms gigaohm gigaohms",
    "V": "volt volts",
    "mV": "millivolt millivolts",
    "kV": "kilovolt kilovolts",
    "V AC": "VAC Vac",
    "V DC": "VDC Vdc",
    "A": "amp amps ampere amperes",
    "mA": "milliamp milliamps milliampere milliamperes",
    "W": "watt watts",
    "kW": "kilowatt kilowatts",
    "Hz": "hertz",
    "kHz": "kilohertz",
    "MHz": "megahertz",
    "GHz": "gigahertz",
    "bar": "bars",
    "Pa": "pascal pascals",
    "psi": "PSI",
    "N": "newton newtons",
    "μm": "micron microns micrometre micrometres micrometer micrometers",
    "mm": "millimetre millimetres millimeter millimeters",
    "cm": "centimetre centimetres centimeter centimeters",
    "m": "metre metres meter meters",
    "km": "kilometre kilometres kilometer kilometers",
    "in": "inch inches \" ''",
    "ft": "foot feet '",
    "mil": "mils",
    "g": "gram grams",
    "kg": "kilogram kilograms kilo kilos",
    "lb": "lbs pound pounds",
    "oz": "ounce ounces",
    "l": "litre litres liter liters",
    "ml": "millilitre millilitres milliliter milliliters",
    "gal": "gallon gallons",
    "ms": "millisecond milliseconds",
    "s": "sec secs second seconds Sekunde Sekunden",
    "min": "mins minute minutes Minute Minuten",
    "h": "hr hrs hour hours Stunde Stunden",
    "d": "day days Tag Tage Tagen",
    "week": "weeks Woche Wochen",
    "month": "months Monat Monate Monaten",
    "year": "years yr yrs Jahr Jahre Jahren",
    "rpm": "RPM",
    "hp": "HP horsepower",
    "Bd": "baud Baud",
    "bit/s": "bps",
    "kbit/s": "kbps",
    "Mbit/s": "Mbps",
    "Gbit/s": "Gbps",
    "km/h": "kph",
    "l/min": "lpm LPM",
}

_COMPOUND = {
    "r/min": "rpm", "rev/min": "rpm", "U/min": "rpm", "min-1": "rpm",
    "N·m": "Nm", "cN·m": "cNm", "kN·m": "kNm", "mN·m": "mNm",
    "ft·lb": "ft·lb", "lb·ft": "ft·lb", "ft·lbf": "ft·lb", "lbf·ft": "ft·lb",
    "in·lb": "in·lb", "lb·in": "in·lb", "in·lbf": "in·lb", "lbf·in": "in·lb", "oz·in": "in·oz", "in·oz": "in·oz",
}  # fmt: skip


def _list_spellings() -> dict[str, str]:
    found = {prefix + base: (prefix + base).replace("u", "μ") for prefix in _PREFIXES for base in _BASES}
    found |= {
        spelt: unit.replace("L", "l")
        for spelt, unit in found.items()
        if spelt in ("L", "mL", "cL", "dL", "μL")
    }
    found |= {unit: unit for unit in (*_OTHERS, "r")}
    return found | {spelt: unit for unit, others in _SAME.items() for spelt in others.split()}


_UNITS = _list_spellings()
_POWERS = frozenset("m mm cm dm km μm in ft s min".split())
_ANY_CASE: dict[str, set[str]] = {}
for _spelt, _unit in _UNITS.items():
    _ANY_CASE.setdefault(_spelt.lower(), set()).add(_unit)

_DEGREES = re.compile(r"(?:°|degrees?|deg\.?)\s?(C|F|[Cc]elsius|[Ff]ahrenheit)(?![^\W_])")
_WORD = re.compile(r"[^\W\d_]+|''|[°%‰\"']")
_EXPONENT = re.compile(r"\^?(-?[1-4])(?!\w)")
_PER = re.compile(r"\s?/\s?|\sper\s")
_TIMES = re.compile(r"\s?[·*⋅]\s?")
_BESIDE = re.compile(r"[ .-]")
_CURRENT = re.compile(r"\s?(AC|DC|ac|dc)(?!\w)")
_PREPOSITION = re.compile(r"\s+[a-z]")
_BRACKETED = re.compile(r"[(\[]\s*([^()\[\]]+?)\s*[)\]]|,\s*([^,()\[\]]+)$")


def read_unit(text: str, start: int) -> tuple[str, int] | None:
    """Return the unit that begins at ``start``, in its one spelling, and where it ends."""
    if degrees := _DEGREES.match(text, start):
        return f"°{degrees[1][0].upper()}", degrees.end()
    found = _read_simple(text, start)
    if found is None:
        return None
    unit, end = found
    while longer := _join(text, unit, end):
        unit, end = longer
    if unit in ("V", "mV", "kV", "A", "mA", "kA") and (current := _CURRENT.match(text, end)):
        return f"{unit} {current[1].upper()}", current.end()
    return _COMPOUND.get(unit, unit), end


def read_bracketed_unit(head: str) -> str:
    """Return the unit that the head of a column gives to its cells, as in ``Torque (Nm)``; empty if it gives none."""
    for match in _BRACKETED.finditer(head):
        inside = (match[1] or match[2]).strip()
        unit = read_unit(inside, 0)
        if unit and unit[1] == len(inside):
            return inside
    return ""


def _read_simple(text: str, start: int) -> tuple[str, int] | None:
    word = _WORD.match(text, start)
    unit = _look_up(word[0]) if word else None
    if word is None or unit is None:
        return None
    end = word.end()
    if word[0] == "in" and _PREPOSITION.match(text, end):  # "insert 2 in the slot"
        return None
    if unit in _POWERS and (exponent := _EXPONENT.match(text, end)):
        return unit + exponent[1], exponent.end()
    if text[end : end + 1].isdigit() or text[end : end + 1] == "_":
        return None  # a code: 5V2
    return unit, end


def _look_up(word: str) -> str | None:
    """Case counts. A word in the wrong case is the unit it can only be, or stays as it is: ``NM`` is neither."""
    if word in _UNITS:
        return _UNITS[word]
    meant = _ANY_CASE.get(word.lower(), set()) if len(word) > 1 else set()
    return next(iter(meant)) if len(meant) == 1 else word if meant else None


def _join(text: str, unit: str, end: int) -> tuple[str, int] | None:
    """Read one more factor or divisor: ``l`` and ``/min``."""
    for joiner, sign in ((_PER, "/"), (_TIMES, "·"), (_BESIDE, "·")):
        if (match := joiner.match(text, end)) and (more := _read_simple(text, match.end())):
            longer = f"{unit}{sign}{more[0]}"
            if joiner is not _BESIDE or longer in _COMPOUND:
                return longer, more[1]
    return None
