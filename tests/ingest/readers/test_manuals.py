"""Structured manuals: what is marked up as a warning, a step or an answer is taken as that."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import DocumentError
from edge.ingest.document import SourceDocument
from edge.ingest.readers import read

PROCEDURE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE dmodule [<!ENTITY ICN-PX200-01 SYSTEM "ICN-PX200-01.CGM" NDATA cgm>]>
<dmodule xmlns:xlink="http://www.w3.org/1999/xlink">
 <identAndStatusSection><dmAddress><dmIdent><dmCode modelIdentCode="PX200" systemDiffCode="A"/></dmIdent>
  <dmAddressItems><dmTitle><techName>Shaft seal</techName><infoName>Remove procedure</infoName></dmTitle>
  </dmAddressItems></dmAddress>
  <dmStatus><applic><displayText><simplePara>PX-200 from serial 20417</simplePara></displayText></applic></dmStatus>
 </identAndStatusSection>
 <content>
  <referencedApplicGroup><applic id="app-cold"><displayText><simplePara>cold water version</simplePara>
 </displayText></applic>
  </referencedApplicGroup>
  <warningsAndCautions><warning id="warn-1"><warningAndCautionPara>The casing holds 6 bar.</warningAndCautionPara>
 </warning>
  </warningsAndCautions>
  <procedure>
   <preliminaryRqmts><reqCondGroup><reqCondNoRef><reqCond>The pump is isolated.</reqCond></reqCondNoRef>
 </reqCondGroup>
    <reqSupportEquips><supportEquipDescrGroup><supportEquipDescr><name>Torque wrench</name>
     <identNumber><manufacturerCode>K1234</manufacturerCode><partAndSerialNumber><partNumber>TW-25</partNumber>
     </partAndSerialNumber></identNumber><reqQuantity unitOfMeasure="EA">1</reqQuantity></supportEquipDescr>
    </supportEquipDescrGroup></reqSupportEquips><reqSupplies><noSupplies/></reqSupplies>
    <reqSafety><safetyRqmts><warning><warningAndCautionPara>Hot water burns.</warningAndCautionPara></warning>
 </safetyRqmts>
    </reqSafety></preliminaryRqmts>
   <mainProcedure>
    <proceduralStep id="stp-1" warningRefs="warn-1"><para>Open the vent plug.</para></proceduralStep>
    <proceduralStep id="stp-2"><title>Cover</title>
 <para>Remove the bolts, see <internalRef internalRefId="tab-1"/>.</para>
     <proceduralStep><para>Turn each by <quantity><quantityGroup>
 <quantityValue quantityUnitOfMeasure="deg">90</quantityValue>
     </quantityGroup></quantity>.</para></proceduralStep></proceduralStep>
    <proceduralStep applicRefId="app-cold"><caution>
 <warningAndCautionPara>The seal is brittle.</warningAndCautionPara></caution>
     <para>Take off the seal. Go back to <internalRef internalRefId="stp-1"/>.</para></proceduralStep>
   </mainProcedure>
   <closeRqmts><reqCondGroup><reqCondNoRef><reqCond>Close the vent plug.</reqCond></reqCondNoRef></reqCondGroup>
 </closeRqmts>
  </procedure>
  <table id="tab-1"><title>Bolts</title><tgroup cols="2"><colspec colname="a"/><colspec colname="b"/>
   <thead><row><entry>Bolt</entry><entry>Torque</entry></row></thead>
   <tbody><row><entry>M8</entry><entry>25 Nm</entry></row><row><entry namest="a" nameend="b">All dry</entry></row>
 </tbody>
  </tgroup></table>
  <figure><title>Section</title><graphic infoEntityIdent="ICN-PX200-01"/></figure>
 </content>
</dmodule>"""

ISOLATION = """<dmodule><identAndStatusSection><dmAddress><dmAddressItems><dmTitle><techName>Motor</techName>
<infoName>Fault isolation</infoName></dmTitle></dmAddressItems></dmAddress></identAndStatusSection><content>
 <faultIsolation>
<faultIsolationProcedure><fault faultCode="E-207"><faultDescr><descr>Motor does not start.</descr></faultDescr>
 </fault>
<isolationProcedure><isolationMainProcedure>
<isolationStep id="is-1"><action>Measure the voltage at X1.</action>
 <isolationStepQuestion>Is it above 22 V?</isolationStepQuestion><isolationStepAnswer><yesNoAnswer>
 <yesAnswer nextActionRefId="is-2"/><noAnswer nextActionRefId="end-1"/></yesNoAnswer></isolationStepAnswer>
 </isolationStep>
<isolationStep id="is-2"><warning><warningAndCautionPara>Live parts.</warningAndCautionPara></warning>
 <isolationStepQuestion>Which lamp is lit?</isolationStepQuestion><isolationStepAnswer><listOfChoices>
 <choice nextActionRefId="end-1">Red</choice><choice nextActionRefId="is-1">None</choice></listOfChoices>
 </isolationStepAnswer></isolationStep>
<isolationProcedureEnd id="end-1"><action>Replace fuse F3.</action></isolationProcedureEnd>
</isolationMainProcedure></isolationProcedure></faultIsolationProcedure></faultIsolation></content></dmodule>"""

TASK = """<?xml version="1.0"?><!DOCTYPE task PUBLIC "-//OASIS//DTD DITA Task//EN" "task.dtd">
<task id="seal"><title>Replace the seal</title><shortdesc>Every 4000&nbsp;hours.</shortdesc>
<prolog><author>A. Writer</author></prolog>
<taskbody><prereq><p>Isolate the pump.</p></prereq><context><note type="danger">The shaft turns.</note></context>
<steps><step><cmd>Open <uicontrol>Menu</uicontrol> of the drive.</cmd><info>
 <note type="tip">Use the red key.</note></info></step>
<step product="PX-300"><cmd>Remove the guard.</cmd></step>
<step><cmd>Pull the seal.</cmd><substeps><substep><cmd>Warm it to 60 C.</cmd></substep></substeps>
<stepresult>The shaft is free.</stepresult></step></steps>
<result><p>The seal is out.</p></result></taskbody>
<related-links><link href="other.dita"/></related-links></task>"""

REFERENCE = """<reference id="codes"><title>Codes</title><refbody>
<section id="list"><title>List</title><simpletable><sthead><stentry>Code</stentry><stentry>Cause</stentry></sthead>
<strow><stentry>E-1</stentry><stentry>Dry run</stentry></strow><strow><stentry>E-2</stentry>
 <stentry>Too hot</stentry></strow>
</simpletable></section><properties><prophead><proptypehd>Name</proptypehd><propvaluehd>Value</propvaluehd></prophead>
<property><proptype>Head</proptype><propvalue>42 m</propvalue></property></properties>
<section><hazardstatement type="caution"><messagepanel><typeofhazard>Heavy</typeofhazard>
 <howtoavoid>Lift with two.</howtoavoid>
</messagepanel></hazardstatement><newelement>Kept text.</newelement><dl><dlentry><dt>F1</dt><dd>Fan</dd></dlentry>
 </dl>
<fig><title>Pump</title><image href="a.png"/></fig></section></refbody></reference>"""

GUIDE = {
    "title": "Tablet battery",
    "difficulty": "Moderate",
    "introduction_raw": "Use this guide to replace the '''battery'''.",
    "tools": [{"text": "Spudger", "quantity": 2}, {"text": "T5 driver", "notes": "long"}],
    "steps": [
        {
            "title": "Open",
            "stepid": 77,
            "lines": [
                {"text_raw": "Heat the [link|http://x|edge] for a minute.", "bullet": "black", "level": 0},
                {"text_raw": "Slide the pick in.", "bullet": "black", "level": 1},
                {"text_raw": "Do not puncture the battery.", "bullet": "icon_caution", "level": 0},
                {"text_rendered": "Lift the <b>panel</b>.", "bullet": "red", "level": 0},
            ],
        },
        {"lines": [{"text_raw": "Remove 3 screws of 4.5 mm.", "bullet": "black", "level": 0}]},
    ],
    "conclusion_raw": "Put it together in reverse order.",
}


def show(document: SourceDocument) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in document.blocks]


def test_a_procedure_keeps_its_steps_warnings_and_what_they_apply_to() -> None:
    document = read("seal.xml", PROCEDURE.encode())
    assert document.title == "Shaft seal – Remove procedure"
    assert show(document) == [
        ("heading", "Shaft seal – Remove procedure"),
        ("paragraph", "Applies to: PX-200 from serial 20417"),
        ("paragraph", "Required conditions:"),
        ("paragraph", "The pump is isolated."),
        ("paragraph", "Support equipment:"),
        ("item", "- Torque wrench, part number TW-25, quantity 1 EA"),
        ("paragraph", "Safety:"),
        ("warning", "WARNING: Hot water burns."),
        ("warning", "WARNING: The casing holds 6 bar."),
        ("step", "1. Open the vent plug."),
        ("step", "2. Cover Remove the bolts, see Bolts."),
        ("step", "1. Turn each by 90 deg ."),
        ("warning", "CAUTION: The seal is brittle."),
        ("step", "3. (Only cold water version) Take off the seal. Go back to step 1."),
        ("paragraph", "After the procedure:"),
        ("paragraph", "Close the vent plug."),
        ("row", "M8 | 25 Nm"),
        ("paragraph", "All dry"),
        ("paragraph", "Figure: Section"),
    ]
    assert document.blocks[-3].header == "Bolt | Torque"
    assert document.blocks[9].place == "#stp-1"
    assert document.notes == ("1 picture left out.",)


def test_fault_isolation_says_where_each_answer_leads() -> None:
    assert show(read("fault.xml", ISOLATION.encode()))[1:] == [
        ("paragraph", "Fault code E-207"),
        ("paragraph", "Motor does not start."),
        ("step", "1. Measure the voltage at X1. Is it above 22 V? Yes: go to step 2. No: go to step 3."),
        ("warning", "WARNING: Live parts."),
        ("step", "2. Which lamp is lit? Red: go to step 3. None: go to step 1."),
        ("step", "3. Replace fuse F3."),
    ]


def test_a_task_keeps_its_steps_and_products() -> None:
    document = read("seal.dita", TASK.encode())
    assert show(document) == [
        ("heading", "Replace the seal"),
        ("paragraph", "Every 4000 hours."),
        ("paragraph", "Before you begin:"),
        ("paragraph", "Isolate the pump."),
        ("warning", "DANGER: The shaft turns."),
        ("step", "1. Open Menu of the drive."),
        ("paragraph", "Tip: Use the red key."),
        ("step", "2. (Only PX-300) Remove the guard."),
        ("step", "3. Pull the seal."),
        ("step", "1. Warm it to 60 C."),
        ("paragraph", "The shaft is free."),
        ("paragraph", "Result:"),
        ("paragraph", "The seal is out."),
    ]
    assert document.notes == ("1 list of related link left out.",)


def test_a_reference_keeps_its_tables_and_elements_that_are_not_known() -> None:
    document = read("codes.dita", REFERENCE.encode())
    assert show(document) == [
        ("heading", "Codes"),
        ("heading", "List"),
        ("row", "E-1 | Dry run"),
        ("row", "E-2 | Too hot"),
        ("row", "Head | 42 m"),
        ("warning", "CAUTION: Heavy Lift with two."),
        ("paragraph", "Kept text."),
        ("paragraph", "F1 – Fan"),
        ("heading", "Pump"),
    ]
    assert [block.header for block in document.blocks if block.kind == "row"] == ["Code | Cause"] * 2 + [
        "Name | Value"
    ]
    assert document.blocks[2].place == "#list"


def test_a_map_names_the_documents_that_it_lists() -> None:
    with pytest.raises(DocumentError, match=r"lists a\.dita, b\.dita"):
        read("pump.ditamap", b'<map><topicref href="a.dita"><topicref href="b.dita"/></topicref></map>')


def test_xml_of_another_kind_is_refused_by_name() -> None:
    with pytest.raises(DocumentError, match="<svg>"):
        read("a.xml", b"<svg><text>Pump</text></svg>")


def test_entities_that_hold_one_another_are_refused_at_once() -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE task [<!ENTITY e0 "pump">{levels}]><task><title>&e11;</title></task>'
    start = time.perf_counter()
    with pytest.raises(DocumentError, match="entities"):
        read("a.dita", bomb.encode())
    assert time.perf_counter() - start < 1


def test_a_long_entity_many_times_is_refused() -> None:
    bomb = f'<!DOCTYPE task [<!ENTITY e "{"pump " * 20_000}">]><task><p>{"&e;" * 20_000}</p></task>'
    with pytest.raises(DocumentError):
        read("a.dita", bomb.encode())


def test_what_an_entity_names_outside_is_not_fetched() -> None:
    declared = '<!DOCTYPE topic [<!ENTITY secret SYSTEM "file:///etc/hostname">]>'
    topic = f"{declared}<topic><title>A</title><p>x &secret; y</p></topic>"
    try:
        text = " ".join(block.text for block in read("a.dita", topic.encode()).blocks)
    except DocumentError:
        return
    assert text.split() == ["A", "x", "y"]


def test_a_guide_keeps_its_steps_cautions_tools_and_bullets() -> None:
    document = read("battery.json", json.dumps(GUIDE).encode())
    assert document.title == "Tablet battery"
    assert show(document) == [
        ("heading", "Tablet battery"),
        ("paragraph", "Difficulty: Moderate"),
        ("paragraph", "Use this guide to replace the battery."),
        ("paragraph", "Tools:"),
        ("item", "- 2 x Spudger"),
        ("item", "- T5 driver (long)"),
        ("heading", "Step 1: Open"),
        ("step", "1. Heat the edge for a minute."),
        ("item", "- Slide the pick in."),
        ("warning", "CAUTION: Do not puncture the battery."),
        ("step", "2. Lift the panel."),
        ("heading", "Step 2"),
        ("step", "1. Remove 3 screws of 4.5 mm."),
        ("heading", "Conclusion"),
        ("paragraph", "Put it together in reverse order."),
    ]
    assert document.blocks[7].place == "#77"


@pytest.mark.parametrize("data", ["{}", "[1, 2]", '{"steps": 3}', "nonsense"])
def test_json_of_another_kind_is_refused(data: str) -> None:
    with pytest.raises(DocumentError):
        read("a.json", data.encode())


TAGS = st.sampled_from(
    "task topic title steps step cmd note p ul li table tgroup thead tbody row entry simpletable strow stentry dmodule "
    "content procedure mainProcedure proceduralStep para warning caution isolationStep levelledPara dmRef x".split()
)
TREES = st.recursive(
    st.text("ab<&|: 1", max_size=8).map(lambda text: text.replace("&", "&amp;").replace("<", "&lt;")),
    lambda inner: st.tuples(TAGS, st.lists(inner, max_size=4)).map(
        lambda made: f'<{made[0]} id="i" morerows="x" namest="1">{"".join(made[1])}</{made[0]}>'
    ),
    max_leaves=25,
)


@settings(max_examples=60, deadline=None)
@given(root=st.sampled_from(["task", "dmodule", "reference"]), inner=TREES)
def test_any_nesting_of_elements_is_read_or_refused_and_keeps_its_words(root: str, inner: str) -> None:
    page = f"<{root}>{inner}<p>the last word</p></{root}>"
    assert "the last word" in " ".join(block.text for block in read("a.xml", page.encode()).blocks)


GUIDES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["steps", "lines", "title", "text_raw", "bullet", "tools", "level"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(guide=GUIDES)
def test_any_json_is_read_or_refused(guide: object) -> None:
    try:
        read("a.json", json.dumps({"steps": [guide], "title": guide}).encode())
    except DocumentError as refused:
        assert refused.hint  # noqa: PT017
