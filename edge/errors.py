"""Every error a user can meet: what happened, what to do, the exit code and the HTTP status, in one tree.

Foreign exceptions become one of these where they enter. The handbook's table of exit codes is made from them.
"""

from __future__ import annotations


class EdgeError(Exception):
    """Something went wrong that the reader can understand and usually mend.

    Args:
        message: what happened, in one sentence.
        hint: what to do about it.
    """

    exit_code = 1
    http_status = 500
    title = "Internal error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(EdgeError):
    """The request itself is wrong: empty, too long, not text, an option that does not exist."""

    exit_code = 2
    http_status = 422
    title = "Invalid request"


class NotFoundError(EdgeError):
    """A named pack, document, page, model or file does not exist."""

    exit_code = 3
    http_status = 404
    title = "Not found"


class NothingInstalledError(EdgeError):
    """There is no knowledge pack to answer from."""

    exit_code = 3
    http_status = 409
    title = "No knowledge pack installed"


class PackError(EdgeError):
    """A knowledge pack is damaged, of another format, or not what it says it is."""

    exit_code = 4
    http_status = 422
    title = "Knowledge pack refused"


class TrustError(PackError):
    """A knowledge pack is not signed by anybody this device trusts."""

    exit_code = 5
    http_status = 403
    title = "Not trusted"


class SourceError(EdgeError):
    """A pack's source folder cannot be built: no pack.toml, a wrong field, no readable document."""

    exit_code = 6
    title = "Pack source refused"


class DocumentError(EdgeError):
    """One document cannot be read: broken, encrypted, empty or of an unknown type. The rest goes on."""

    exit_code = 6
    http_status = 422
    title = "Document refused"


class EngineError(EdgeError):
    """The language model or the embedder failed, or its process died."""

    exit_code = 7
    http_status = 503
    title = "Engine failed"


class ModelError(EngineError):
    """A model file is not a GGUF that llama.cpp can load."""

    http_status = 503
    title = "Model refused"


class StorageError(EdgeError):
    """The disk is full, read-only or damaged."""

    exit_code = 8
    http_status = 507
    title = "Storage failed"


class BusyError(EdgeError):
    """Another process holds what this one needs."""

    exit_code = 9
    http_status = 503
    title = "Busy"


class ForbiddenError(EdgeError):
    """The caller may not do this: a missing token, a foreign Host or Origin."""

    exit_code = 10
    http_status = 403
    title = "Forbidden"


class CarrierError(EdgeError):
    """A source of packs cannot be reached, is too slow, or hands over something other than a repository's files."""

    exit_code = 11
    http_status = 502
    title = "Source failed"
