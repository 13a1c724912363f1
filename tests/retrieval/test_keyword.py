"""The keyword arm: what FTS5 is asked, and what it finds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.packs.pack import Pack
from edge.retrieval.keyword import CODE_MARK, Terms, find_candidates, make_match_expression, make_tokens
from edge.retrieval.scope import Scope, find_scopes
from edge.text.identifiers import find_asked_identifiers
from edge.text.words import Stems, find_content_words

SYNTAX = st.text(alphabet="\"'*^():{}+-,. ANDORTEaé0\0\U0001f600") | st.text()


def found(pack: Pack, *words: str, codes: tuple[str, ...] = ()) -> list[str]:
    """Return the texts found, best first."""
    return [pack.get_chunk(id).text for id in find_candidates(Scope(pack), Terms(words, codes))]


def test_chunks_are_found_by_the_stems_of_their_words_best_first(pumps: Pack) -> None:
    best, *_ = found(pumps, "tightening", "coupling")
    assert "coupling bolts are tightened" in best
    scores = list(find_candidates(Scope(pumps), Terms(("bolts",))).values())
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0


def test_chunks_are_found_by_their_heading(pumps: Pack) -> None:
    assert "grease" in found(pumps, "lubrication")[0]


def test_chunks_are_found_by_the_words_of_their_file_name(pumps: Pack) -> None:
    assert len(found(pumps, "px", "300")) >= 2


@pytest.mark.parametrize("spelling", ["E-207", "e207", "E 207", "e 207"])
def test_e_207_e207_and_e_space_207_meet(pumps: Pack, spelling: str) -> None:
    codes = tuple(find_asked_identifiers(f"what does {spelling} mean"))
    assert "condensate" in found(pumps, codes=codes)[0]


def test_only_what_is_in_scope_is_found(pumps: Pack) -> None:
    (scope,) = find_scopes([pumps], (), "PX-300")
    texts = [pumps.get_chunk(id).text for id in find_candidates(scope, Terms(("housing", "bolts")))]
    assert len(texts) == 1
    assert "45 Nm" in texts[0]


def test_no_more_than_the_limit_are_found(pumps: Pack) -> None:
    assert len(find_candidates(Scope(pumps), Terms(("pump", "bolts")), limit=2)) == 2


def test_nothing_asked_finds_nothing(pumps: Pack) -> None:
    assert find_candidates(Scope(pumps), Terms(())) == {}
    assert found(pumps, "zebra") == []


def test_operators_are_words_like_any_other(pumps: Pack) -> None:
    assert found(pumps, "AND") == found(pumps, "and")
    assert found(pumps, "NEAR") == []


@settings(max_examples=200)
@given(question=SYNTAX)
def test_any_question_makes_a_valid_expression(pumps: Pack, question: str) -> None:
    terms = Terms(tuple(find_content_words(question)), tuple(find_asked_identifiers(question)))
    assert '"' not in "".join(terms.words + terms.codes)
    find_candidates(Scope(pumps), terms)


@given(words=st.lists(st.text(max_size=5), max_size=3), codes=st.lists(st.text(max_size=5), max_size=3))
def test_any_words_make_a_valid_expression_even_if_a_pack_brought_them(
    pumps: Pack, words: list[str], codes: list[str]
) -> None:
    without_nul = [word.replace("\0", "") for word in (*words, *codes)]
    find_candidates(Scope(pumps), Terms(tuple(without_nul[: len(words)]), tuple(without_nul[len(words) :])))


def test_the_title_is_asked_apart_so_that_its_words_do_not_devalue_those_of_the_text() -> None:
    assert make_match_expression(Terms(("seal", "ring"), ("e207",))) == (
        '{heading body} : ("seal" OR "ring") OR title : ("seal" OR "ring") OR identifiers : ("e207")'
    )


def test_the_tokens_to_score_are_stems_and_marked_codes_each_once() -> None:
    terms = Terms(("tightening", "tightened", "bolts"), ("e207", "e207"))
    assert terms.make_tokens(Stems()) == ["tighten", "bolt", f"{CODE_MARK}e207"]


def test_a_passages_heading_and_codes_count_several_times() -> None:
    counted = make_tokens(Stems(), "Pump", "Faults", "E-207 drain")
    assert counted.count("fault") == 3
    assert counted.count(f"{CODE_MARK}e207") == 3
    assert counted.count("drain") == counted.count("pump") == 1
