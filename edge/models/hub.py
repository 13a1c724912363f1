"""A model hub, through huggingface_hub: lists the files of a repository, and reads a file from any offset on.

The library is imported when something is pulled, never before, and told to send nothing about this machine. Its own
``hf_hub_download`` is not used: since 2.x it begins anew after every interruption, and it compares no hash. Errors of
the library and of the network become ours here.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from edge.errors import CarrierError, NotFoundError, UsageError
from edge.files import format_size

PREFIX = "hf:"
BLOCK = 1 << 20
"""Bytes written at once, and lost at most when a connection breaks."""

SUFFIX = ".gguf"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_SPEC = re.compile(
    rf"(?:hf:)?(?P<repository>{_NAME}/{_NAME})(?:/(?P<path>[^:@]+\.gguf))?(?::(?P<choice>[^:@]+))?(?:@(?P<revision>[^:@]+))?",
    re.IGNORECASE,
)
_PART = re.compile(r"-\d{5}-of-\d{5}\.gguf$")
_HELP = "OWNER/REPO/FILE.gguf, OWNER/REPO:Q4_K_M, or OWNER/REPO where it holds one GGUF only."

Progress = Callable[[int], None]
"""Called with the bytes of each block."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A request for a file: a repository, and a path or a part of a file's name in it."""

    repository: str
    path: str = ""
    choice: str = ""
    revision: str = "main"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as the hub promises it. ``commit`` is the state of the repository that it belongs to."""

    repository: str
    path: str
    commit: str
    bytes: int
    sha256: str

    @property
    def origin(self) -> str:
        """The place where it is to be had again."""
        return f"{PREFIX}{self.repository}/{self.path}@{self.commit}"


def parse_spec(text: str) -> Spec:
    """Parse ``[hf:]OWNER/REPO[/FILE.gguf][:QUANT][@REVISION]``.

    Raises:
        UsageError: it means nothing.
    """
    match = _SPEC.fullmatch(text.strip())
    if match is None or ".." in text:
        raise UsageError(f"{text} names no model of a hub.", f"Give {_HELP}")
    return Spec(match["repository"], match["path"] or "", match["choice"] or "", match["revision"] or "main")


def choose(spec: Spec, files: dict[str, int]) -> str:
    """Choose the file that is meant, of all GGUFs (with their sizes) that the repository holds.

    Raises:
        NotFoundError: none is.
        UsageError: several are.
    """
    whole = {path: count for path, count in files.items() if not _PART.search(path)}
    wanted = spec.choice.lower().removesuffix(SUFFIX)
    if spec.path:
        found = [path for path in files if path == spec.path]
    elif wanted:
        found = [path for path in whole if _has_word(path, wanted)]
        found = [path for path in found if path.lower().removesuffix(SUFFIX).endswith(wanted)] or found
    else:
        found = list(whole)
    if len(found) == 1:
        return found[0]
    listed = "; ".join(
        f"{path} ({format_size(count)})" for path, count in sorted((whole or files).items())[:20]
    )
    if found:
        raise UsageError(
            f"{spec.repository} holds several GGUFs that match.", f"Name one after a slash: {listed}"
        )
    hint = f"It holds: {listed}" if listed else "Look for the same model in GGUF form."
    if files and not whole:
        hint = "Its GGUFs come in several parts; one in a single file is needed."
    wish = spec.path or spec.choice or "GGUF in a single file"
    raise NotFoundError(f"{spec.repository} has no {wish}.", hint)


def _has_word(path: str, wanted: str) -> bool:
    """Return whether a file's name contains a word, such as ``q4_k_m`` but not ``q4_k``."""
    name = path.rpartition("/")[2].lower().removesuffix(SUFFIX)
    return re.search(rf"(?<![a-z0-9]){re.escape(wanted)}(?![a-z0-9_])", name) is not None


class Hub:
    """One hub. ``address`` is empty for the library's own default (or its variable HF_ENDPOINT)."""

    def __init__(self, address: str = "") -> None:
        self._address = address.rstrip("/") or None
        self._library = _import_library()

    def find(self, spec: Spec) -> RemoteFile:
        """Find the file that a spec means, as the hub promises it now.

        Raises:
            NotFoundError: no such repository, revision or file.
            UsageError: several files match.
            CarrierError: the hub cannot be reached, refuses, or says too little.
        """
        with _translate_errors(spec.repository):
            self._check_reachable(spec.repository)
            api = self._library.HfApi(endpoint=self._address, library_name="edge")
            tree = api.list_repo_tree(spec.repository, recursive=True, revision=spec.revision)
            entries = {e.path: e for e in tree if hasattr(e, "size") and e.path.lower().endswith(SUFFIX)}
            path = choose(spec, {path: entry.size for path, entry in entries.items()})
            lfs = entries[path].lfs
            metadata = self._library.get_hf_file_metadata(
                self._make_url(spec.repository, path, spec.revision)
            )
        if lfs is None or not re.fullmatch(r"[0-9a-f]{64}", lfs.sha256 or ""):
            raise CarrierError(
                f"The hub gives no SHA-256 of {path}.", "Fetch it yourself and use `edge model add FILE`."
            )
        if metadata.size != lfs.size or metadata.etag != lfs.sha256:
            raise CarrierError(
                f"The hub contradicts itself about {path}.", "Try again in a few minutes, or name a revision."
            )
        return RemoteFile(spec.repository, path, metadata.commit_hash or spec.revision, lfs.size, lfs.sha256)

    def append(self, file: RemoteFile, target: BinaryIO, have: int, progress: Progress) -> None:
        """Write what is missing of a file at the end of ``target``, which holds ``have`` bytes of it.

        A connection that breaks is taken up again a few times.

        Raises:
            NotFoundError, CarrierError: as `find`. What has come is in the file.
        """
        from huggingface_hub.file_download import http_get

        with _translate_errors(file.repository):
            url = self._make_url(file.repository, file.path, file.commit)
            place = self._library.get_hf_file_metadata(url).location
            headers = self._library.utils.build_hf_headers(library_name="edge")
            if (
                urlsplit(place).netloc != urlsplit(url).netloc
            ):  # a token is for the hub, not for where it points
                headers.pop("authorization", None)
            headers["Accept-Encoding"] = "identity"
            http_get(
                place, target, resume_size=have, headers=headers, expected_size=file.bytes,
                displayed_filename=file.path, tqdm_class=_make_bar(progress),
            )  # fmt: skip

    def _check_reachable(self, repository: str) -> None:
        """Fail at once where there is no network: the library tries five times, which takes 20 seconds."""
        address = f"{self._address or self._library.constants.ENDPOINT}/api/models/{repository}"
        headers = self._library.utils.build_hf_headers(library_name="edge")
        self._library.utils.get_session().head(address, headers=headers, timeout=10)

    def _make_url(self, repository: str, path: str, revision: str) -> str:
        url: str = self._library.hf_hub_url(repository, path, revision=revision, endpoint=self._address)
        return url


def _import_library() -> ModuleType:
    """Import huggingface_hub, silent: without telemetry, look-ups about who calls, and bars of its own."""
    try:
        import huggingface_hub
        from huggingface_hub import constants
        from huggingface_hub.utils import logging as library_logging
    except ImportError as error:
        raise CarrierError(
            "huggingface_hub is not installed.", "Fetch the file yourself and use `edge model add FILE`."
        ) from error
    constants.HF_HUB_DISABLE_TELEMETRY = True
    constants.DOWNLOAD_CHUNK_SIZE = BLOCK
    library_logging.set_verbosity(
        logging.CRITICAL
    )  # it would tell of each retry; the last one becomes our error
    return huggingface_hub


def _make_bar(progress: Progress) -> type[Any]:
    """Make a progress bar, as the library wants one, that draws nothing and tells ``progress``."""

    class Bar:
        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def update(self, count: float = 1) -> None:
            progress(int(count))

        def close(self) -> None:
            pass

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    return Bar


@contextmanager
def _translate_errors(repository: str) -> Iterator[None]:
    """Turn errors of the library, of HTTP and of the network into ours."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except (errors.RepositoryNotFoundError, errors.GatedRepoError, errors.DisabledRepoError) as error:
        raise _make_access_error(repository, error) from error
    except (errors.RevisionNotFoundError, errors.EntryNotFoundError) as error:
        raise NotFoundError(
            f"{repository} has no such file or revision.", "Leave out the file to see what there is."
        ) from error
    except errors.HFValidationError as error:
        raise UsageError(f"{repository} names no model of a hub.", f"Give {_HELP}") from error
    except errors.OfflineModeIsEnabled as error:
        raise CarrierError(
            "HF_HUB_OFFLINE forbids the connection.", "Unset it, or use `edge model add FILE`."
        ) from error
    except errors.HfHubHTTPError as error:
        raise _make_status_error(repository, error.response.status_code) from error
    except httpx2.HTTPStatusError as error:
        raise _make_status_error(repository, error.response.status_code) from error
    except (httpx2.HTTPError, ConnectionError, TimeoutError) as error:
        raise CarrierError(
            f"The hub cannot be reached, or the connection broke ({type(error).__name__}).",
            "Check the network and any proxy. What has come is kept: the same command resumes.",
        ) from error
    except errors.FileMetadataError as error:
        raise CarrierError(
            "What answers is no model hub.",
            "Check the setting 'hub', HF_ENDPOINT, and any proxy or log-in page.",
        ) from error


def _make_access_error(repository: str, error: Any) -> CarrierError | NotFoundError:
    kind, status = type(error).__name__, error.response.status_code
    if kind == "GatedRepoError" or status == 403:
        return CarrierError(
            f"{repository} is given only to those who accepted its terms.",
            "Accept them on its page, then set HF_TOKEN to a token of yours.",
        )
    return NotFoundError(
        f"There is no repository {repository}, or it is private (HTTP {status}).",
        "Check the spelling; for a private one set HF_TOKEN.",
    )


def _make_status_error(repository: str, status: int) -> CarrierError:
    if status in (401, 403):
        return CarrierError(f"The hub does not give {repository} to you (HTTP {status}).", "Set HF_TOKEN.")
    if status == 429:
        return CarrierError(
            "The hub takes no more requests from here (HTTP 429).", "Wait some minutes; set HF_TOKEN."
        )
    return CarrierError(f"The hub answered with HTTP {status}.", "Try again later; what has come is kept.")
