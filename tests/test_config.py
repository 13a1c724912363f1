"""Settings: defaults, then the file, then the environment, then flags."""

from __future__ import annotations

import tomllib
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.config import FILE, POLICY, Settings, check_policy, find_home, load_settings, parse_list
from edge.errors import UsageError

NUMBERS = (
    "threads", "max_input_tokens", "max_output_tokens", "max_answer_tokens", "passages", "max_question_bytes", "port",
    "rerank_ms", "max_requests", "max_waiting", "requests_per_minute", "request_burst", "openai_timeout",
)  # fmt: skip
TEXTS = ("engine", "embedder", "reranker", "host", "token", "openai_url", "openai_model")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def load(
    home: Path, file: str | bytes | None = None, flags: dict[str, Any] | None = None, **env: str
) -> Settings:
    """Return the settings of a home with this file."""
    if file is not None:
        (home / FILE).write_bytes(file.encode() if isinstance(file, str) else file)
    return load_settings({"EDGE_HOME": str(home), **env}, **(flags or {}))


def test_without_anything_set_the_defaults_hold_and_nothing_is_written(home: Path) -> None:
    assert load(home) == Settings(home=home)
    assert load(home / "not" / "there") == Settings(home=home / "not" / "there")
    assert list(home.iterdir()) == []


def test_flags_come_before_the_environment_before_the_file(home: Path) -> None:
    file = 'port = 1\nhost = "a"\nengine = "llama"\n'
    found = load(home, file, {"port": 3}, EDGE_PORT="2", EDGE_HOST="b")
    assert (found.port, found.host, found.engine) == (3, "b", "llama")


def test_a_flag_that_is_not_given_changes_nothing(home: Path) -> None:
    assert load(home, "port = 1", {"port": None}).port == 1


def test_everything_lies_under_one_folder(home: Path) -> None:
    found = Settings(home=home)
    assert {path.parent for path in (found.packs_dir, found.models_dir, found.state_file)} == {home}


def test_the_home_is_that_of_the_environment_else_the_platforms_data_folder(tmp_path: Path) -> None:
    assert find_home({"EDGE_HOME": str(tmp_path)}) == tmp_path
    assert find_home({"EDGE_HOME": "~/edge"}) == Path.home() / "edge"
    assert find_home({}) == find_home({"EDGE_HOME": ""})
    assert find_home({}).name == "edge"


def test_settings_are_frozen(home: Path) -> None:
    with pytest.raises(FrozenInstanceError):
        load(home).port = 1  # type: ignore[misc]


def test_other_variables_are_none_of_ours(home: Path) -> None:
    assert load(home, EDGE_KEYS_PASSPHRASE="x", EDGELESS="y", PORT="1") == Settings(home=home)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("port = ", "is not valid TOML"),
        (b"host = '\xff'", "is not valid TOML"),
        ("prot = 1", "unknown setting 'prot'"),
        ("[engine]\nname = 'llama'", "engine = "),
        ("port = 'many'", "port = 'many'"),
        ("port = 3.7", "port = 3.7"),
        ("port = inf", "port = inf"),
        ("port = true", "port = True"),
        ("passages = -1", "passages = -1"),
        ("engine = 5", "engine = 5"),
        ("embedder = []", "embedder = []"),
        ("token = 2020-01-01", "token = "),
    ],
)
def test_a_file_that_is_wrong_says_where(home: Path, file: str | bytes, says: str) -> None:
    with pytest.raises(UsageError, match=FILE) as caught:
        load(home, file)
    assert says in caught.value.message
    assert caught.value.hint


def test_a_folder_in_place_of_the_file_is_an_error(home: Path) -> None:
    (home / FILE).mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        load(home)


@pytest.mark.parametrize("value", ["", "x", "1.5", "-1", "9" * 5000])
def test_a_variable_that_is_no_number_says_so(home: Path, value: str) -> None:
    with pytest.raises(UsageError, match=r"the environment \(EDGE_\*\): port"):
        load(home, EDGE_PORT=value)


def test_an_unknown_flag_is_an_error(home: Path) -> None:
    with pytest.raises(UsageError, match="the command line: unknown setting 'prot'"):
        load(home, flags={"prot": 1})


@given(number=st.integers(0, 10**12), name=st.sampled_from(NUMBERS))
def test_numbers_read_the_same_from_every_source(number: int, name: str) -> None:
    home = Path("/nonexistent")
    of_variable = load(home, **{f"EDGE_{name.upper()}": str(number)})
    assert getattr(of_variable, name) == number
    assert of_variable == load(home, flags={name: number})


@given(st.sampled_from((*NUMBERS, *TEXTS)), st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_any_variable_is_taken_or_refused(name: str, value: str) -> None:
    try:
        found = load(Path("/nonexistent"), **{f"EDGE_{name.upper()}": value})
    except UsageError:
        assert name in NUMBERS
    else:
        assert getattr(found, name) == (value if name in TEXTS else int(value))


@settings(max_examples=60)
@given(
    st.text(alphabet="port=hostngi 12.'\"[]{}\n#-+einf\0")
    | st.sampled_from([*NUMBERS, *TEXTS, "home"]).flatmap(
        lambda name: st.text().map(lambda v: f"{name} = {v}")
    )
)
@example("port = 1e999")
@example("a = " + "[" * 5000)
def test_any_file_is_taken_or_refused(tmp_path_factory: pytest.TempPathFactory, file: str) -> None:
    home = tmp_path_factory.mktemp("home")
    try:
        load(home, file.encode("utf-8", "replace"))
    except UsageError:
        return
    assert set(tomllib.loads(file)) <= {*NUMBERS, *TEXTS, "home"}


def test_a_home_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(UsageError, match="is not a folder") as caught:
        load_settings({"EDGE_HOME": str(tmp_path / "home")})
    assert "EDGE_HOME" in caught.value.hint


# The policy of the fleet


def test_a_policy_stands_between_defaults_and_the_file(home: Path) -> None:
    (home / POLICY).write_text('passages = 7\nsources = "https://mirror.example"\n')
    assert (load(home).passages, load(home).sources) == (7, "https://mirror.example")
    assert load(home, "passages = 3").passages == 3
    assert load(home, EDGE_PASSAGES="4").passages == 4


@pytest.mark.parametrize(
    "setting", ['host = "0.0.0.0"', 'token = "x"', 'engine = "evil"', 'home = "/"', "new = 1"]
)
def test_a_policy_sets_no_more_than_it_may(home: Path, setting: str) -> None:
    check_policy(setting.encode())
    (home / POLICY).write_text(setting)
    assert load(home) == Settings(home=home)


@pytest.mark.parametrize("policy", [b"passages = 'x'", b"sources = 5", b"=", b"\xff", b"[" * 10_000])
def test_a_policy_that_would_stop_commands_is_refused(policy: bytes) -> None:
    with pytest.raises(UsageError) as error:
        check_policy(policy)
    assert error.value.hint


def test_a_list_has_commas_between() -> None:
    assert parse_list(" a, ,b,") == ("a", "b")
    assert parse_list("") == ()
