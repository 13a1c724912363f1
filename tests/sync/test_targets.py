from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tuf.api.metadata import TargetFile

from edge.errors import TrustError
from edge.sync.targets import Target, make_delta_path, make_model_path, make_pack_path

A, B, C = "a" * 64, "b" * 64, "c" * 64
PUMPS = Target("packs/pumps.kpack", 7, A, "pack", "pumps", "1.2", "Pump manuals", B)
DELTA = Target(f"deltas/pumps/{B[:12]}-{C[:12]}.kdelta", 7, A, "delta", "pumps", delta_from=B, delta_to=C)


@pytest.mark.parametrize(
    "target",
    [
        PUMPS,
        DELTA,
        Target("models/Qwen2.5-7B_q4.gguf", 7, A, "model", "Qwen2.5-7B_q4"),
        Target("models/pumps.gguf", 7, A, "lora", "pumps"),
        Target("policy/config.toml", 0, A, "policy"),
    ],
    ids=lambda target: target.kind,
)
def test_what_is_written_is_read(target: Target) -> None:
    file = target.to_target_file()
    read = TargetFile.from_dict(file.to_dict(), target.path)
    assert Target.from_target_file(read) == target


def test_it_lies_under_its_hash() -> None:
    assert PUMPS.file == f"packs/{A}.pumps.kpack"
    assert DELTA.file.startswith(f"deltas/pumps/{A}.")


def test_paths_are_made_as_they_are_read() -> None:
    assert make_pack_path("pumps") == PUMPS.path
    assert make_delta_path("pumps", B, C) == DELTA.path
    assert make_model_path("a.gguf") == "models/a.gguf"


@pytest.mark.parametrize("custom", [None, {}, {"kind": "hologram"}, {"kind": 3}, {"kind": None}, [], "pack"])
def test_what_is_of_no_known_kind_is_none_of_ours(custom: Any) -> None:
    assert Target.from_target_file(TargetFile(1, {"sha256": A}, "packs/x.kpack", {"custom": custom})) is None
    assert Target.from_target_file(TargetFile(1, {"sha256": A}, "packs/x.kpack")) is None


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("packs/../pumps.kpack", {}),
        ("packs/Pumps.kpack", {"name": "Pumps"}),
        ("packs/sub/pumps.kpack", {}),
        ("packs/pumps.kpack/", {}),
        ("packs/pumps.kpack\n", {}),
        ("models/pumps.kpack", {}),
        ("packs/valves.kpack", {}),
        ("packs/pumps.kpack", {"name": "valves"}),
        ("packs/pumps.kpack", {"name": ["pumps"]}),
        ("packs/pumps.kpack", {"version": "1.x"}),
        ("packs/pumps.kpack", {"version": 1}),
        ("packs/pumps.kpack", {"version": None}),
        ("packs/pumps.kpack", {"title": "two\nlines"}),
        ("packs/pumps.kpack", {"title": "x" * 201}),
        ("packs/pumps.kpack", {"title": "\x1b[2J"}),
        ("packs/pumps.kpack", {"database": "B" * 64}),
        ("packs/pumps.kpack", {"database": "b" * 63}),
        (f"packs/{'x' * 65}.kpack", {"name": "x" * 65}),
    ],
)
def test_a_pack_that_does_not_fit_its_description_is_refused(path: str, change: dict[str, Any]) -> None:
    custom = {"kind": "pack", "name": "pumps", "version": "1.2", "title": "T", "database": B} | change
    with pytest.raises(TrustError, match="signed description") as error:
        Target.from_target_file(TargetFile(7, {"sha256": A}, path, {"custom": custom}))
    assert path in error.value.message
    assert error.value.hint


@pytest.mark.parametrize(
    "change", [{"from": C}, {"to": B}, {"from": "x"}, {"to": None}, {"name": "valves"}, {"name": None}]
)
def test_a_delta_that_does_not_fit_its_path_is_refused(change: dict[str, Any]) -> None:
    custom = {"kind": "delta", "name": "pumps", "from": B, "to": C} | change
    with pytest.raises(TrustError):
        Target.from_target_file(TargetFile(7, {"sha256": A}, DELTA.path, {"custom": custom}))


def test_a_target_needs_a_sha256() -> None:
    with pytest.raises(TrustError, match="SHA-256"):
        Target.from_target_file(
            TargetFile(7, {"sha512": A}, "policy/config.toml", {"custom": {"kind": "policy"}})
        )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    path=st.sampled_from([PUMPS.path, DELTA.path, "models/a.gguf", "policy/config.toml"])
    | st.text(min_size=1),
    custom=st.dictionaries(
        st.sampled_from(["kind", "name", "version", "title", "database", "from", "to"]),
        JSON | st.sampled_from(["pack", "delta", "model", "pumps", "1.2", A, B]),
    ),
)
def test_whatever_a_description_says_it_is_a_target_or_refused(path: str, custom: dict[str, Any]) -> None:
    try:
        target = Target.from_target_file(TargetFile(7, {"sha256": A}, path, {"custom": custom}))
    except TrustError:
        return
    if target is not None:
        assert target.path == path
        assert ".." not in target.file.split("/")
        assert target.to_target_file().custom["kind"] == custom["kind"]
