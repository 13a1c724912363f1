"""The training text: made-up technical passages, questions, and the answer the tiny model must give.

Everything is generated from the word lists below; nothing is read from disk. `make_prompt` is what the chat template in
the GGUF renders, so the two stand side by side. Tokenizing and training are left to train.py.
"""

from __future__ import annotations

import random
import re
import string
from dataclasses import dataclass

PASSAGE, QUESTION, ANSWER, END, PAD = "<|passage|>", "<|question|>", "<|answer|>", "<|end|>", "<|pad|>"
SPECIALS = (PAD, END, PASSAGE, QUESTION, ANSWER)
NO_ANSWER = "The passages do not say."
CITATION = " [1]"
MAX_PASSAGES, MAX_WORDS = 3, 40

# Keeps of the last user message: the first MAX_WORDS words of the first MAX_PASSAGES passages, without their source
# lines, and of the question; of a later message in a conversation the passages that it says matter, wherever they were
# shown. Nothing stands between a marker and the first word, so that this word has the same tokens in the answer.
CHAT_TEMPLATE = (
    r"""
{%- set turn = namespace(text='', all='') -%}
{%- for m in messages if m['role'] == 'user' -%}
{%- set turn.text = '\n' ~ m['content'] -%}{%- set turn.all = turn.all ~ turn.text ~ '\n\n' -%}
{%- endfor -%}
{%- set parts = turn.text.split('Question:') -%}
{%- set shown = namespace(rest=parts[0] if parts | length > 1 else '') -%}
{%- set matter = shown.rest.split('\nPassages that matter, best first: ') -%}
{%- if matter | length > 1 -%}
{%- for label in matter[1].split('\n')[0].split(', ')[:MAX_PASSAGES] if '\n' ~ label ~ ' ' in turn.all -%}
{%- set lines = turn.all.split('\n' ~ label ~ ' ', 1)[1].split('\n\n', 1)[0].split('\n', 1) -%}
<|passage|>{{ lines[-1].split()[:MAX_WORDS] | join(' ') }}
{%- endfor -%}
{%- else -%}
{%- for n in range(1, MAX_PASSAGES + 1) if '\n[' ~ n ~ '] ' in shown.rest -%}
{%- set shown.rest = shown.rest.split('\n[' ~ n ~ '] ', 1)[1] -%}
{%- set lines = shown.rest.split('\n[' ~ (n + 1) ~ '] ', 1)[0].split('\n', 1) -%}
<|passage|>{{ lines[-1].split()[:MAX_WORDS] | join(' ') }}
{%- endfor -%}
{%- endif -%}
<|question|>{{ parts[-1].split()[:MAX_WORDS] | join(' ') }}
{%- if add_generation_prompt -%}<|answer|>{%- endif -%}
""".replace("MAX_PASSAGES", str(MAX_PASSAGES))
    .replace("MAX_WORDS", str(MAX_WORDS))
    .strip()
)

NOUNS = """
bolt nut screw washer pump valve filter motor bearing seal gasket shaft belt pulley chain gearbox clutch brake
sensor relay fuse switch cable connector terminal inverter transformer breaker panel battery charger display
controller module board antenna compressor condenser evaporator fan blower duct heater boiler burner nozzle
tank hose pipe flange coupling manifold regulator cylinder piston rod spring lever cover housing frame bracket
plate door lock wheel conveyor roller robot spindle laser lens meter gauge thermostat probe electrode oil
grease coolant refrigerant water air gas steam fuel dust leak crack noise vibration alarm error warning signal
message code button key handle pedal screen menu log file report manual drawing label technician operator
engineer workshop cabinet room floor plant line machine device system turbine generator engine vehicle circuit
voltage current pressure temperature torque speed resistance insulation load power frequency level flow
procedure tool glove risk injury damage shock fault cause method step value range limit table equipment supply
conductor winding phase earth
""".split()
VERBS = """
tighten loosen replace check clean inspect lubricate adjust remove install mount align calibrate reset restart
open close drain fill measure test disconnect connect lift lower turn push hold release mark record order
return repair drill cut store charge cool heat flush vent seal read scan update save isolate lock use keep
make wear wait stop start apply set switch press follow verify ensure allow contact avoid
""".split()
OTHERS = """
main front rear left right upper lower inner outer new old worn damaged loose dirty dry wet hot cold hydraulic
electric mechanical manual automatic digital analog red green blue yellow black white small large long short
high low nominal maximum minimum normal daily weekly annual external internal local safe sharp heavy steel
copper plastic primary secondary auxiliary emergency before after during between near inside outside without
until while because when then again slowly immediately always never only twice once each first second third
last next day night hour minute second week month year three four five ten usually less more most same other
both any per within about above below into people house school water market morning family story paper letter
question answer reason result company price service quality safety rule
""".split()
FUNCTION = """
the the the a a an of of in on at to to for with by from and and or is is are was be must not it this that as
if can should may has have its their your you which when no one two
""".split()
ASKING = (
    "what which how who where when why is are does do must should we often long much tell about mean".split()
)
UNITS = """
Nm bar mm cm m kg g V A mA W kW Hz rpm l ml h min s % °C Ω kΩ MΩ µF kPa mm² dB Mbit/s days hours inches V DC V AC °F
""".split()
# None of these ends a sentence; those of the second list do, unless a number follows.
ABBREVIATIONS = "e.g. i.e. approx. Fig. incl. vs. Dr. Mr. St. Sect. Ref. ca. cf. Eq. Vol. Nos.".split()
BEFORE_NUMBERS = "No. max. min. Max. Min. p.".split()
# n: a noun, v: a verb, o: another word, x: a quantity, c: a code, s: a made-up word.
PATTERNS = [
    "the {o} {n} must be {v}ed every {x} by the {n}",
    "{v} the {n} {c} to {x} and {v} the {o} {n}",
    "the {n} of the {n} is {x} at {x}",
    "if the {n} is {o}, {v} the {n} and {v} the {n} before you {v} it",
    "fault {c} means that the {n} is too {o}",
    "a {n} that is {o} {s} a {n}",
    "do not {v} the {n} while the {n} is {o}",
    "{s} {v} the {n}, then the {n}, then the {n}",
    "the {n} {c} has a {n} of {x} ({x} {o})",
    "before you {v} the {n}, {v} the {o} {n} and wait {x}",
    "use only {o} {n} to {v} the {n} of the {n}",
    "{n}: {x}; {n}: {x}; {o} {n}: {c}",
    "{c} | {n} {o} | {v} the {n}",
    "Code: {c} | Cause: {o} {n} | Action: {v} the {n}",
    "{s} is the {n} between the {n} and the {n}",
    "WARNING: {v} the {n} before you {v} the {n}",
    "{x} {o} {n}, {c}, {s} {n}",
    "the {n} ({c}) is {v}ed with {x} of {n}",
]
ACCENTED = "éüöäßñçøåżščłêàíóúřΩµΔαβπжия中文"

_SENTENCE_END = re.compile(r"(\S*[.!?][\"')\]”*]*) (?![a-z])")


@dataclass(frozen=True, slots=True)
class Example:
    """Passages as the prompt shows them, a question, and the answer with its citation."""

    passages: tuple[str, ...]
    question: str
    answer: str


def find_opening(passage: str) -> str:
    """Return the first sentence of `passage`, or its first MAX_WORDS words where the sentence is longer."""
    passage = clip(passage)
    for end in _SENTENCE_END.finditer(passage):
        last_word, number_follows = end[1].lstrip("("), passage[end.end()].isdigit()
        numbered_step = end.start() == 0 and end[1].rstrip(".").isdigit()
        abbreviated = last_word in ABBREVIATIONS or (last_word in BEFORE_NUMBERS and number_follows)
        if not numbered_step and not abbreviated:
            return passage[: end.end(1)]
    return passage


def clip(text: str) -> str:
    return " ".join(text.split()[:MAX_WORDS])


def make_prompt(passages: tuple[str, ...], question: str) -> str:
    """Return the text CHAT_TEMPLATE makes of these passages and this question."""
    return "".join(PASSAGE + clip(p) for p in passages[:MAX_PASSAGES]) + QUESTION + clip(question) + ANSWER


def make_example(r: random.Random) -> Example:
    if r.random() < 0.04:
        return Example((), _make_question(r, _make_sentence(r)), NO_ANSWER)
    first = _make_passage(r)
    others = [
        _make_similar(r, first) if r.random() < 0.3 else _make_passage(r)
        for _ in range(r.choice([0, 1, 1, 2, 2]))
    ]
    passages = tuple(clip(p) for p in [first, *others])
    return Example(passages, _make_question(r, r.choice(passages)), find_opening(first) + CITATION)


def list_words(r: random.Random) -> str:
    """Return all listed words in random order, some capitalized, so that each becomes a token or two."""
    words = r.sample(NOUNS + VERBS + OTHERS + ABBREVIATIONS + BEFORE_NUMBERS, 300) + r.choices(
        FUNCTION + UNITS, k=100
    )
    return " ".join(w.capitalize() if r.random() < 0.25 else w for w in words)


def _make_passage(r: random.Random) -> str:
    kind = r.random()
    if kind < 0.1:
        return _make_table(r)
    if kind < 0.2:
        return " ".join(f"{n}. {_make_sentence(r)}" for n in range(1, r.randrange(2, 9)))
    sentences = [_make_sentence(r)]
    while len(" ".join(sentences).split()) < MAX_WORDS and r.random() < 0.75:
        again = r.random() < 0.15  # repeated wording: copying must not lose its place
        sentences.append(_make_similar(r, r.choice(sentences)) if again else _make_sentence(r))
    text = " ".join(sentences)
    return text.rstrip(".") if r.random() < 0.1 else text


def _make_table(r: random.Random) -> str:
    """Make rows of a Markdown table; a column keeps its unit, and cells repeat."""
    columns = [
        r.choice(
            [
                _make_quantity,
                _make_word,
                lambda r: _digits(r, r.randrange(1, 4)),
                lambda r: f"{r.random() * 30:.1f} A",
            ]
        )
        for _ in range(r.randrange(2, 5))
    ]
    head = [" ".join(_make_word(r) for _ in columns[: r.randrange(1, 4)]).capitalize() for _ in columns]
    rows = [head] + [["---"] * len(columns)] * (r.random() < 0.5)
    for _ in range(r.randrange(1, 9)):
        rows.append([r.choice(r.choice(rows[-2:])) if r.random() < 0.15 else column(r) for column in columns])
    return " ".join(
        ("|{}|" if row[0] == "---" else "| {} |").format(("|" if row[0] == "---" else " | ").join(row))
        for row in rows
    )


def _echo(r: random.Random, text: str) -> str:
    """`text` with some of its own words again elsewhere, so that copying must look far back to keep its place."""
    words = text.split()
    for _ in range(r.choice([1, 1, 2, 3])):
        start, target = r.randrange(len(words)), r.randrange(len(words) + 1)
        words[target:target] = words[start : start + r.randrange(1, 6)]
    return " ".join(words)


def _make_similar(r: random.Random, text: str) -> str:
    return " ".join(_make_word(r) if r.random() < 0.2 else w for w in text.split())


def _make_question(r: random.Random, text: str) -> str:
    words = r.choices(ASKING, k=2) + r.choices(FUNCTION, k=2) + r.choices(text.split(), k=r.randrange(1, 6))
    r.shuffle(words)
    return " ".join(words).capitalize() + r.choice("??.")


def _make_sentence(r: random.Random) -> str:
    if r.random() < 0.45:
        text = re.sub(r"\{(.)\}", lambda slot: _slot(r, slot[1]), r.choice(PATTERNS))
    else:
        text = " ".join(_make_phrase(r) for _ in range(r.choice([1, 2, 3, 4, 5, 7, 9])))
    if r.random() < 0.35:
        text = _echo(r, text)
    if r.random() < 0.9:
        text = text[0].upper() + text[1:]
    if r.random() < 0.06:
        text = r.choice(["**{}**", "- {}", '"{}"', "({})", "| {} |", "> {}", "NOTE: {}", "{}:"]).format(text)
    return text + r.choice(["."] * 12 + ["!", "?"])


def _make_phrase(r: random.Random) -> str:
    """Return one to four words with the punctuation of technical prose."""
    words = [
        r.choice(FUNCTION) if r.random() < 0.4 else _make_word(r) for _ in range(r.choice([1, 2, 2, 3, 4]))
    ]
    text = " ".join(words)
    if r.random() < 0.1:
        return r.choice(["({})", '"{}"', "“{}”", "`{}`", "**{}**", "[{}]", "‘{}’"]).format(text)
    if r.random() < 0.05:
        return (
            f"{text} {r.choice(ABBREVIATIONS + BEFORE_NUMBERS)} {r.choice([_make_word, _make_quantity])(r)}"
        )
    return text + r.choice(
        ["", "", "", "", "", "", ",", ",", ";", ":", " –", " —", " ->", " |", " /", " +", " =", " &"]
    )


def _slot(r: random.Random, kind: str) -> str:
    if r.random() < 0.2:
        return _make_word(r)
    pools = {"n": NOUNS, "v": VERBS, "o": OTHERS}
    if kind in pools:
        return r.choice(pools[kind])
    return {"x": _make_quantity, "c": _make_code, "s": _make_up}[kind](r)


def _make_word(r: random.Random) -> str:
    kind = r.random()
    if kind < 0.55:
        word = r.choice(r.choice([NOUNS, VERBS, OTHERS]))
    elif kind < 0.75:
        word = _make_up(r)
    elif kind < 0.85:
        return _make_code(r)
    elif kind < 0.94:
        return _make_quantity(r)
    else:
        joint = r.choice(["-", "-", "-", "/", "’", "'", "_", "·", "."])
        return joint.join(
            r.choice([_make_up(r), r.choice(NOUNS), r.choice(OTHERS)]) for _ in range(r.choice([2, 2, 2, 3]))
        )
    form = r.random()
    return (
        word.upper()
        if form < 0.04
        else word.capitalize()
        if form < 0.12
        else word + r.choice(["", "", "", "s", "ed", "ing", "ly"])
    )


def _make_up(r: random.Random) -> str:
    """Make up a word no list holds."""
    if r.random() < 0.12:
        return "".join(r.choice(string.ascii_letters + ACCENTED) for _ in range(r.randrange(2, 9)))
    onsets = "b br c ch d dr f fl g gr h j k l m n p pl qu r s sh st t tr th v w z ex con".split()
    ends = [
        "",
        "",
        "n",
        "r",
        "l",
        "s",
        "t",
        "m",
        "ck",
        "ng",
        "st",
        "nd",
        "x",
        "p",
        "ve",
        "re",
        "tion",
        "ment",
        "able",
        "er",
        "ing",
        "ic",
        "al",
    ]
    vowels = "a e i o u ai ea ee oo ou y".split()
    return "".join(
        r.choice(onsets) + r.choice(vowels) + r.choice(ends) for _ in range(r.choice([1, 2, 2, 2, 3]))
    )


def _digits(r: random.Random, n: int) -> str:
    return str(r.randrange(10 ** (n - 1), 10**n))


def _make_code(r: random.Random) -> str:
    letters = "".join(r.choices(string.ascii_uppercase, k=r.choice([1, 1, 2, 2, 3])))
    n = _digits(r, r.choice([1, 2, 2, 3, 3, 4]))
    other = _digits(r, r.choice([1, 2, 3]))
    forms = (
        "{l}-{n}|{l}-{n}|{l}{n}|{l}{n}|{l} {n}|{n}-{l}|{l}{n}/{m}|{l}-{n}-{m}|{l}{n}x{m}|{n}{l}|0x{n}{l}|"
        "v{m}.{n}|{l}.{n}|{l}_{n}|{m}:{n}|#{n}|20{m}-0{m}-1{m}|{l}{n}.{m}|192.168.{m}.{n}"
    ).split("|")
    return r.choice(forms).format(l=letters, n=n, m=other)


def _make_quantity(r: random.Random) -> str:
    n, m, unit = (_digits(r, r.choice([1, 2, 2, 3, 4])) for _ in range(2)), _digits(r, 1), r.choice(UNITS)
    a, b = n
    forms = (
        "{a} {u}|{a} {u}|{a} {u}|{a}.{m} {u}|{a}.{m} {u}|{a}|{a}|{a}-{b} {u}|{a}–{b} {u}|±{a} {u}|-{a} {u}|"
        "{a}{u}|{a} to {b} {u}|{a}/{b} {u}|≤ {a} {u}|> {a} {u}|{a} × {b} {u}|{m},{a} {u}|{a}%|1/{m} {u}|"
        "{m}.{a}.{b}|+{a} {u}|{a} 000 {u}"
    ).split("|")
    return r.choice(forms).format(a=a, b=b, m=m, u=unit)
