"""The whole tree of errors, on one page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edge import errors
from edge.errors import EdgeError

TABLE = {
    "EdgeError": (1, 500, "Internal error"),
    "UsageError": (2, 422, "Invalid request"),
    "NotFoundError": (3, 404, "Not found"),
    "NothingInstalledError": (3, 409, "No knowledge pack installed"),
    "PackError": (4, 422, "Knowledge pack refused"),
    "TrustError": (5, 403, "Not trusted"),
    "SourceError": (6, 500, "Pack source refused"),
    "DocumentError": (6, 422, "Document refused"),
    "EngineError": (7, 503, "Engine failed"),
    "ModelError": (7, 503, "Model refused"),
    "StorageError": (8, 507, "Storage failed"),
    "BusyError": (9, 503, "Busy"),
    "ForbiddenError": (10, 403, "Forbidden"),
    "CarrierError": (11, 502, "Source failed"),
}


def tree(error: type[EdgeError] = EdgeError) -> Iterator[type[EdgeError]]:
    yield error
    for kind in error.__subclasses__():
        yield from tree(kind)


ALL = [error for error in tree() if error.__module__ == errors.__name__]


def test_every_error_has_its_exit_code_status_and_title() -> None:
    assert {error.__name__: (error.exit_code, error.http_status, error.title) for error in ALL} == TABLE


@pytest.mark.parametrize("error", ALL)
def test_an_error_says_what_happened_and_what_to_do(error: type[EdgeError]) -> None:
    raised = error("The disk is full.", "Free some space.")
    assert (str(raised), raised.message, raised.hint) == (
        "The disk is full.",
        "The disk is full.",
        "Free some space.",
    )
    assert error("The disk is full.").hint == ""
    assert error.__doc__ is not None
    assert error.__doc__ != EdgeError.__doc__ or error is EdgeError


def test_titles_tell_errors_apart() -> None:
    assert len({error.title for error in ALL}) == len(ALL)


def test_a_pack_that_nobody_signed_is_a_refused_pack_and_a_bad_model_a_failed_engine() -> None:
    assert issubclass(errors.TrustError, errors.PackError)
    assert issubclass(errors.ModelError, errors.EngineError)
