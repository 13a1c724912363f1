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
    """Everything that can be set. The handbook's table of settings is made from the text below each of them."""

    home: Path
    """Where all state lives. Set it by the variable."""
    engine: str = "auto"
    """``auto`` (the model in use, else quotation), ``extractive``, ``llama``, ``openai``, ``scripted``, or the name
    of a plug-in."""
    embedder: str = ""
    """A MiniLM as a GGUF file. Empty: the one that came with edge. ``none``: search by words alone."""
    reranker: str = ""
    """A reranker as a GGUF file. Empty: the installed one, if there is one. ``none``: no reranker."""
    rerank_ms: int = 150
    """Milliseconds in which the reranker may read the best passages again. 0: sixteen passages, however long it
    takes."""
    threads: int = 0
    """Processor threads of the language model. 0: all physical cores but one."""
    max_input_tokens: int = 4096
    """The longest prompt of the language model, in tokens."""
    max_output_tokens: int = 1024
    """The longest text that the language model writes, in tokens."""
    max_answer_tokens: int = 256
    """The longest answer from the packs, in tokens."""
    passages: int = 5
    """Number of passages given with an answer."""
    max_question_bytes: int = 8192
    """A longer question is refused."""
    host: str = "127.0.0.1"
    """The address where ``edge serve`` listens."""
    port: int = 8765
    """The TCP port where ``edge serve`` listens."""
    token: str = ""
    """The secret asked of every request when ``edge serve`` listens on an address other than loopback."""
    sources: str = ""
    """Where ``edge sync`` looks, in order, with commas between: addresses, folders, ``usb``, ``swarm``."""
    sync_packs: str = "*"
    """Names of the packs that ``edge sync`` gets. ``*`` and ``?`` stand for any characters."""
    sync_models: str = "*"
    """Names of the models that ``edge sync`` gets. ``*`` and ``?`` stand for any characters."""
    proxy: str = ""
    """A proxy for ``edge sync``. Empty: that of the environment. ``none``: no proxy."""
    http_hosts: str = ""
    """Hosts that ``edge sync`` may ask without TLS, which hides what is asked; signatures protect what comes."""
    max_requests: int = 64
    """Questions that ``edge serve`` answers at once."""
    max_waiting: int = 64
    """Questions that wait their turn; more are refused (503)."""
    requests_per_minute: int = 120
    """Questions from one address; more are refused (429). 0: any number. Off while the server listens on loopback."""
    request_burst: int = 60
    """So many questions from one address at once."""
    openai_url: str = ""
    """The OpenAI-compatible server that the engine ``openai`` asks, up to ``/v1``. Its key is not a setting."""
    openai_model: str = ""
    """The model of that server. Empty: the only one it has."""
    openai_timeout: int = 60
    """Seconds of silence before that server counts as dead."""
    idle_unload_minutes: int = 30
    """A language model that was not used for so long gives its memory back. 0: never."""
    parallel: int = 0
    """Requests that the language model answers at once. 0: up to 16 on a processor, 64 on a GPU, by free memory."""
    kv_type: str = "auto"
    """How the cache of the language model stores keys and values: ``f16``, ``q8_0``, ``q4_0``. ``auto``: the first
    that fits."""
    gpu_layers: str = "auto"
    """Layers computed on a GPU: a number or ``all``. ``auto``: by its free memory."""
    repack: str = "auto"
    """Rearrange weights for this processor, ``on`` or ``off``: a tenth faster, twice the memory, 8 s a GB at start."""
    back_ends: str = ""
    """A folder with further back ends of llama.cpp, such as ``libggml-cuda.so``. Empty: ``back-ends`` in the home,
    if it exists."""
    audit: str = "on"
    """``on``: every turn is recorded in the audit log. ``required``: what cannot be recorded is not answered.
    ``off``: no log."""
    subject: str = ""
    """Who asks, in the audit log, where a request does not say so (``X-Subject``). Empty: the account that edge runs
    under."""
    device: str = ""
    """The name of this device in its audit log. Empty: its host name. A log keeps the name that it began with."""
    conversation_days: int = 365
    """Days that ``edge serve`` remembers a conversation. 0: for ever."""
    hub: str = ""
    """The model hub that ``edge model pull`` asks. Empty: ``HF_ENDPOINT``, else the usual one."""
    prefill_cache_mb: int = 2048
    """Disk space in MB for prompts that were computed before, under ``cache/prefill``. 0: none."""
    idle_prefill: int = 1
    """1: the server computes the prompts asked for most while nothing else is to do, unless on battery. 0: it does
    not."""

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
        """The folder of what ``edge sync`` knows and has half downloaded."""
        return self.home / "sync"

    @property
    def prefill_dir(self) -> Path:
        """Beginnings of prompts that were computed before. Can be deleted at any time."""
        return self.home / "cache" / "prefill"

    @property
    def audit_dir(self) -> Path:
        """The audit log with its keys."""
        return self.home / "audit"

    @property
    def state_file(self) -> Path:
        """The one database that is written while answering."""
        return self.home / "state.sqlite"

    @property
    def jobs_file(self) -> Path:
        """Jobs, with all that was done and read at their steps."""
        return self.home / "jobs.sqlite"

    @property
    def feedback_file(self) -> Path:
        """What people say of answers."""
        return self.home / "feedback.sqlite"

    @property
    def notes_file(self) -> Path:
        """The user's own notes."""
        return self.home / "notes.sqlite"


def find_home(environ: Mapping[str, str]) -> Path:
    """Return ``EDGE_HOME``, else the platform's data folder."""
    if environ.get("EDGE_HOME"):
        return Path(environ["EDGE_HOME"]).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("edge", appauthor=False))


def load_settings(environ: Mapping[str, str] | None = None, **flags: Any) -> Settings:
    """Load settings from all four sources; ``flags`` that are None count as not given.

    Raises:
        UsageError: a home that is not a folder, a file that is not TOML, an unknown key, a value of the wrong type.
    """
    environ = os.environ if environ is None else environ
    settings = Settings(home=find_home(environ))
    settings = _apply(settings, select_allowed(_read_file(settings.home / POLICY)), source=POLICY)
    settings = _apply(settings, _read_file(settings.home / FILE), source=FILE)
    variables = {
        field.name: environ[name]
        for field in fields(Settings)
        if field.name != "home" and (name := f"EDGE_{field.name.upper()}") in environ
    }
    settings = _apply(settings, variables, source="the environment (EDGE_*)")
    return _apply(settings, {k: v for k, v in flags.items() if v is not None}, source="the command line")


def parse_list(text: str) -> tuple[str, ...]:
    """Split a setting that holds several entries, with commas between."""
    return tuple(entry for part in text.split(",") if (entry := part.strip()))


def select_allowed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a policy may set. The rest is left out, since a newer edge may allow more."""
    return {key: value for key, value in values.items() if key in MAY_BE_POLICY}


def check_policy(data: bytes) -> None:
    """Check that a policy can be used: a file that passes never stops a command.

    Raises:
        UsageError: it is not TOML, or a value is of the wrong type.
    """
    try:
        values = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"The policy is not valid TOML: {error}.", "Tell the publisher.") from error
    _apply(Settings(home=Path()), select_allowed(values), source="the policy")


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
            changes[key] = _convert(value, Path if key == "home" else type(getattr(settings, key)))
        except ValueError as error:
            raise UsageError(f"{source}: {key} = {value!r} is not {error}.", "Correct the value.") from error
    return replace(settings, **changes)


def _convert(value: Any, wanted: type) -> Any:
    """Convert a value to the type that is wanted. Text may stand for anything, since variables are text.

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
