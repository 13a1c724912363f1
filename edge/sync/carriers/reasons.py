"""The reasons why a web server could not be used, in words: what urllib3 raises, and what to do about it."""

from __future__ import annotations

from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    SSLError,
    TimeoutError,
)

LATER = "Try again later, or use another source."
_KINDS = (
    (
        NameResolutionError,
        "cannot be asked for: no such host is known here",
        "Check the network and the address.",
    ),
    (ProxyError, "does not get through the proxy", "Check the setting 'proxy' or the variable HTTPS_PROXY."),
    (NewConnectionError, "cannot be asked for: the server refuses or is out of reach", LATER),
    (ConnectTimeoutError, "cannot be asked for: the server does not answer", "Check the network. " + LATER),
    (
        SSLError,
        "cannot be asked for: the server's certificate is not one this device trusts",
        "Check this device's clock and its certificates (SSL_CERT_FILE); or sync from a stick.",
    ),
    (TimeoutError, "stopped coming", "What has come is kept: the same command resumes."),
)
_CUT = "What has come is kept: the same command resumes."


def explain(error: Exception) -> tuple[str, str]:
    """Return what happened, to stand after the name of a file, and what to do about it."""
    for kind, reason, hint in _KINDS:
        if isinstance(error, kind):
            return reason + _describe(error), hint
    return f"broke off ({_describe(error).strip(' ()') or type(error).__name__})", _CUT


def _describe(error: BaseException) -> str:
    """Return the system's words for it, if there are any; else urllib3's own."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return f" ({cause.strerror})"
        cause = cause.__cause__ or cause.__context__
    return f" ({str(error)[:160].rstrip('.')})" if str(error) else ""
