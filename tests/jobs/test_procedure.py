"""Procedures of a real pack: steps in order, warnings word for word, tools and parts."""

from __future__ import annotations

import pytest

from edge.errors import NotFoundError
from edge.jobs.procedure import Procedure, find_procedure, get_procedure, list_procedures
from edge.packs.pack import Pack
from tests.conftest import OpenPack


def test_numbered_steps_under_a_heading_are_a_procedure(manual: Pack) -> None:
    assert [(p.name, len(p.steps)) for p in list_procedures(manual)] == [
        ("Changing the seal", 5),
        ("Venting", 2),
    ]


def test_steps_come_in_order_with_what_stands_between_them(procedure: Procedure) -> None:
    assert [step.label for step in procedure.steps] == ["1.", "2.", "3.", "4.", "5."]
    assert procedure.steps[0].text == "Close the discharge valve."
    assert procedure.steps[1].details == ("- Catch the oil.",)
    assert procedure.steps[4].details == ()
    assert procedure.lead == "To change the seal:"
    assert {step.page for step in procedure.steps} == {1}


def test_warnings_that_apply_come_word_for_word_from_the_section_and_those_above(
    procedure: Procedure,
) -> None:
    assert [(caution.text, caution.before_step) for caution in procedure.cautions] == [
        ("WARNING: Only qualified persons may open this pump.", None),
        ("WARNING: The pump starts without notice. Lock out the mains before you open the housing.", None),
        ("CAUTION: The spring is under load.", 4),
    ]


def test_a_warning_of_another_section_does_not_apply(manual: Pack) -> None:
    venting = list_procedures(manual)[1]
    assert [caution.text for caution in venting.cautions] == [
        "WARNING: Only qualified persons may open this pump."
    ]


def test_tools_and_parts_are_those_of_the_lists_and_of_the_steps(procedure: Procedure) -> None:
    assert procedure.tools == ("10 mm spanner", "torque wrench")
    assert procedure.parts == ("4711-23",)


def test_limits_stand_with_their_step(procedure: Procedure) -> None:
    assert [[limit.text for limit in step.limits] for step in procedure.steps] == [
        [],
        ["less than 0.2 bar"],
        [],
        ["50 Nm"],
        ["between 2 and 3 bar"],
    ]


def test_a_procedure_knows_the_pack_and_document_it_comes_from(manual: Pack, procedure: Procedure) -> None:
    assert (procedure.pack, procedure.version, procedure.digest) == ("px", "1.0", manual.digest)
    assert procedure.sha256 == manual.get_document("px-200.md").sha256


def test_a_procedure_is_found_by_its_id_and_by_a_passage_that_shows_it(
    manual: Pack, procedure: Procedure
) -> None:
    assert get_procedure(manual, procedure.id) == procedure
    text = "To vent:\n1. Open the vent screw by one turn.\n2. Close it when water runs out."
    assert find_procedure(manual, "px-200.md", "PX-200 pump > Venting", text).name == "Venting"


@pytest.mark.parametrize("id", ["", "0.1", "999.1", "1", "x.1", "1.9", "9" * 40 + ".1"])
def test_an_unknown_procedure_is_not_found(manual: Pack, id: str) -> None:
    with pytest.raises(NotFoundError):
        get_procedure(manual, id)


def test_a_passage_without_steps_is_no_procedure(manual: Pack) -> None:
    with pytest.raises(NotFoundError):
        find_procedure(manual, "px-200.md", "PX-200 pump > Storage", "Store the pump dry.")


def test_a_list_that_begins_anew_is_a_procedure_of_its_own(open_pack: OpenPack) -> None:
    text = "# Filter\n\nTo open:\n\n1. Loosen it.\n2. Lift it.\n\nTo close:\n\n1. Lower it.\n2. Fasten it.\n"
    found = list_procedures(open_pack({"a.md": text}, name="filter", embedder=None))
    assert [(p.lead, [step.text for step in p.steps]) for p in found] == [
        ("To open:", ["Loosen it.", "Lift it."]),
        ("To close:", ["Lower it.", "Fasten it."]),
    ]
    assert len({p.id for p in found}) == 2


def test_a_long_procedure_over_several_chunks_is_one(open_pack: OpenPack) -> None:
    steps = "\n".join(
        f"{n}. Turn screw number {n} slowly {'and with care ' * 8}to the right." for n in range(1, 31)
    )
    pack = open_pack({"a.md": f"# Long\n\nTo close the lid:\n\n{steps}\n"}, name="long", embedder=None)
    assert pack.chunk_count > 2
    (found,) = list_procedures(pack)
    assert [step.label for step in found.steps] == [f"{n}." for n in range(1, 31)]
