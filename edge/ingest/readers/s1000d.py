"""S1000D data modules: procedures, fault isolation and descriptions as HTML; applicability and warnings in place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from itertools import count
from xml.etree import ElementTree as ET

from edge.ingest.readers.manual_xml import (
    Writer,
    find,
    get_tag,
    put_first,
    read_text,
    wrap,
    write_box,
    write_table,
)

_TAGS = {
    "para": "p", "simplePara": "p", "notePara": "p", "warningAndCautionPara": "p", "attentionListItemPara": "p",
    "randomList": "ul", "sequentialList": "ol", "attentionRandomList": "ul", "attentionSequentialList": "ol",
    "listItem": "li", "attentionRandomListItem": "li", "attentionSequentialListItem": "li", "definitionList": "dl",
    "listItemTerm": "dt", "listItemDefinition": "dd", "verbatimText": "pre", "superScript": "sup",
    "subScript": "sub", "emphasis": "b", "reqCond": "p", "action": "p", "descr": "p",
}  # fmt: skip
_INLINE = frozenset(
    "emphasis internalRef dmRef externalPubRef superScript subScript quantity quantityGroup quantityValue "
    "quantityTolerance acronym acronymTerm acronymDefinition inlineSignificantData controlIndicatorRef changeInline "
    "functionalItemRef circuitBreakerRef name shortName identNumber partNumber manufacturerCode partAndSerialNumber "
    "reqQuantity".split()
)
_SKIPPED = {"identAndStatusSection": "", "rdf": "", "Description": "", "referencedApplicGroup": "", "indexFlag": "",
            "graphic": "picture", "symbol": "picture", "multimedia": "picture"}  # fmt: skip
_STEPS = frozenset(("proceduralStep", "step1", "step2", "step3", "step4", "step5"))
_CONTAINERS = frozenset(("mainProcedure", "mainfunc"))
_EQUIPMENT = {"reqSupportEquips": "Support equipment", "reqSupplies": "Supplies", "reqSpares": "Spares",
              "reqPersons": "Personnel", "reqCondGroup": "Required conditions", "closeRqmts": "After the procedure",
              "reqSafety": "Safety"}  # fmt: skip
_ITEMS = frozenset(("supportEquipDescr", "supplyDescr", "spareDescr", "person", "personnel"))
_TAG = re.compile(r"<[^>]*>")
_NOTHING = frozenset(("noConds", "noSupportEquips", "noSupplies", "noSpares", "noSafety"))


class _Module(Writer):
    """Writes one data module; knows what its references mean."""

    def __init__(self, root: ET.Element) -> None:
        handlers = {
            "levelledPara": _write_level, "table": write_table, "warning": _write_warning, "caution": _write_caution,
            "note": _write_note, "title": _write_title, "dmRef": _write_reference, "internalRef": _write_internal,
            "isolationStep": _write_isolation, "isolationProcedureEnd": _write_isolation, "fault": _write_fault,
            "isolationMainProcedure": _write_isolations, "quantityValue": _write_quantity, "figure": _write_figure,
            "definitionListItem": _write_plain, "warningsAndCautions": _write_collection,
            **dict.fromkeys(_STEPS, _write_step),
            **dict.fromkeys(_CONTAINERS, _write_procedure), **dict.fromkeys(_EQUIPMENT, _write_requirements),
            **dict.fromkeys(_ITEMS, _write_item), **dict.fromkeys(_NOTHING, _write_none),
        }  # fmt: skip
        super().__init__(handlers, _TAGS, _SKIPPED, _INLINE)
        self.applicability = {
            e.get("id") or "": _read_applicability(e)
            for group in root.iter()
            if get_tag(group) == "referencedApplicGroup"
            for e in group
        }
        self.referred = {ref for e in root.iter() for ref in _list_refs(e)}
        self.by_id = {identity: e for e in root.iter() if (identity := e.get("id"))}
        self.numbers = dict(_number_steps(root))

    def write(self, element: ET.Element, depth: int = 0) -> str:
        """Write an element behind the warnings that it refers to, and with what it applies to in front."""
        written = Writer.write(self, element, depth)
        refs = [ref for ref in _list_refs(element) if ref in self.by_id]
        boxes = [Writer.write(self, self.by_id[ref], depth + 1) for ref in refs]
        applies = self.applicability.get(element.get("applicRefId") or "")
        if applies and written:
            note = f"(Only {applies})"
            is_inline = get_tag(element) in self.inline
            # A warning in front of a step stays as it is.
            written = f"{escape(note)} {written}" if is_inline else put_first(written, note, after="li")
        return "".join(boxes) + written


def write_module(root: ET.Element) -> tuple[Writer, str]:
    """Return the writer that was used, and a data module as HTML."""
    module = _Module(root)
    module.level = 1
    names = [e for e in root.iter() if get_tag(e) == "dmTitle"]
    title = " – ".join(read_text(part) for part in names[0] if read_text(part)) if names else ""
    status = next((e for e in root.iter() if get_tag(e) == "dmStatus"), None)
    applies = find(status, "applic") if status is not None else None
    head = f"<title>{escape(title)}</title><h1>{escape(title)}</h1>" if title else ""
    if applies is not None and (text := _read_applicability(applies)):
        head += f"<p>Applies to: {escape(text)}</p>"
    return module, head + module.write(root)


def _read_applicability(applic: ET.Element) -> str:
    """Return the text for readers; without one the values that a computer evaluates."""
    if text := read_text(find(applic, "displayText")):
        return text
    asserts = [
        f"{e.get('applicPropertyIdent') or ''} {e.get('applicPropertyValues') or ''}".strip()
        for e in applic.iter()
        if get_tag(e) == "assert"
    ]
    return ", ".join(filter(None, asserts))


def _number_steps(root: ET.Element) -> Iterator[tuple[str, str]]:
    """Yield the number of every step that can be referred to."""
    for parent in root.iter():
        number = count(1)
        for child in parent:
            if get_tag(child) in _STEPS or get_tag(child) in ("isolationStep", "isolationProcedureEnd"):
                here = next(number)
                if identity := child.get("id"):
                    yield identity, str(here)


def _write_plain(writer: Writer, element: ET.Element, depth: int) -> str:
    return writer.write_content(element, depth)


def _list_refs(element: ET.Element) -> list[str]:
    return f"{element.get('warningRefs') or ''} {element.get('cautionRefs') or ''}".split()


def _write_collection(writer: Writer, element: ET.Element, depth: int) -> str:
    """Write the warnings of a module's collection that no step refers to: the others stand with their steps."""
    assert isinstance(writer, _Module)
    return "".join(writer.write(e, depth + 1) for e in element if e.get("id") not in writer.referred)


def _write_none(writer: Writer, element: ET.Element, depth: int) -> str:
    return ""


def _write_title(writer: Writer, element: ET.Element, depth: int) -> str:
    return wrap(f"h{min(writer.level + 1, 6)}", writer.write_content(element, depth), element)


def _write_level(writer: Writer, element: ET.Element, depth: int) -> str:
    writer.level += find(element, "title") is not None
    content = wrap("div", writer.write_content(element, depth), element)
    writer.level -= find(element, "title") is not None
    return content


def _write_warning(writer: Writer, element: ET.Element, depth: int) -> str:
    return write_box(writer, element, depth, "warning")


def _write_caution(writer: Writer, element: ET.Element, depth: int) -> str:
    return write_box(writer, element, depth, "caution")


def _write_note(writer: Writer, element: ET.Element, depth: int) -> str:
    return write_box(writer, element, depth, "note")


def _write_figure(writer: Writer, element: ET.Element, depth: int) -> str:
    title = read_text(find(element, "title"))
    rest = writer.write_content(element, depth, (find(element, "title"),))
    return (f"<p>Figure: {escape(title)}</p>" if title else "") + rest


def _write_procedure(writer: Writer, element: ET.Element, depth: int) -> str:
    return _write_steps(writer, element, depth)


def _write_step(writer: Writer, element: ET.Element, depth: int) -> str:
    """Write a step. Warnings in front of its first sentence stand before it, as a reader meets them."""
    title = find(element, "title")
    head = f"<b>{escape(read_text(title))}</b> " if title is not None else ""
    ahead, rest, begun = [], [], bool(head)
    inner = [child for child in element if child is not title]
    for child in inner:
        if not begun and get_tag(child) in ("warning", "caution", "note"):
            ahead.append(writer.write(child, depth + 1))
        elif get_tag(child) not in _STEPS:
            begun = True
            rest.append(writer.write(child, depth + 1))
    steps = [child for child in inner if get_tag(child) in _STEPS]
    nested = wrap("ol", "".join(writer.write(child, depth + 1) for child in steps)) if steps else ""
    first = (
        rest[0].removeprefix("<p>").removesuffix("</p>")
        if rest and rest[0].count("<p>") == 1
        else "".join(rest[:1])
    )
    return "".join(ahead) + wrap("li", f"<p>{head}{first}</p>" + "".join(rest[1:]) + nested, element)


def _write_steps(writer: Writer, element: ET.Element, depth: int) -> str:
    """Write steps as one list, which goes on behind what stands between two of them."""
    parts, number, waiting = [], 1, list[str]()
    for child in element:
        written = writer.write(child, depth + 1)
        if get_tag(child) in _STEPS or get_tag(child) in ("isolationStep", "isolationProcedureEnd"):
            box, item = written[: written.index("<li")], written[written.index("<li") :]
            parts += [*waiting, box, f'<ol start="{number}">{item}</ol>']
            waiting, number = [], number + 1
        else:
            waiting.append(written)
    return "".join([*parts, *waiting])


def _write_isolations(writer: Writer, element: ET.Element, depth: int) -> str:
    return _write_steps(writer, element, depth)


def _write_isolation(writer: Writer, element: ET.Element, depth: int) -> str:
    """Write a step of fault isolation: what to do, the question, and where each answer leads."""
    assert isinstance(writer, _Module)
    said, ahead = [], []
    for child in element:
        tag = get_tag(child)
        if tag in ("warning", "caution", "note"):
            ahead.append(writer.write(child, depth + 1))
        elif tag == "isolationStepAnswer":
            said += [
                _describe_answer(writer, answer) for answer in child.iter() if answer.get("nextActionRefId")
            ]
        else:
            said.append(writer.write_content(child, depth + 1))
    text = " ".join(part.strip() for part in said if part.strip())
    return "".join(ahead) + wrap("li", f"<p>{text}</p>", element)


def _describe_answer(module: _Module, answer: ET.Element) -> str:
    names = {"yesAnswer": "Yes", "noAnswer": "No"}
    said = names.get(get_tag(answer)) or read_text(answer)
    number = module.numbers.get(answer.get("nextActionRefId") or "", "")
    return escape(f"{said}: go to step {number}." if number else f"{said}.")


def _write_fault(writer: Writer, element: ET.Element, depth: int) -> str:
    code = element.get("faultCode") or ""
    content = writer.write_content(element, depth)
    return wrap("p", f"Fault code {escape(code)}", element) + content if code else content


def _write_requirements(writer: Writer, element: ET.Element, depth: int) -> str:
    """Write conditions or equipment under their name, if any are stated."""
    parts = element if get_tag(element) == "closeRqmts" else [element]
    content = "".join(writer.write_content(part, depth) for part in parts)
    is_empty = not _TAG.sub("", content).strip()
    return "" if is_empty else f"<p>{_EQUIPMENT[get_tag(element)]}:</p><div>{content}</div>"


def _write_item(writer: Writer, element: ET.Element, depth: int) -> str:
    """Write a tool, a supply or a spare part on one line: name, part number, quantity."""
    name = read_text(find(element, "name")) or read_text(find(element, "personCategory"))
    number = next((read_text(e) for e in element.iter() if get_tag(e) == "partNumber"), "")
    quantity = find(element, "reqQuantity")
    unit = (quantity.get("unitOfMeasure") or "") if quantity is not None else ""
    amount = " ".join(filter(None, (read_text(quantity), unit)))
    parts = [
        name or read_text(element),
        f"part number {number}" if number else "",
        f"quantity {amount}" if amount else "",
    ]
    return f"<ul><li>{escape(', '.join(filter(None, parts)))}</li></ul>"


def _write_quantity(writer: Writer, element: ET.Element, depth: int) -> str:
    unit = element.get("quantityUnitOfMeasure") or ""
    return f"{writer.write_content(element, depth)}{f' {escape(unit)}' if unit else ''}"


def _write_reference(writer: Writer, element: ET.Element, depth: int) -> str:
    """Write a reference to another data module by its title, else by its code."""
    title = next((e for e in element.iter() if get_tag(e) == "dmTitle"), None)
    if title is not None and read_text(title):
        return f"<span>{escape(' – '.join(read_text(part) for part in title))}</span>"
    code = next((e for e in element.iter() if get_tag(e) == "dmCode"), None)
    return f"<span>DMC-{escape('-'.join(code.attrib.values()))}</span>" if code is not None else ""


def _write_internal(writer: Writer, element: ET.Element, depth: int) -> str:
    """Write a reference inside the module: the number of a step, the title of a table or figure."""
    assert isinstance(writer, _Module)
    if text := writer.write_content(element, depth):
        return text
    identity = element.get("internalRefId") or ""
    if number := writer.numbers.get(identity):
        return f"step {number}"
    target = writer.by_id.get(identity)
    title = read_text(find(target, "title")) if target is not None else ""
    return escape(title or identity)
