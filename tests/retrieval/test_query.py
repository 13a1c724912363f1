"""What is asked for, what it weighs, and what is looked for beside it."""

from __future__ import annotations

import pytest

from edge.packs.pack import Pack
from edge.retrieval.query import EXPANSION_WEIGHT, Query, choose_expansions, find_missing_codes, weigh
from edge.retrieval.scope import Scope
from edge.retrieval.vocabulary import Relative, merge_related


def relatives(of: str, **closeness: float) -> dict[str, list[Relative]]:
    return {of: [Relative(stem, f"{stem}s", close, of) for stem, close in closeness.items()]}


def test_the_nearest_few_of_each_word_are_looked_for() -> None:
    found = choose_expansions(relatives("seal", gasket=0.9, ring=0.8, plug=0.7, lid=0.6), ["seal"])
    assert [other.stem for other in found] == ["gasket", "ring", "plug"]


def test_what_a_pack_states_is_looked_for_before_what_is_near() -> None:
    near = relatives("vfd", motor=0.9, pump=0.8, fan=0.75)["vfd"]
    stated = [Relative(word, word, 0.7, "vfd", stated=True) for word in ("inverter", "a", "b", "c")]
    found = choose_expansions(merge_related({"vfd": near}, {"vfd": stated}), ["vfd"])
    assert [other.stem for other in found] == ["inverter", "a", "b", "c"]


def test_what_is_far_or_asked_for_anyway_is_not_looked_for() -> None:
    assert choose_expansions(relatives("seal", gasket=0.9, pump=0.2), ["seal", "gasket"]) == []


def test_of_a_long_question_only_the_nearest_are_looked_for() -> None:
    many = {f"w{n}": relatives(f"w{n}", **{f"x{n}": 0.6 + n / 100})[f"w{n}"] for n in range(20)}
    found = choose_expansions(many, list(many))
    assert [other.stem for other in found] == [f"x{n}" for n in range(19, 11, -1)]


def test_rare_words_weigh_most_and_relatives_less_than_what_they_stand_for() -> None:
    related = relatives("seal", gasket=0.8)
    held = {"seal": 50, "torqu": 2, "e207": 0, "gasket": 1}
    query = weigh(["seal", "torqu", "#e207"], related["seal"], related, held, total=100)
    assert query.weights["torqu"] > query.weights["seal"] > 0
    assert query.unknown == {"#e207"}
    assert query.expansion == {"gasket": pytest.approx(EXPANSION_WEIGHT * 0.8 * query.weights["seal"])}
    assert query.related == {"seal": {"gasket": 0.8}}
    assert not query.has_codes


def test_the_words_of_a_query_are_its_stems_without_codes() -> None:
    query = Query({"seal": 1.0, "#e207": 3.0})
    assert query.words == {"seal": 1.0}
    assert query.has_codes


def test_a_code_that_nothing_mentions_is_missing(pumps: Pack) -> None:
    nothing = Query({}, frozenset({"#e999", "#px300", "#px200"}))
    assert find_missing_codes([Scope(pumps)], "E-999 of the PX-300 or px 200", nothing) == ("E-999",)
    assert find_missing_codes([Scope(pumps)], "E-999", Query({})) == ()


def test_units_classes_with_values_and_sizes_of_a_column_are_no_missing_codes(pumps: Pack) -> None:
    codes = ("mm2", "c230v", "ct200", "pump25", "e207e999", "k55")
    nothing = Query({}, frozenset(f"#{code}" for code in codes))
    text = "how many mm2 for type C 230V, CT 200/5, pump25, E-207-E-999 and K-55?"
    assert find_missing_codes([Scope(pumps)], text, nothing) == ("E-207-E-999", "K-55")
