"""Where to search: packs by name and documents by equipment, decided before anything is ranked.

A torque value of the wrong machine is worse than none, so documents for other equipment are never even scored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from edge.errors import NotFoundError
from edge.packs.pack import Pack


@dataclass(frozen=True, slots=True)
class Scope:
    """A pack, and the ranges of chunk ids (inclusive) to search in it; ``None`` is all of it."""

    pack: Pack
    ranges: tuple[tuple[int, int], ...] | None = None


def find_scopes(packs: Sequence[Pack], names: Iterable[str], equipment: str | None) -> list[Scope]:
    """Return the parts of the packs that a question may be answered from.

    Documents that name no equipment hold for all of it.

    Raises:
        NotFoundError: a pack that is not installed, or equipment that no pack in question knows.
    """
    chosen = _find_by_name(packs, list(names))
    if not equipment:
        return [Scope(pack) for pack in chosen]
    if not is_known(chosen, equipment):
        known = list_models(chosen)
        raise NotFoundError(
            f"No pack in use is about the equipment '{equipment}'.",
            f"Known: {', '.join(known)}." if known else "Ask without naming equipment.",
        )
    found = [_make_scope(pack, equipment) for pack in chosen]
    return [scope for scope in found if scope.ranges is None or scope.ranges]


def list_models(packs: Iterable[Pack]) -> list[str]:
    """List the equipment that packs say they are about, as patterns: ``PX-200``, ``PX-3*``."""
    return sorted({model for pack in packs for patterns in _read_patterns(pack) for model in patterns})


def is_known(packs: Iterable[Pack], equipment: str) -> bool:
    """Tell whether any pack or document is about it."""
    return any(matches(equipment, patterns) for pack in packs for patterns in _read_patterns(pack))


def matches(equipment: str, patterns: Iterable[str]) -> bool:
    """Tell whether a model name fits one of the patterns (``*`` and ``?`` allowed), spaced or capitalised anyhow."""
    return any(
        fnmatchcase(_flatten(equipment), _flatten(pattern).replace("[", "[[]")) for pattern in patterns
    )


def _flatten(model: str) -> str:
    return re.sub(r"[\s_/-]+", "", model).lower()


def _find_by_name(packs: Sequence[Pack], names: list[str]) -> list[Pack]:
    installed = {pack.manifest.name: pack for pack in packs}
    missing = [name for name in names if name not in installed]
    if missing:
        raise NotFoundError(
            f"The pack '{missing[0]}' is not installed.",
            f"Installed: {', '.join(sorted(installed)) or 'none'}.",
        )
    return [installed[name] for name in dict.fromkeys(names)] if names else list(packs)


def _read_patterns(pack: Pack) -> list[tuple[str, ...]]:
    return [pack.manifest.applies_to, *(document.applies_to for document in pack.list_documents())]


def _make_scope(pack: Pack, equipment: str) -> Scope:
    """Return a document's own list replaces that of its pack."""
    allowed = [
        (document.first_chunk, document.last_chunk)
        for document in pack.list_documents()
        if not (models := document.applies_to or pack.manifest.applies_to) or matches(equipment, models)
    ]
    return Scope(pack, None if len(allowed) == len(pack.list_documents()) else tuple(allowed))
