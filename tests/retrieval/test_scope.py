"""Where a question may be answered from: packs by name, documents by equipment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import NotFoundError
from edge.packs.pack import Pack
from edge.retrieval.scope import Scope, find_scopes, matches
from tests.conftest import OpenPack


def documents(found: list[Scope]) -> list[str]:
    """Return the names of the documents in scope."""
    return [
        document.name
        for scope in found
        for document in scope.pack.list_documents()
        if scope.ranges is None or (document.first_chunk, document.last_chunk) in scope.ranges
    ]


@pytest.fixture(scope="module")
def fans(open_pack: OpenPack) -> Pack:
    """A pack for FX fans, in which one document is for another machine."""
    toml = 'applies_to = ["FX-10", "FX-2*"]\n[documents."motor.md"]\napplies_to = ["M 7 [EU]"]\n'
    texts = {
        "fan.md": "# Fan\n\nClean the blades of the fan with a brush.",
        "motor.md": "# Motor\n\nThe winding of the motor has 12 ohms.",
    }
    return open_pack(texts, name="fans", toml=toml)


def test_without_equipment_everything_is_in_scope(pumps: Pack, fans: Pack) -> None:
    assert (
        find_scopes([pumps, fans], (), None)
        == find_scopes([pumps, fans], (), "")
        == [Scope(pumps), Scope(fans)]
    )


def test_packs_are_chosen_by_name_in_the_order_asked(pumps: Pack, fans: Pack) -> None:
    assert find_scopes([pumps, fans], ["fans"], None) == [Scope(fans)]
    assert find_scopes([pumps, fans], ["fans", "pumps"], None) == [Scope(fans), Scope(pumps)]


def test_a_pack_named_twice_is_searched_once(pumps: Pack) -> None:
    assert find_scopes([pumps], ["pumps", "pumps"], None) == [Scope(pumps)]


def test_a_pack_that_is_not_there_is_an_error_that_names_those_that_are(pumps: Pack, fans: Pack) -> None:
    with pytest.raises(NotFoundError, match="'valves' is not installed") as caught:
        find_scopes([pumps, fans], ["pumps", "valves"], None)
    assert caught.value.hint == "Installed: fans, pumps."
    with pytest.raises(NotFoundError) as caught:
        find_scopes([], ["valves"], None)
    assert caught.value.hint == "Installed: none."


def test_documents_for_other_equipment_are_out_of_scope(pumps: Pack) -> None:
    assert documents(find_scopes([pumps], (), "PX-200")) == ["isolation.md", "px-200.md"]
    assert documents(find_scopes([pumps], (), "PX-300")) == ["isolation.md", "px-300.md"]


def test_a_documents_own_list_replaces_that_of_its_pack(fans: Pack) -> None:
    assert documents(find_scopes([fans], (), "FX-21")) == ["fan.md"]
    assert documents(find_scopes([fans], (), "m7 [eu]")) == ["motor.md"]


def test_what_names_no_equipment_holds_for_all_of_it(pumps: Pack, fans: Pack) -> None:
    assert documents(find_scopes([pumps, fans], (), "FX-10")) == ["isolation.md", "fan.md"]


def test_a_pack_without_anything_in_scope_is_not_searched(pumps: Pack, fans: Pack) -> None:
    assert [scope.pack for scope in find_scopes([pumps, fans], (), "PX-200")] == [pumps]


def test_a_pack_that_is_wholly_in_scope_is_searched_without_ranges(open_pack: OpenPack) -> None:
    pack = open_pack({"a.md": "# A\n\nThe only text of this small document."}, toml='applies_to = ["A-1"]')
    assert find_scopes([pack], (), "a1") == [Scope(pack)]


def test_equipment_nobody_knows_is_an_error_that_names_what_is_known(pumps: Pack, fans: Pack) -> None:
    with pytest.raises(NotFoundError, match="'ZZ-9'") as caught:
        find_scopes([pumps, fans], (), "ZZ-9")
    assert caught.value.hint == "Known: FX-10, FX-2*, M 7 [EU], PX-200, PX-3*."
    with pytest.raises(NotFoundError, match="'FX-10'"):
        find_scopes([pumps, fans], ["pumps"], "FX-10")


def test_packs_that_name_no_equipment_know_none(open_pack: OpenPack) -> None:
    pack = open_pack({"a.md": "# A\n\nThe only text of this small document."})
    with pytest.raises(NotFoundError) as caught:
        find_scopes([pack], (), "PX-200")
    assert caught.value.hint == "Ask without naming equipment."


@pytest.mark.parametrize("model", ["PX-200", "px200", "Px 200", "PX/200", "px_200"])
def test_a_model_fits_however_it_is_spaced_or_capitalised(model: str) -> None:
    assert matches(model, ["PX-200"])
    assert matches(model, ["FX-1", "px-2*"])
    assert matches(model, ["PX-20?"])
    assert not matches(model, ["PX-2"])
    assert not matches(model, [])


@given(st.text(alphabet="PX-2 [](){}.+^$|!é").filter(str.strip))
def test_every_model_fits_its_own_name(model: str) -> None:
    assert matches(model, [model])
