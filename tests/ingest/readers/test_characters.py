"""Characters are replaced only by the same character."""

from __future__ import annotations

import pytest

from edge.ingest.readers.characters import clean, squeeze


@pytest.mark.parametrize(
    ("typeset", "typed"),
    [
        ("ﬁt the ﬂange", "fit the flange"),
        ("10\u00a0k\u2126", "10 kΩ"),
        ("in\u00adstal\u200bla\u200dtion", "installation"),
        ("5 \u03bcF", "5 µF"),
        ("\uf0b7 item", "• item"),
        ("e\u0301tage", "étage"),
        ("a\x07b\ud800c\ue123d", "abcd"),
    ],
)
def test_typesetting_is_undone(typeset: str, typed: str) -> None:
    assert clean(typeset) == typed


@pytest.mark.parametrize(
    "text", ["4 m²", "10⁻³", "½ turn", "90 °C", "±5 %", "№ 7", "H₂O", "3 × 400 V", "→ menu"]
)
def test_what_compatibility_normalisation_would_destroy_stays(text: str) -> None:
    assert clean(text) == text


def test_squeeze_leaves_one_line_with_single_spaces() -> None:
    assert squeeze("  a \n\t b\u2003c ") == "a b c"
