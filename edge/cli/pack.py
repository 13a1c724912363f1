"""``edge pack``: builds, installs and shows knowledge packs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.group import make_group
from edge.cli.options import Json, PackName, PackTarget, Yes
from edge.cli.ui.screen import ALERT, CAREFUL, FAINT, GOOD, STRONG, Part, Screen, format_count, mark_unsigned
from edge.errors import EdgeError, UsageError
from edge.files import format_size

if TYPE_CHECKING:
    from edge.ingest.build import BuildReport
    from edge.packs.pack import Pack
    from edge.packs.store import Installation

app = make_group("pack", "Build, install and look at knowledge packs.")


@app.command("build")
def build_pack(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A folder with pack.toml and documents.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.kpack", help="The pack to write.")],
    sign_with: Annotated[
        list[Path] | None,
        typer.Option("--sign-with", metavar="KEYS", help="Sign it with these keys and release it in REPO."),
    ] = None,
    repository: Annotated[
        Path | None, typer.Option("--repository", metavar="REPO", help="Where --sign-with releases it.")
    ] = None,
    allow_poor: Annotated[
        bool, typer.Option("--allow-poor", help="Keep a pack that fails its self-test, and mark it.")
    ] = False,
) -> None:
    """Build a pack from a folder of documents.

    Reads PDF, HTML, Markdown, text, DOCX and CSV. A document that cannot be read is reported and left out (exit code
    0). Interrupted, the same command resumes. With --sign-with the pack is then released as by 'edge publish add'.
    """
    from contextlib import closing, nullcontext
    from time import perf_counter

    from edge import app
    from edge.cli.ui.progress import show_progress
    from edge.config import load_settings
    from edge.engine.machine.resources import count_cores
    from edge.ingest.build import Progress, build

    _check_signing(sign_with, repository)
    start = perf_counter()
    embedder = app.make_embedder(load_settings(), threads=count_cores())
    with closing(embedder) if embedder else nullcontext(), show_progress() as report:

        def report_step(step: Progress) -> None:
            report(step.stage, step.document, step.done, step.total)

        try:
            built = build(
                source, output, embedder, report_step, find=app.make_find(embedder), allow_poor=allow_poor
            )
        except KeyboardInterrupt:
            Screen(sys.stderr).write("The same command resumes where this one stops.")
            raise
    _show_build(Screen(), built, perf_counter() - start)
    if sign_with and repository:
        from edge.cli.publish.release import release

        release(repository, [built.path], sign_with)


@app.command("install")
def install_pack(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .kpack file; it is copied.")],
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Accept a pack that nobody signed.")] = False,
    allow_downgrade: Annotated[
        bool, typer.Option("--allow-downgrade", help="Accept an older version than the one in use.")
    ] = False,
) -> None:
    """Verify a pack and put it in use.

    The version in use until now is kept for 'edge pack rollback'. An unsigned pack is marked as such wherever it
    appears.
    """
    from edge.config import load_settings
    from edge.packs.store import PackStore

    store = PackStore(load_settings())
    _show_installation(store.install(file, allow_unsigned=unsigned, allow_downgrade=allow_downgrade))


@app.command("list")
def list_packs(json: Json = False) -> None:
    """List the packs in use.

    Also lists those that lie beside or inside the program.
    """
    from edge import shapes
    from edge.config import load_settings
    from edge.packs.store import PackStore

    screen, store = Screen(), PackStore(load_settings())
    packs, problems = store.list(), store.find_problems()
    if json:
        screen.write_json(shapes.dump_packs(packs, problems))
        return
    rows: list[tuple[Part, ...]] = [
        (
            pack.name, pack.version, format_size(pack.size), "yes" if pack.signed else ("UNSIGNED", CAREFUL),
            pack.previous or "-", pack.place, pack.title,
        )
        for pack in packs
    ]  # fmt: skip
    if rows:
        screen.write_table(("NAME", "VERSION", "SIZE", "SIGNED", "PREVIOUS", "PLACE", "TITLE"), rows)
    elif not problems:
        screen.write(("No pack is installed: edge pack install FILE.kpack", FAINT))
    for problem in problems:
        screen.write((f"{problem.name}: {problem.error.message}", ALERT), lead="! ")
        screen.write(problem.error.hint, indent=2)


@app.command("inspect")
def inspect_pack(target: PackTarget, json: Json = False) -> None:
    """Show a pack's description and its documents."""
    screen = Screen()
    with _open_pack(target) as pack:
        if json:
            screen.write_json(_describe_pack(pack))
        else:
            _show_pack(screen, pack)


@app.command("verify")
def verify_pack(target: PackTarget) -> None:
    """Read a whole pack and check every byte of it.

    This shows that the pack is undamaged, not who made it.
    """
    from edge.packs.verify import verify

    with _open_pack(target) as pack:
        digests = verify(pack.path)
        manifest = pack.manifest
    screen = Screen()
    screen.write(("whole", GOOD), f"  {manifest.name} {manifest.version}")
    screen.write((f"contents {digests.database}", FAINT))
    screen.write((f"file     {digests.file}", FAINT))


@app.command("remove")
def remove_pack(name: PackName, yes: Yes = False) -> None:
    """Remove a pack with its previous version."""
    from edge.cli.ui.confirm import confirm
    from edge.config import load_settings
    from edge.packs.store import PackStore

    confirm(f"Remove the pack '{name}' and its previous version?", yes)
    PackStore(load_settings()).remove(name)
    Screen().write(f"Removed {name}.")


@app.command("rollback")
def roll_back_pack(name: PackName) -> None:
    """Put the previous version of a pack back in use.

    The version in use now becomes the previous one, so that a second rollback undoes the first.
    """
    from edge.config import load_settings
    from edge.packs.store import PackStore

    _show_installation(PackStore(load_settings()).rollback(name))


@app.command("diff")
def show_changes(
    name: PackName,
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="A version, or a .kpack file. [the version before]")
    ] = "",
    new: Annotated[str, typer.Argument(metavar="NEW", help="The same. [the version in use]")] = "",
    json: Json = False,
) -> None:
    """Show what changed between two versions of a pack.

    Values come first, then rows and sentences. A text that only stands on another page has not changed.
    """
    from edge.cli.ui.changes import show_pack_changes
    from edge.packs.changes import compare
    from edge.packs.shapes import dump_changes

    before, after = _open_versions(name, old, new)
    with before, after:
        found = compare(before, after)
    if json:
        Screen().write_json(dump_changes(found))
    else:
        show_pack_changes(Screen(), found)


def _open_versions(name: str, old: str, new: str) -> tuple[Pack, Pack]:
    """Open two versions of a pack, each a number or a file; without them the one before and the one in use."""
    from edge.config import load_settings
    from edge.packs.pack import Pack
    from edge.packs.store import PackStore

    store = PackStore(load_settings())

    def open_one(version: str) -> Pack:
        return Pack.open(Path(version)) if version.endswith(".kpack") else store.open_version(name, version)

    before = open_one(old) if old else store.open_previous(name)
    try:
        return before, open_one(new) if new else store.open(name)
    except EdgeError:
        before.close()
        raise


def _check_signing(keys: Sequence[Path] | None, repository: Path | None) -> None:
    """Find out before a long build if the pack can be released afterwards."""
    if bool(keys) != (repository is not None):
        raise UsageError("A pack is signed in a repository.", "Give both: --sign-with KEYS --repository REPO")
    if keys and repository:
        from edge.cli.publish.repository import open_keys, open_repository

        open_keys(keys, repository)
        open_repository(repository).view()


def _open_pack(target: str) -> Pack:
    """Open a .kpack file, or an installed pack by its name.

    Raises:
        NotFoundError: there is neither.
        PackError: it is damaged.
    """
    from edge.config import load_settings
    from edge.packs.pack import Pack
    from edge.packs.store import PackStore

    path = Path(target)
    if path.suffix == ".kpack" or path.is_file():
        return Pack.open(path)
    return PackStore(load_settings()).open(target)


def _show_build(screen: Screen, report: BuildReport, seconds: float) -> None:
    manifest, test = report.manifest, report.selftest
    screen.write((f"{report.path}", STRONG), f"  {manifest.name} {manifest.version}, {manifest.title}")
    counts = (
        format_count(report.documents, "document"),
        format_count(report.pages, "page"),
        format_count(report.chunks, "chunk"),
    )
    screen.write(f"{', '.join(counts)}; {format_size(report.size)} in {seconds:.0f} s")
    if report.synonyms or report.abbreviations:
        learnt = format_count(report.abbreviations, "abbreviation")
        screen.write(f"Synonyms: {learnt} learnt, {format_count(report.synonyms, 'line')} of synonyms.csv.")
    if report.resumed:
        screen.write(f"Resumed: {format_count(report.resumed, 'document')} had been read before.")
    tested = f"Self-test: {test.found} of {test.asked} sentences found their page."
    screen.write((tested, CAREFUL if report.mark else GOOD))
    if report.mark:
        screen.write((f"POOR: the pack {report.mark}; it is marked.", CAREFUL))
    for miss in test.misses:
        screen.write((f'{miss.document}, page {miss.page}: "{miss.sentence}"', FAINT), indent=2, most=1)
    if report.embedder == "none":
        screen.write(("Without an embedder: this pack is searched by words alone.", CAREFUL))
    if report.refused:
        heading = f"{format_count(len(report.refused), 'document')} could not be read and left out"
        screen.write_heading(heading, CAREFUL)
        for refused in report.refused:
            screen.write((refused.name, STRONG), f": {refused.reason}", lead="! ")
            screen.write(refused.hint, indent=2)
    if report.notes:
        screen.write_heading("To look at", CAREFUL)
        for note in report.notes:
            screen.write((note.document, STRONG), f": {note.text}", lead="! ")
    if report.skipped:
        screen.write_heading("Skipped files", FAINT)
        for skipped in report.skipped:
            screen.write((f"{skipped.name}: {skipped.reason}", FAINT), indent=2)


def _show_installation(installation: Installation) -> None:
    """Write which version is in use now, and which one it replaces."""
    pack, replaced = installation.pack, installation.replaced
    state = "is in use" if installation.changed else "was in use already"
    if replaced:
        state += f"; it replaces {'another build of ' if replaced == pack.version else ''}{replaced}"
    Screen().write((f"{pack.name} {pack.version}", STRONG), f" {state}", *mark_unsigned(pack.signed))


def _show_pack(screen: Screen, pack: Pack) -> None:
    manifest, documents = pack.manifest, pack.list_documents()
    screen.write(
        (f"{manifest.name} {manifest.version}", STRONG), f"  {manifest.title}", *mark_unsigned(pack.signed)
    )
    screen.write_gap()
    counts = format_count(len(documents), "document"), format_count(pack.chunk_count, "chunk")
    facts = {
        "language": manifest.language,
        "licence": manifest.licence,
        "equipment": ", ".join(manifest.applies_to) or "all",
        "contents": f"{', '.join(counts)}, {format_size(pack.size)}",
        "synonyms": str(len(pack.read_synonyms())),
        "embedder": pack.embedder,
        "digest": pack.digest,
    } | ({"POOR": pack.mark} if pack.mark else {})
    for name, value in facts.items():
        screen.write(value, lead=(f"{name:10} ", FAINT))
    screen.write_gap()
    rows = [(document.name, f"{document.pages:5}", document.title) for document in documents]
    screen.write_table(("DOCUMENT", "PAGES", "TITLE"), rows)


def _describe_pack(pack: Pack) -> dict[str, object]:
    """Return the shape of ``edge pack inspect --json``."""
    manifest = pack.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "title": manifest.title,
        "language": manifest.language,
        "licence": manifest.licence,
        "applies_to": manifest.applies_to,
        "signed": pack.signed,
        "digest": pack.digest,
        "size": pack.size,
        "embedder": pack.embedder,
        "chunks": pack.chunk_count,
        "synonyms": len(pack.read_synonyms()),
        "mark": pack.mark,
        "documents": [
            {
                "name": document.name,
                "title": document.title,
                "media_type": document.media_type,
                "sha256": document.sha256,
                "pages": document.pages,
                "applies_to": document.applies_to,
            }
            for document in pack.list_documents()
        ],
    }
