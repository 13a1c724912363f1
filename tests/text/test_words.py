"""Words are those of the keyword index; a question is asked with those that carry its meaning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.database import open_memory
from edge.packs.format import TOKENIZER
from edge.text.words import Stems, find_content_words, split_words

# Letters that were in Unicode 6.1, which SQLite's unicode61 goes by.
ALPHABETS = [(0x20, 0x17F), (0x386, 0x3CE), (0x400, 0x481)]
LATIN_GREEK_CYRILLIC = st.text(
    st.one_of(
        st.characters(min_codepoint=low, max_codepoint=high, categories=["Lu", "Ll", "Nd", "P", "Z", "S"])
        for low, high in ALPHABETS
    )
)


def indexed(text: str) -> list[str]:
    """Return the stems that FTS5 keeps of a text, in order."""
    connection = open_memory()
    connection.execute(f"CREATE VIRTUAL TABLE t USING fts5(body, tokenize='{TOKENIZER}')")
    connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab(t, instance)")
    connection.execute("INSERT INTO t VALUES (?)", (text,))
    return [row[0] for row in connection.execute("SELECT term FROM v ORDER BY offset")]


def test_words_are_lower_case_runs_of_letters_and_digits() -> None:
    assert split_words("Motor_winding: 130 °C!  M8-bolt") == ["motor", "winding", "130", "c", "m8", "bolt"]


def test_words_written_in_decomposed_letters_are_the_same_words() -> None:
    assert split_words("U\u0308berdruck") == split_words("Überdruck") == ["überdruck"]


def test_stop_words_are_left_out_and_no_word_is_asked_twice() -> None:
    assert find_content_words("What is the torque of the bolt, the bolt torque?") == ["torque", "bolt"]


def test_a_question_of_nothing_but_stop_words_is_asked_with_them() -> None:
    assert find_content_words("What is it?") == ["what", "is", "it"]


def test_no_words_at_all() -> None:
    assert (
        split_words(" ?! ") == find_content_words("") == Stems().split("…") == Stems().split_content("") == []
    )


@pytest.mark.parametrize(("one", "other"), [("tightened", "Tighten"), ("größe", "grosse"), ("Öl", "ol")])
def test_forms_of_a_word_have_one_stem_where_the_index_says_so(one: str, other: str) -> None:
    stems = Stems()
    assert (stems.split(one) == stems.split(other)) == (indexed(one) == indexed(other))


def test_stems_that_carry_meaning_come_once() -> None:
    assert Stems().split_content("How do I tighten what was tightened?") == ["tighten"]


@given(st.text())
def test_stems_are_those_of_the_index_for_any_text(text: str) -> None:
    assert Stems().split(text) == indexed(text)


@given(LATIN_GREEK_CYRILLIC)
def test_every_word_of_a_text_is_found_in_the_index(text: str) -> None:
    stems = Stems()
    assert {stem for word in split_words(text) for stem in stems.split(word)} <= set(indexed(text))
