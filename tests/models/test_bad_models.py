"""A model file comes from anywhere. Whatever is in it: an answer, or an error that names the file; `make torture` tries
five hundred."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.bad_models import check_header, make_bad_models, try_model

HERE = 25


@pytest.fixture(scope="module")
def good(model: Path) -> bytes:
    return model.read_bytes()


def test_the_unharmed_one_answers(tmp_path: Path, good: bytes) -> None:
    assert check_header(tmp_path, good) is None
    assert try_model(tmp_path, good).startswith("answers 'Öl")


@pytest.mark.parametrize("number", range(HERE))
def test_a_bad_one_gets_a_clear_error_or_answers(tmp_path: Path, good: bytes, number: int) -> None:
    *_, (_, data) = make_bad_models(good, number + 1)
    try_model(tmp_path, data)


def test_edge_sees_most_before_llama_cpp_does(tmp_path: Path, good: bytes) -> None:
    """Nothing that edge refuses is taken by llama.cpp, and what is cut never reaches it."""
    for what, data in make_bad_models(good, 300):
        assert not what.startswith("cut") or check_header(tmp_path, data), what
