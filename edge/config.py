"""Settings: defaults, then ``EDGE_HOME/config.toml``, then ``EDGE_*`` variables, then flags. Frozen once made.

Between defaults and file stands the policy of the fleet, which ``edge sync`` brings: no more than ``MAY_BE_POLICY``.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from edge.errors import UsageError

FILE = "config.toml"
POLICY = "policy.toml"
MAY_BE_POLICY = ("sources", "sync_packs", "sync_models", "passages", "max_answer_tokens")
MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set.

    ``home`` holds all state. ``engine`` is ``auto`` (a language model when one is installed, else extractive) or the
    name of an engine. ``embedder`` is a GGUF file, empty for the one that came with edge, ``none`` for keyword search
    alone. ``reranker`` is a GGUF file with a ranking head, empty for the installed one, ``none`` for none;
    it reads as many of the best passages as ``rerank_ms`` milliseconds allow (0: sixteen, however long it takes).
    ``threads`` is for the language model; 0 chooses. ``max_input_tokens`` and ``max_output_tokens`` bound every request
    to it, ``max_answer_tokens`` the answers from packs. ``token`` is asked of every request when the server listens on
    an address other than loopback.

    ``sources`` says where ``edge sync`` looks, in order, with commas between: addresses, folders, ``usb``, ``swarm``.
    ``sync_packs`` and ``sync_models`` hold patterns of the names it gets. ``proxy`` is the address of a proxy, empty
    for the environment's, ``none`` for none. ``http_hosts`` may be asked without TLS: it hides, signatures protect.

    The server answers ``max_requests`` at once, lets ``max_waiting`` more wait, and takes ``requests_per_minute`` from
    each address, ``request_burst`` of them at once (0: any number). ``openai_url`` and ``openai_model`` are what the
    engine ``openai`` asks, ``openai_timeout`` the seconds of silence it bears; its key is not a setting.
    A language model that was not used for ``idle_unload_minutes`` gives its memory back (0: never).

    How a language model is run, memory and devices decide where a setting does not: ``parallel`` requests at once (0
    chooses), keys and values stored as ``kv_type`` (``f16``, ``q8_0``, ``q4_0``), ``gpu_layers`` (a number or ``all``)
    on a GPU, weights rearranged for the processor (``repack``: ``on``, ``off``). ``back_ends`` is a folder with further
    back ends of llama.cpp, such as CUDA's; empty for ``back-ends`` in the home, if that exists. ``hub`` is the address
    ``edge model pull`` asks, empty for the usual one.
    ``prefill_cache_mb`` bounds the disk space for prompts computed before (0: none); with ``idle_prefill`` (1 or
    0) the server computes those asked for most while nothing else is to do.
    """

    home: Path
    engine: str = "auto"
    embedder: str = ""
    reranker: str = ""
    rerank_ms: int = 150
    threads: int = 0
    max_input_tokens: int = 4096
    max_output_tokens: int = 1024
    max_answer_tokens: int = 256
    passages: int = 5
    max_question_bytes: int = 8192
    host: str = "127.0.0.1"
    port: int = 8765
    token: str = ""
    sources: str = ""
    sync_packs: str = "*"
    sync_models: str = "*"
    proxy: str = ""
    http_hosts: str = ""
    max_requests: int = 64
    max_waiting: int = 64
    requests_per_minute: int = 120
    request_burst: int = 60
    openai_url: str = ""
    openai_model: str = ""
    openai_timeout: int = 60
    idle_unload_minutes: int = 30
    parallel: int = 0
    kv_type: str = "auto"
    gpu_layers: str = "auto"
    repack: str = "auto"
    back_ends: str = ""
    hub: str = ""
    prefill_cache_mb: int = 2048
    idle_prefill: int = 1

    @property
    def packs_dir(self) -> Path:
        """Installed knowledge packs."""
        return self.home / "packs"

    @property
    def models_dir(self) -> Path:
        """Installed language models."""
        return self.home / "models"

    @property
    def sync_dir(self) -> Path:
        """What ``edge sync`` knows and has half downloaded."""
        return self.home / "sync"

    @property
    def prefill_dir(self) -> Path:
        """Beginnings of prompts that were computed before. Can be deleted at any time."""
        return self.home / "cache" / "prefill"

    @property
    def state_file(self) -> Path:
        """The one database that is written while answering."""
        return self.home / "state.sqlite"


def default_home(environ: Mapping[str, str]) -> Path:
    """``EDGE_HOME``, else the platform's data folder."""
    if environ.get("EDGE_HOME"):
        return Path(environ["EDGE_HOME"]).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("edge", appauthor=False))


def load_settings(environ: Mapping[str, str] | None = None, **flags: Any) -> Settings:
    """Settings from all four sources; ``flags`` that are None count as not given.

    Raises:
        UsageError: a home that is not a folder, a file that is not TOML, an unknown key, a value of the wrong type.
    """
    environ = os.environ if environ is None else environ
    settings = Settings(home=default_home(environ))
    settings = _apply(settings, allowed_policy(_read_file(settings.home / POLICY)), source=POLICY)
    settings = _apply(settings, _read_file(settings.home / FILE), source=FILE)
    variables = {
        field.name: environ[name]
        for field in fields(Settings)
        if field.name != "home" and (name := f"EDGE_{field.name.upper()}") in environ
    }
    settings = _apply(settings, variables, source="the environment (EDGE_*)")
    return _apply(settings, {k: v for k, v in flags.items() if v is not None}, source="the command line")


def parse_list(text: str) -> tuple[str, ...]:
    """The entries of a setting that holds several, with commas between."""
    return tuple(entry for part in text.split(",") if (entry := part.strip()))


def allowed_policy(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a policy may set. The rest is left out, since a newer edge may allow more."""
    return {key: value for key, value in values.items() if key in MAY_BE_POLICY}


def check_policy(data: bytes) -> None:
    """Whether a policy can be used: a file that passes never stops a command.

    Raises:
        UsageError: it is not TOML, or a value is of the wrong type.
    """
    try:
        values = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"The policy is not valid TOML: {error}.", "Tell the publisher.") from error
    _apply(Settings(home=Path()), allowed_policy(values), source="the policy")


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except NotADirectoryError as error:
        raise UsageError(f"{path.parent} is not a folder.", "Set EDGE_HOME to a folder.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"{path} is not valid TOML: {error}.", "Correct the file or move it away."
        ) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error


def _apply(settings: Settings, values: Mapping[str, Any], source: str) -> Settings:
    known = {field.name: field for field in fields(Settings)}
    changes: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise UsageError(f"{source}: unknown setting '{key}'.", f"Known: {', '.join(sorted(known))}.")
        try:
            changes[key] = _converted(value, Path if key == "home" else type(getattr(settings, key)))
        except ValueError as error:
            raise UsageError(f"{source}: {key} = {value!r} is not {error}.", "Correct the value.") from error
    return replace(settings, **changes)


def _converted(value: Any, wanted: type) -> Any:
    """The value as the type that is wanted. Text may stand for anything, since variables are text.

    Raises:
        ValueError: what it is not.
    """
    if wanted is not int:
        if not isinstance(value, str | wanted):
            raise ValueError("text")
        return wanted(value)
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValueError("a whole number")
    if not str(value).strip().isdecimal() or len(str(value)) > MAX_DIGITS:
        raise ValueError("a whole number from 0 up")
    return int(value)
