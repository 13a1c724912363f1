"""``edge pack build``: from a folder of documents to a pack."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.screen import CAREFUL, FAINT, GOOD, STRONG, Screen, plural
from edge.errors import UsageError
from edge.text.sizes import size

if TYPE_CHECKING:
    from edge.ingest.build import BuildReport


def run(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A folder with pack.toml and documents.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.kpack", help="The pack to write.")],
    sign_with: Annotated[
        list[Path] | None,
        typer.Option("--sign-with", metavar="KEYS", help="Sign it with these keys and release it in REPO."),
    ] = None,
    repository: Annotated[
        Path | None, typer.Option("--repository", metavar="REPO", help="Where --sign-with releases it.")
    ] = None,
) -> None:
    """Build a pack from a folder of documents.

    Reads PDF, HTML, Markdown, text, DOCX and CSV. A document that cannot be read is reported and left out (exit code
    0). Interrupted, the same command resumes. With --sign-with it goes on as 'edge publish add' does.
    """
    from contextlib import closing, nullcontext
    from time import perf_counter

    from edge import app
    from edge.cli.progress import progress
    from edge.config import load_settings
    from edge.engine.machine.resources import physical_cores
    from edge.ingest.build import Progress, build

    _check_signing(sign_with, repository)
    start = perf_counter()
    embedder = app.make_embedder(load_settings(), threads=physical_cores())
    with closing(embedder) if embedder else nullcontext(), progress() as report:

        def step(step: Progress) -> None:
            report(step.stage, step.document, step.done, step.total)

        try:
            built = build(source, output, embedder, step, find=app.find(embedder))
        except KeyboardInterrupt:
            Screen(sys.stderr).write("The same command resumes where this one stops.")
            raise
    _show(Screen(), built, perf_counter() - start)
    if sign_with and repository:
        from edge.cli.publish.add import release

        release(repository, [built.path], sign_with)


def _check_signing(keys: Sequence[Path] | None, repository: Path | None) -> None:
    """Find out before a long build whether it can be released afterwards."""
    if bool(keys) != (repository is not None):
        raise UsageError("A pack is signed in a repository.", "Give both: --sign-with KEYS --repository REPO")
    if keys and repository:
        from edge.cli.publish.opened import open_keys, open_repository

        open_keys(keys, repository)
        open_repository(repository).look()


def _show(screen: Screen, report: BuildReport, seconds: float) -> None:
    manifest, test = report.manifest, report.selftest
    screen.write((f"{report.path}", STRONG), f"  {manifest.name} {manifest.version}, {manifest.title}")
    counts = (
        plural(report.documents, "document"),
        plural(report.pages, "page"),
        plural(report.chunks, "chunk"),
    )
    screen.write(f"{', '.join(counts)}; {size(report.size)} in {seconds:.0f} s")
    if report.resumed:
        screen.write(f"Resumed: {plural(report.resumed, 'document')} had been read before.")
    screen.write((f"Self-test: {test.found} of {test.asked} sentences found their page.", GOOD))
    for miss in test.misses:
        screen.write((f'{miss.document}, page {miss.page}: "{miss.sentence}"', FAINT), indent=2, most=1)
    if report.embedder == "none":
        screen.write(("Without an embedder: this pack is searched by words alone.", CAREFUL))
    if report.refused:
        screen.heading(f"{plural(len(report.refused), 'document')} could not be read and left out", CAREFUL)
        for refused in report.refused:
            screen.write((refused.name, STRONG), f": {refused.reason}", lead="! ")
            screen.write(refused.hint, indent=2)
    if report.skipped:
        screen.heading("Skipped files", FAINT)
        for skipped in report.skipped:
            screen.write((f"{skipped.name}: {skipped.reason}", FAINT), indent=2)
