"""Rights to publish: delegates with their paths, and keys that are added and revoked."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tuf.api.metadata import DelegatedRole, Delegations, Key, Root, Targets

from edge.errors import NotFoundError, UsageError
from edge.packs.manifest import MAX_NAME
from edge.publish.change import Change
from edge.publish.keys import SHORT_ID
from edge.publish.roles import ROOT, TARGETS, TOP_LEVEL, list_delegates

MAX_DELEGATES = 30
"""Devices visit no more than 32 roles."""

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_PATTERN = re.compile(r"(?:packs|deltas|models|policy)(?:/[A-Za-z0-9._*?\[\]-]+)+")
_PACK_PATTERN = re.compile(r"[a-z0-9*?\[\]-]+")


def find_delegate(targets: Targets, role: str) -> DelegatedRole:
    """Return a delegate.

    Raises:
        NotFoundError: there is none of this name.
    """
    found = (targets.delegations.roles or {}).get(role) if targets.delegations else None
    if found is None:
        raise NotFoundError(
            f"There is no role '{role}'.", f"There are: {', '.join((*TOP_LEVEL, *list_delegates(targets)))}."
        )
    return found


def allows(delegate: DelegatedRole, path: str) -> bool:
    """Return whether devices take this path from the delegate."""
    return delegate.is_delegated_path(path)


def expand_patterns(patterns: Sequence[str]) -> list[str]:
    """Turn names of packs (``acme-*``) and whole paths (``models/acme-*.gguf``) into target paths.

    A pack brings the path of its deltas along.

    Raises:
        UsageError: a pattern is neither.
    """
    paths: list[str] = []
    for pattern in (part.strip() for whole in patterns for part in whole.split(",")):
        pack = pattern.removeprefix("packs/").removesuffix(".kpack")
        if _PACK_PATTERN.fullmatch(pack):
            paths += [f"packs/{pack}.kpack", f"deltas/{pack}/*.kdelta"]
        elif _PATTERN.fullmatch(pattern) and not {".", ".."} & {*pattern.split("/")}:
            paths.append(pattern)
        else:
            raise UsageError(
                f"'{pattern}' names nothing that can be published.",
                "Write names of packs, such as acme-*, or paths, such as models/acme-*.gguf.",
            )
    return list(dict.fromkeys(paths))


def delegate(change: Change, role: str, patterns: Sequence[str], public_key: Key | None = None) -> None:
    """Let somebody else publish under these paths, or change the paths or the key of a delegate.

    Args:
        change: the repository being changed; the caller finishes it.
        role: the name of the delegate.
        patterns: as for ``expand_patterns``; may be empty for one that exists.
        public_key: the delegate's own; without it a new delegate's key is made among the keys at hand.

    Raises:
        UsageError: a name or a pattern that cannot be, no pattern, or too many delegates.
    """
    _check_name(role)
    paths, known = expand_patterns(patterns), role in list_delegates(change.targets)
    if not known and not paths:
        raise UsageError(f"What may {role} publish?", "Say it: --paths 'acme-*'")
    if not known and len(list_delegates(change.targets)) >= MAX_DELEGATES:
        raise UsageError(f"There are {MAX_DELEGATES} delegates already.", "Revoke one.")
    if known and not paths and public_key is None:
        raise UsageError(f"{role} is a delegate already.", "Give --paths or --public-key to change it.")
    key = public_key or (None if known else change.keys.create(role))
    targets: Targets = change.edit(TARGETS)
    if targets.delegations is None:
        targets.delegations = Delegations({}, {})
    roles = targets.delegations.roles
    assert roles is not None
    if not known:
        roles[role] = DelegatedRole(role, [], 1, terminating=True, paths=paths)
    elif paths:
        roles[role].paths = paths
    if key is not None:
        for keyid in list(roles[role].keyids):
            targets.revoke_key(keyid, role)
        targets.add_key(key, role)


def rotate(change: Change, role: str, keyid: str = "", public_keys: Sequence[Key] = ()) -> tuple[str, ...]:
    """Replace all keys of a role, or the one that ``keyid`` begins; return the new ids.

    Args:
        change: the repository being changed; the caller finishes it.
        role: a top-level role or a delegate.
        keyid: the only key to be replaced.
        public_keys: keys made elsewhere (on tokens); without them new ones are made, as many as go.

    Raises:
        NotFoundError: no such role or key.
        UsageError: the role's new keys wait for signatures already, or would be too few.
    """
    holder = ROOT if role in TOP_LEVEL else TARGETS
    its_role = change.root.roles[role] if holder == ROOT else find_delegate(change.targets, role)
    gone = [_choose_key(keyid, role, its_role.keyids)] if keyid else list(its_role.keyids)
    if holder in change.drafts and not set(gone) <= set(_list_published_keys(change, role)):
        raise UsageError(
            f"New keys for {role} wait for signatures already.",
            "See `edge publish status`; `edge publish sign` goes on, `edge publish sign --discard` drops them.",
        )
    count = len(its_role.keyids) - len(gone) + (len(public_keys) or len(gone))
    if count < its_role.threshold:
        raise UsageError(f"{role} needs at least {its_role.threshold} keys.", "Give more of them.")
    made = list(public_keys) or [change.keys.create(role) for _ in gone]
    signed: Root | Targets = change.edit(holder)
    for old in gone:
        signed.revoke_key(old, role)
    for key in made:
        signed.add_key(key, role)
    return tuple(key.keyid for key in made)


def revoke(change: Change, role: str, keyid: str = "", public_keys: Sequence[Key] = ()) -> tuple[str, ...]:
    """Take away a delegate's right to publish or, with ``keyid``, replace a lost key; return new ids.

    Raises:
        NotFoundError: no such role or key.
        UsageError: a top-level role cannot go without a key: which one is to be replaced?
    """
    if keyid:
        return rotate(change, role, keyid, public_keys)
    if role in TOP_LEVEL:
        raise UsageError(
            f"{role} cannot be without a key.",
            f"Say which key was lost (--key ID; `edge publish status` lists them), or `rotate` {role} as a whole.",
        )
    find_delegate(change.targets, role)
    targets: Targets = change.edit(TARGETS)
    assert targets.delegations is not None
    for one in list(find_delegate(targets, role).keyids):
        targets.revoke_key(one, role)
    if targets.delegations.roles:
        del targets.delegations.roles[role]
    change.drop(role)
    return ()


def _check_name(role: str) -> None:
    if role in TOP_LEVEL or not _NAME.fullmatch(role) or len(role) > MAX_NAME:
        raise UsageError(
            f"'{role}' is no name for a delegate.",
            f"Use lower-case letters, digits and hyphens, and none of {', '.join(TOP_LEVEL)}.",
        )


def _choose_key(prefix: str, role: str, keyids: Sequence[str]) -> str:
    found = [keyid for keyid in keyids if len(prefix) >= 6 and keyid.startswith(prefix.lower())]
    if len(found) != 1:
        keys = ", ".join(keyid[:SHORT_ID] for keyid in keyids)
        raise NotFoundError(f"{role} has no key '{prefix}'.", f"Its keys: {keys}.")
    return found[0]


def _list_published_keys(change: Change, role: str) -> Sequence[str]:
    if role in TOP_LEVEL:
        return change.state.root.signed.roles[role].keyids
    published = change.state.targets.signed.delegations
    known = (published.roles or {}).get(role) if published else None
    return known.keyids if known else ()
