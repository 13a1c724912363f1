"""Markdown: every dialect's warnings are warnings, and nothing that is written disappears."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.ingest.document import Block, SourceDocument
from edge.ingest.readers import read


def parse(text: str) -> SourceDocument:
    return read("a.md", text.encode())


def show(text: str) -> list[str]:
    return [block.text for block in parse(text).blocks]


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("> [!WARNING]\n> Hot.", "WARNING: Hot."),
        ("> [!danger]- Bus\n> 680 V.", "DANGER: Bus. 680 V."),
        ('!!! danger "Bus"\n    680 V.\n', "DANGER: Bus. 680 V."),
        ("??? warning\n    Hot.\n", "WARNING: Hot."),
        (":::danger\nHot.\n:::", "DANGER: Hot."),
        ("::: warning Surface\nHot.\n:::", "WARNING: Surface. Hot."),
        (":::caution[Weight]\n31 kg.\n:::", "CAUTION: Weight. 31 kg."),
        ('::: {.callout-warning title="Surface"}\nHot.\n:::', "WARNING: Surface. Hot."),
        (":::{warning} Surface\n:class: x\n\nHot.\n:::", "WARNING: Surface. Hot."),
        ("```{warning}\nHot.\n```", "WARNING: Hot."),
        ("```{admonition} Bus\n:class: danger\n680 V.\n```", "DANGER: Bus. 680 V."),
        ("{{< warning >}}\nHot.\n{{< /warning >}}", "WARNING: Hot."),
        ('{{% notice warning "Surface" %}}\nHot.\n{{% /notice %}}', "WARNING: Surface. Hot."),
        ('{{< alert color="danger" title="Bus" >}}680 V.{{< /alert >}}', "DANGER: Bus. 680 V."),
        ('{% hint style="danger" %}\nHot.\n{% endhint %}', "DANGER: Hot."),
        ('<Callout type="warning">\n\nHot.\n\n</Callout>', "WARNING: Hot."),
        ("<Warning>Hot.</Warning>", "WARNING: Hot."),
        ('<div class="warning">\n\nHot *oil*.\n\n</div>', "WARNING: Hot oil."),
        ("**Warning:** Hot.", "WARNING: Hot."),
    ],
)
def test_the_warnings_of_every_dialect(text: str, warning: str) -> None:
    assert parse(f"Before.\n\n{text}\n\nAfter.").blocks == (
        Block("paragraph", "Before."),
        Block("warning", warning),
        Block("paragraph", "After."),
    )


def test_a_warning_inside_a_step_or_a_tab_is_found() -> None:
    text = """1. Stop.

    !!! warning
        Hot.

2. Drain.

=== "Type A"

    ::: danger
    680 V.
    :::
"""
    assert show(text) == ["1. Stop.", "WARNING: Hot.", "2. Drain.", "Type A", "DANGER: 680 V."]


def test_fences_are_code_whatever_they_hold() -> None:
    fence = "!!! danger\n    x\n{{< warning >}}\n[^1]"
    assert parse(f"```\n{fence}\n```\n\n```{{code-block}} c\nx = 1;\n```").blocks == (
        Block("code", fence),
        Block("code", "x = 1;"),
    )


def test_tables_of_html_are_tables() -> None:
    text = "<table>\n<tr><th>Code<th>Cause</tr>\n<tr><td>E1<td>Dry<br>run</tr>\n</table>"
    assert parse(text).blocks == (Block("row", "E1 | Dry run", header="Code | Cause"),)


def test_footnotes_stand_where_they_are_referred_to() -> None:
    text = "Tighten to 45 Nm[^1].\n\n[^1]: Dry\n    threads.\n[^2]: Unused\n"
    assert show(text) == ["Tighten to 45 Nm (Dry threads.).", "[^2]: Unused"]
    assert show("45 Nm[^1]\n\n[^1]: Dry\n\n[^1]: Oiled\n") == ["45 Nm[^1]", "[^1]: Dry", "[^1]: Oiled"]


def test_placeholders_in_angle_brackets_are_text() -> None:
    assert show("Press <ENTER>, then <kbd>F1</kbd>.\n\n<SERIAL> is printed on the plate.") == [
        "Press <ENTER>, then F1.",
        "<SERIAL> is printed on the plate.",
    ]


def test_a_heading_has_the_anchor_that_it_names() -> None:
    text = "# Reset {#hard}\n\nA.\n\n## Again\n\nB.\n"
    assert [(block.text, block.place) for block in parse(text).blocks] == [
        ("Reset", "#hard"),
        ("A.", "#hard"),
        ("Again", "#hard"),
        ("B.", "#hard"),
    ]


@pytest.mark.parametrize(
    "front", ["---\ntitle: Pump\nauthor: me\n---\n", '+++\ntitle = "Pump"\nauthor = "me"\n+++\n']
)
def test_of_front_matter_the_title_is_read_and_the_rest_named(front: str) -> None:
    document = parse(f"{front}Text.")
    assert (document.title, document.notes) == ("Pump", ("Left out: front matter (author).",))


def test_a_line_that_markdown_takes_for_an_address_is_named() -> None:
    assert parse("Text.\n\n[E207]: overheating\n").notes == (
        "Taken for the address of a link: [E207]: overheating.",
    )


def test_deep_nesting_is_read() -> None:
    assert show(f"{'> ' * 40}Deep.") == ["Deep."]


PIECES = [
    "", "w", "# w", "- w", "  - w", "1. w", "> w", "    w", "!!! warning", "!!! danger w", "::: warning", ":::", "```",
    "```{warning}", "~~~", "| w | w |", "|---|---|", "{{< warning >}}", "{{< /warning >}}", '=== "w"', "[^1]: w",
    "w[^1]", "> [!WARNING]", "> [!NOTE] w", "<div>", "</div>", "**w**", "***", "***w", "`w", "\tw", "w <W> w", "(w)=",
]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(lines=st.lists(st.sampled_from(PIECES), max_size=14))
def test_every_word_of_any_mixture_is_read_or_named(lines: list[str]) -> None:
    count = iter(range(1000))
    text = re.sub(r"\bw\b", lambda _: f"w{next(count)}w", "\n".join(["First.", "", *lines]))
    document = parse(text)
    texts = [*document.notes, *(f"{b.text} {b.header} {b.title}" for b in document.blocks)]
    found = set(re.findall(r"w\d+w", " ".join(texts)))
    wanted = set(re.findall(r"w\d+w", re.sub(r"(?m)^\(w\d+w\)=|^```\{warning\}.*", "", text)))
    assert wanted - found == set()
