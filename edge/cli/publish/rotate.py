"""``edge publish rotate``: new keys for a role."""

from __future__ import annotations

from edge.cli.publish.options import KeyFolders, PublicKeys, Repo, Role


def run(repository: Repo, role: Role, keys: KeyFolders, public_keys: PublicKeys = None) -> None:
    """Replace the keys of a role by new ones.

    The new keys go into the first KEYS. The old keys sign once more where they are at hand, so that no device notices.
    For root, targets, snapshot and timestamp root must sign; for a delegate, targets.
    """
    from edge.cli.publish.opened import open_keys, open_repository
    from edge.cli.publish.report import outcome
    from edge.publish.delegation import rotate
    from edge.publish.keys import read_public_key

    made = [read_public_key(path) for path in public_keys or ()]
    with open_repository(repository).change(open_keys(keys, repository)) as change:
        rotate(change, role, public_keys=made)
        done = change.finish()
    outcome(done, repository)
