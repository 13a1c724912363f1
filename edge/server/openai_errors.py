"""Problems in the shape that OpenAI's clients read."""

from __future__ import annotations

from typing_extensions import TypedDict

from edge.shapes import Problem

PREFIX = "/v1/"
_CODES = {
    "urn:edge:problem:model-not-found": "model_not_found",
    "urn:edge:problem:context-length": "context_length_exceeded",
    "urn:edge:problem:too-many-requests": "rate_limit_exceeded",
    "urn:edge:problem:unauthorized": "invalid_api_key",
}


class ErrorDetail(TypedDict, closed=True):
    """The error and what to do about it, and the parameter that is at fault."""

    message: str
    type: str
    param: str | None
    code: str | None


class Error(TypedDict, closed=True):
    """An error as OpenAI's clients read it."""

    error: ErrorDetail


def is_v1(path: str) -> bool:
    """Return True for a path that OpenAI's clients ask for."""
    return path.startswith(PREFIX)


def to_openai_status(problem: Problem) -> int:
    """Return the HTTP status: OpenAI's for an invalid request is 400."""
    invalid = problem["type"] in ("urn:edge:problem:usage", "urn:edge:problem:validation")
    return 400 if invalid else problem["status"]


def to_openai(problem: Problem) -> Error:
    """Turn a problem into OpenAI's error; the hint becomes part of the message."""
    invalid = problem.get("errors")
    kind = problem["type"].rpartition(":")[2]
    return {
        "error": {
            "message": f"{problem['detail']} {problem['hint']}".strip(),
            "type": _choose_type(problem["status"]),
            "param": (invalid[0]["field"] or None) if invalid else None,
            "code": _CODES.get(
                problem["type"], kind.replace("-", "_") if problem["type"].startswith("urn:") else None
            ),
        }
    }


def _choose_type(status: int) -> str:
    return {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}.get(
        status, "invalid_request_error" if status < 500 else "server_error"
    )
