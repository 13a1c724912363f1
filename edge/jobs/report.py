"""A job as one HTML file that needs nothing else, for the browser and for paper. Pure but for the photos."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from html import escape

from edge.jobs.job import Entry, Job, StepRecord
from edge.jobs.procedure import Caution, Step
from edge.jobs.store import Photo

GetPhoto = Callable[[str], Photo]
"""Returns the photo of an entry's id."""

_STATUS = {"open": "open", "done": "done", "not_possible": "not possible"}
_OUTCOME = {
    "in": "within the limit",
    "out": "OUTSIDE THE LIMIT",
    "differs": "differs from the page",
    "unknown": "not compared",
}

_STYLE = """
body{font:11pt/1.4 system-ui,sans-serif;color:#111;background:#fff;max-width:52em;margin:2em auto;padding:0 1em}
h1{font-size:1.5em;margin:0 0 .2em}h2{font-size:1.15em;margin:1.6em 0 .4em;border-bottom:1px solid #999}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.25em .6em .25em 0}
th{font-weight:600;white-space:nowrap;width:9em}.warning{border:2px solid #b00020;padding:.5em .8em;margin:.5em 0}
.step{border-top:1px solid #ccc;padding:.6em 0;break-inside:avoid}.step h3{font-size:1em;margin:0 0 .2em}
.status{float:right;border:1px solid #555;border-radius:.3em;padding:0 .5em;margin-left:1em}
.not_possible,.out,.differs{background:#fde7e9;font-weight:600}.done,.in{background:#e6f4ea}.open{background:#fff3cd}
.said{padding:0 .3em}.faint{color:#555;font-size:.9em}ul{margin:.3em 0;padding-left:1.2em}
img{max-width:100%;max-height:11cm;display:block;margin:.4em 0}code{font-size:.85em;word-break:break-all}
footer{margin-top:2em;border-top:1px solid #999;padding-top:.5em}
@media print{body{margin:0;max-width:none;font-size:10pt}.warning,.step,tr{break-inside:avoid}h2{break-after:avoid}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}@page{margin:18mm 15mm}}
"""


def write_report(job: Job, get_photo: GetPhoto) -> str:
    """Write the report: who, when, machine, warnings, steps with readings and photos, and what it was done from."""
    procedure = job.procedure
    parts = [
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(procedure.name)} – {escape(job.id)}'
        f"</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(procedure.name)}</h1>",
        f'<p class="faint">{escape(procedure.lead or procedure.heading)}</p>',
        _write_table(_list_facts(job)),
        *_write_warnings(job),
        *_write_things("Tools", procedure.tools),
        *_write_things("Parts", procedure.parts),
        "<h2>Steps</h2>",
        *(
            _write_step(step, record, get_photo)
            for step, record in zip(procedure.steps, job.steps, strict=True)
        ),
        "<h2>Done from</h2>",
        _write_table(_list_sources(job)),
        f'<footer class="faint">Job {escape(job.id)}, device {escape(job.device)}. Times are UTC.</footer>',
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _list_facts(job: Job) -> Iterator[tuple[str, str]]:
    closed = sum(record.status != "open" for record in job.steps)
    yield "Machine", escape(job.equipment) or "not named"
    yield "Done by", escape(", ".join(_list_people(job))) or "not named"
    yield "Begun", _write_time(job.started)
    yield (
        "Finished",
        _write_time(job.finished) if job.finished else f"open: {closed} of {len(job.steps)} steps",
    )
    troubled = [n for n, record in enumerate(job.steps, 1) if _is_troubled(record)]
    if troubled:
        yield "To look at", f"<strong>step {', '.join(map(str, troubled))}</strong>"


def _is_troubled(record: StepRecord) -> bool:
    last = record.readings[-1].outcome if record.readings else "in"
    return record.status == "not_possible" or last in ("out", "differs")


def _list_people(job: Job) -> list[str]:
    return list(dict.fromkeys(filter(None, [job.who, *(entry.who for entry in job.entries)])))


def _list_sources(job: Job) -> Iterator[tuple[str, str]]:
    procedure = job.procedure
    pages = sorted({step.page for step in procedure.steps} | {caution.page for caution in procedure.cautions})
    yield "Document", escape(f"{procedure.title} ({procedure.document})")
    yield "Pages", ", ".join(map(str, pages))
    yield "Section", escape(procedure.heading)
    yield "Document SHA-256", f"<code>{escape(procedure.sha256)}</code>"
    signed = "signed" if procedure.signed else "UNSIGNED"
    yield "Pack", escape(f"{procedure.pack} {procedure.version}, {signed}")
    yield "Pack digest", f"<code>{escape(procedure.digest)}</code>"


def _write_warnings(job: Job) -> Iterator[str]:
    if job.procedure.cautions:
        yield "<h2>Warnings</h2>"
    for caution, entry in zip(job.procedure.cautions, job.acknowledged, strict=True):
        yield _write_warning(caution, entry)


def _write_warning(caution: Caution, entry: Entry | None) -> str:
    read = f"Read{_write_by(entry)}" if entry else "Not acknowledged"
    step = f", before step {caution.before_step}" if caution.before_step else ""
    where = f'<div class="faint">page {caution.page}{step}. {read}.</div>'
    return f'<div class="warning">{escape(caution.text)}{where}</div>'


def _write_things(heading: str, names: Iterable[str]) -> Iterator[str]:
    items = "".join(f"<li>{escape(name)}</li>" for name in names)
    if items:
        yield f"<h2>{heading}</h2><ul>{items}</ul>"


def _write_step(step: Step, record: StepRecord, get_photo: GetPhoto) -> str:
    lines = [
        f'<div class="step"><span class="status {record.status}">{_STATUS[record.status]}</span>',
        f"<h3>{escape(step.label)} {escape(step.text)}</h3>",
        _write_list(map(escape, step.details)),
        _write_list(_write_reading(entry) for entry in record.readings),
        _write_list(f"{escape(entry.text)} {_write_faint(entry)}" for entry in record.notes),
        *(_write_photo(entry, get_photo) for entry in record.photos),
    ]
    when = f". {_STATUS[record.status].capitalize()}{_write_by(record.set_by)}" if record.set_by else ""
    lines.append(f'<div class="faint">page {step.page}{when}.</div></div>')
    return "".join(lines)


def _write_reading(entry: Entry) -> str:
    return (
        f'Reading: <strong>{escape(entry.text)}</strong> <span class="said {entry.outcome}">{_OUTCOME[entry.outcome]}'
        f"</span> {escape(entry.said)} {_write_faint(entry)}"
    )


def _write_photo(entry: Entry, get_photo: GetPhoto) -> str:
    photo = get_photo(entry.id)
    data = base64.b64encode(photo.data).decode()
    return f'<img alt="Photo{escape(_write_by(entry))}" src="data:{photo.media_type};base64,{data}">'


def _write_faint(entry: Entry) -> str:
    return f'<span class="faint">{_write_by(entry).strip()}</span>'


def _write_by(entry: Entry | None) -> str:
    """Write who did something and when."""
    if entry is None:
        return ""
    return f" by {escape(entry.who)}, {_write_time(entry.at)}" if entry.who else f" {_write_time(entry.at)}"


def _write_time(at: str) -> str:
    return escape(at[:16].replace("T", " "))


def _write_list(items: Iterable[str]) -> str:
    inside = "".join(f"<li>{item}</li>" for item in items)
    return f"<ul>{inside}</ul>" if inside else ""


def _write_table(rows: Iterable[tuple[str, str]]) -> str:
    inside = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows)
    return f"<table>{inside}</table>"
