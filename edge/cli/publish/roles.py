"""``edge publish rotate``, ``delegate`` and ``revoke``: who may sign."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.publish.report import show_outcome
from edge.cli.publish.repository import KeyFolders, PublicKeys, Repo, Role, open_keys, open_repository
from edge.cli.ui.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge.publish.change import Change


def rotate_keys(repository: Repo, role: Role, keys: KeyFolders, public_keys: PublicKeys = None) -> None:
    """Replace the keys of a role by new ones.

    The new keys go into the first KEYS. The old keys sign once more where they are at hand, so that no device notices.
    For root, targets, snapshot and timestamp root must sign; for a delegate, targets.
    """
    from edge.publish.delegation import rotate
    from edge.publish.keys import read_public_key

    made = [read_public_key(path) for path in public_keys or ()]
    _change_repository(repository, keys, lambda change: rotate(change, role, public_keys=made))


def delegate_role(
    repository: Repo,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="A name for the delegate.")],
    keys: KeyFolders,
    paths: Annotated[
        list[str] | None,
        typer.Option("--paths", metavar="PATTERN", help="What it may publish: 'acme-*'. May be repeated."),
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option("--public-key", metavar="FILE.pem", help="The delegate's own key, else one is made."),
    ] = None,
) -> None:
    """Let somebody else publish certain packs.

    Devices take nothing else from this delegate. If the delegate exists, its paths or its key are changed. PATTERN is a
    name of packs, such as 'acme-*', or a path such as 'models/acme-*.gguf'. A key that is made here goes into
    KEYS; give it to the delegate.
    """
    from edge.publish.delegation import delegate
    from edge.publish.keys import read_public_key

    theirs = read_public_key(public_key) if public_key else None
    _change_repository(repository, keys, lambda change: delegate(change, role, paths or [], theirs))


def revoke_role(
    repository: Repo,
    role: Role,
    keys: KeyFolders,
    key: Annotated[
        str, typer.Option("--key", metavar="ID", help="Only this key, which is replaced by a new one.")
    ] = "",
    public_keys: PublicKeys = None,
) -> None:
    """Revoke a delegate, or a key that was lost or stolen.

    A delegate may no longer publish; a key is replaced by a new one. The key itself is not needed. 'edge publish
    status' lists the ids. Packs that devices have installed stay.
    """
    from edge.publish.delegation import revoke
    from edge.publish.keys import read_public_key

    made = [read_public_key(path) for path in public_keys or ()]
    _change_repository(repository, keys, lambda change: revoke(change, role, key, made))


def _change_repository(repository: Path, keys: Sequence[Path], make: Callable[[Change], object]) -> None:
    """Make a change, sign and release it as far as these keys can, and write the outcome."""
    with open_repository(repository).change(open_keys(keys, repository)) as change:
        make(change)
        done = change.finish()
    show_outcome(Screen(), done, repository)
