"""The manifest of a pack: read from ``pack.toml`` by the publisher, kept as JSON in the pack.

The list of documents is the builder's.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from edge.errors import PackError, SourceError

FILE = "pack.toml"
EXAMPLE = 'For example:\n\n    name = "acme-pumps"\n    version = "1.0"\n    title = "Acme pump manuals"\n'

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_VERSION = re.compile(r"(\d{1,9}(?:\.\d{1,9}){0,3})(?:-?(a|alpha|b|beta|rc)[.-]?(\d{1,9})?)?")
_FINAL = "z"  # sorts after every pre-release label
MAX_NAME = 64
MAX_TITLE = 200


@dataclass(frozen=True, slots=True)
class DocumentSettings:
    """The settings of ``[documents."file.pdf"]`` for one document; empty means not overridden."""

    title: str = ""
    applies_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """The name and the subject of a pack. ``language`` is a BCP 47 tag.

    ``applies_to`` holds equipment models, ``*`` and ``?`` standing for any characters; empty means all equipment.
    """

    name: str
    version: str
    title: str
    language: str = "en"
    licence: str = "unspecified"
    applies_to: tuple[str, ...] = ()
    documents: Mapping[str, DocumentSettings] = field(default_factory=dict)

    def get_settings(self, document: str) -> DocumentSettings:
        """Return the settings of one document, by its name relative to the source folder."""
        return self.documents.get(document, DocumentSettings())


VersionKey = tuple[tuple[int, ...], str, int]


def parse_version(version: str) -> VersionKey:
    """Turn a version into a key that orders it: ``1.2`` = ``1.2.0`` < ``1.10-rc.1`` < ``1.10``.

    Raises:
        ValueError: it is not one to four numbers, then at most one of a, b, rc with a number.
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ValueError(version)
    numbers = [int(part) for part in match[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers), (match[2] or _FINAL)[:1], int(match[3] or 0)


def read_source(path: Path) -> Manifest:
    """Read the manifest of a source folder, from its ``pack.toml`` (``path`` is the folder or the file).

    Raises:
        SourceError: there is none, it is not TOML, or a field is missing, unknown or not what it should be.
    """
    path = path / FILE if path.is_dir() else path
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceError(f"There is no {path}.", f"Write one. {EXAMPLE}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} is not valid TOML: {error}.", "Correct it.") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error
    return from_fields(fields, str(path))


def to_json(manifest: Manifest) -> str:
    """Encode a manifest as the pack holds it: the same text for equal manifests."""
    return json.dumps(asdict(manifest), ensure_ascii=False, sort_keys=True)


def from_json(text: str) -> Manifest:
    """Decode what ``to_json`` wrote.

    Raises:
        PackError: the text does not describe a manifest.
    """
    try:
        fields = json.loads(text)
        if not isinstance(fields, dict):
            raise SourceError("The manifest is not an object.")
        return from_fields(fields, "manifest")
    except (ValueError, RecursionError) as error:
        raise PackError(f"The manifest is not valid JSON: {error}.", "Build the pack again.") from error
    except SourceError as error:
        raise PackError(error.message, "Build the pack again.") from error


def from_fields(fields: Mapping[str, Any], source: str) -> Manifest:
    """Check every field of a parsed manifest. ``source`` names the file in errors.

    Raises:
        SourceError: the first field that is wrong, and what is expected of it.
    """
    _check_keys(fields, tuple(Manifest.__dataclass_fields__), source)
    documents = fields.get("documents", {})
    if not isinstance(documents, dict):
        raise _make_error(source, "documents", 'tables such as [documents."manual.pdf"]')
    return Manifest(
        name=_parse_name(fields, source),
        version=_parse_version_text(fields, source),
        title=_parse_text(fields, "title", source),
        language=_parse_language(fields, source),
        licence=_parse_text(fields, "licence", source, default="unspecified"),
        applies_to=_parse_models(fields, "applies_to", source),
        documents={
            name: _parse_document(settings, name, source) for name, settings in sorted(documents.items())
        },
    )


def _parse_document(fields: object, name: str, source: str) -> DocumentSettings:
    where = f'{source}: [documents."{name}"]'
    if not isinstance(fields, dict):
        raise _make_error(source, f'documents."{name}"', "a table with title or applies_to")
    _check_keys(fields, tuple(DocumentSettings.__dataclass_fields__), where)
    title = _parse_text(fields, "title", where) if fields.get("title") else ""
    return DocumentSettings(title, _parse_models(fields, "applies_to", where))


def _check_keys(fields: Mapping[str, Any], known: tuple[str, ...], source: str) -> None:
    for key in fields:
        if key not in known:
            near = get_close_matches(key, known, 1)
            meant = f"Did you mean '{near[0]}'? " if near else ""
            raise SourceError(f"{source}: unknown key '{key}'.", f"{meant}Known: {', '.join(known)}.")


def _parse_name(fields: Mapping[str, Any], source: str) -> str:
    name = fields.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise _make_error(source, "name", f"lower-case letters, digits and hyphens, at most {MAX_NAME}", name)
    return name


def _parse_version_text(fields: Mapping[str, Any], source: str) -> str:
    version = fields.get("version")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise _make_error(
            source, "version", 'a version in quotes, such as "1.4", "2026.11" or "2.0-rc.1"', version
        )
    return version


def _parse_language(fields: Mapping[str, Any], source: str) -> str:
    language = fields.get("language", "en")
    if not isinstance(language, str) or not _LANGUAGE.fullmatch(language):
        raise _make_error(source, "language", 'a language tag such as "en" or "de-CH"', language)
    return language


def _parse_text(fields: Mapping[str, Any], key: str, source: str, default: str | None = None) -> str:
    value = fields.get(key, default)
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TITLE or not value.isprintable():
        raise _make_error(source, key, f"a line of text of at most {MAX_TITLE} characters", value)
    return value.strip()


def _parse_models(fields: Mapping[str, Any], key: str, source: str) -> tuple[str, ...]:
    value = fields.get(key, [])
    fits = isinstance(value, list | tuple) and all(
        isinstance(model, str) and model.strip() and len(model) <= MAX_TITLE for model in value
    )
    if not fits:
        raise _make_error(source, key, 'a list of equipment models, such as ["PX-200", "PX-3*"]', value)
    return tuple(model.strip() for model in value)


def _make_error(source: str, key: str, expected: str, value: object = None) -> SourceError:
    found = "is missing" if value is None else f"= {str(value)[:80]!r} is not right"
    return SourceError(f"{source}: {key} {found}.", f"Expected {expected}.")
