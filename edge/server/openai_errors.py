"""Problems in the shape that OpenAI's clients read: ``{"error": {"message", "type", "param", "code"}}``. Pure."""

from __future__ import annotations

from edge.shapes import Json

PREFIX = "/v1/"
_CODES = {
    "urn:edge:problem:model-not-found": "model_not_found",
    "urn:edge:problem:context-length": "context_length_exceeded",
    "urn:edge:problem:too-many-requests": "rate_limit_exceeded",
    "urn:edge:problem:unauthorized": "invalid_api_key",
}


def is_v1(path: str) -> bool:
    """Whether whoever asks for this path speaks OpenAI's language."""
    return path.startswith(PREFIX)


def status_in_v1(problem: Json) -> int:
    """The HTTP status: OpenAI's for an invalid request is 400."""
    invalid = problem["type"] in ("urn:edge:problem:usage", "urn:edge:problem:validation")
    return 400 if invalid else int(problem["status"])


def in_v1(problem: Json) -> Json:
    """A problem document as OpenAI's error; the hint becomes part of the message."""
    found = problem.get("errors") or [{"field": None}]
    kind = problem["type"].rpartition(":")[2]
    return {
        "error": {
            "message": f"{problem['detail']} {problem['hint']}".strip(),
            "type": _type(int(problem["status"])),
            "param": found[0]["field"] or None,
            "code": _CODES.get(problem["type"], kind.replace("-", "_") if ":" in problem["type"] else None),
        }
    }


def _type(status: int) -> str:
    return {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}.get(
        status, "invalid_request_error" if status < 500 else "server_error"
    )
