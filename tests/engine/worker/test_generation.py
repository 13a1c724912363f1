"""A whole worker process, many requests at once. The tiny model copies the first passage; chains count to nine."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.engine.worker.scheduler import WAITING_LEAST
from tests.engine.recurrent_model import write_recurrent_model
from tests.engine.worker.parent import Parent, get_texts

TINY = Path(__file__).parents[2] / "tiny_model" / "tiny.gguf"

OPENINGS = [
    "Tighten the M8 bolts crosswise to 25 Nm.",
    "Fault E-207 points to a blocked condensate drain.",
    "Isolate the drive and wait at least 15 minutes before you open the cabinet.",
    "A 4-20 mA loop that reads 3.6 mA reports a sensor fault.",
    "Hold the RESET button for five seconds until the amber lamp blinks twice.",
    "Replace the HEPA filter every 2,000 operating hours or once a year.",
    "Never look into the end of a live fibre.",
    "The compressor may start at most six times per hour.",
]
LONG = "Isolate the drive and wait at least 15 minutes before you open the cabinet"

Start = Callable[..., Parent]


def passages(*openings: str) -> str:
    blocks = [
        f"[{n}] manual.pdf, page {n}, Part {n}\n{text} See below." for n, text in enumerate(openings, 1)
    ]
    return "Passages:\n" + "\n\n".join(blocks) + "\n\nQuestion: What must I know?"


@pytest.fixture
def start() -> Iterator[Start]:
    made: list[Parent] = []

    def call(model: Path, **options: Any) -> Parent:
        made.append(Parent(model, **{"input_tokens": 768, "output_tokens": 256, **options}))
        return made[-1]

    yield call
    for parent in made:
        parent.close()


@pytest.fixture(scope="module")
def tiny() -> Iterator[Parent]:
    parent = Parent(TINY, input_tokens=768, output_tokens=256, parallel=8, cells=4096)
    yield parent
    parent.close()


@pytest.fixture
def counter(endless_model: Path, start: Start) -> Parent:
    """Counts to nine until it may not any more; two at a time."""
    return start(endless_model, parallel=2, input_tokens=3000, output_tokens=1000, cells=8192)


def test_eight_requests_at_once_get_each_its_own_answer(tiny: Parent) -> None:
    answers = tiny.wait(*(tiny.ask(passages(opening, OPENINGS[0])) for opening in OPENINGS))
    assert get_texts(answers) == [f"{opening} [1]" for opening in OPENINGS]
    assert {answer.done["reason"] for answer in answers} == {"end"}


def test_more_requests_than_may_run_wait_their_turn(start: Start) -> None:
    parent = start(TINY, parallel=2)
    numbers = [parent.ask(passages(opening)) for opening in OPENINGS]
    assert get_texts(parent.wait(*numbers)) == [f"{opening} [1]" for opening in OPENINGS]


def test_too_many_that_wait_are_told_so(counter: Parent) -> None:
    running = [counter.ask("Count.", 1000) for _ in range(2)]
    counter.until_written(*running)
    waiting = [counter.ask("Count.", 1) for _ in range(WAITING_LEAST + 1)]
    (refused,) = counter.wait(waiting[-1])
    assert refused.busy
    assert "wait" in refused.error
    for number in running:
        counter.cancel(number)
    assert not any(answer.busy for answer in counter.wait(*waiting[:-1]))


# Reuse of what is in memory.


def test_the_same_prompt_is_not_computed_again(start: Start) -> None:
    parent = start(TINY)
    first, second = (parent.answer(passages(OPENINGS[0])) for _ in range(2))
    assert (first.text, first.done["reused_tokens"]) == (second.text, 0)
    assert second.done["reused_tokens"] == second.done["prompt_tokens"] - 1


def test_a_prompt_that_goes_on_from_another_computes_the_rest_only(start: Start) -> None:
    parent = start(TINY, parallel=2)
    shared = passages(*OPENINGS[:3])
    parent.answer(shared)
    longer = parent.answer(passages(*OPENINGS[:2], OPENINGS[6]))
    assert longer.text == f"{OPENINGS[0]} [1]"
    assert longer.done["reused_tokens"] > 0.5 * longer.done["prompt_tokens"]


def test_requests_that_come_together_compute_what_they_share_once(counter: Parent) -> None:
    counter.wait(*(counter.ask("x" * 1500 + tail, 9) for tail in ("one", "two")))
    reused = sorted(answer.done["reused_tokens"] for answer in counter.answers.values())
    assert reused[0] == 0
    assert reused[1] > 1500


def test_a_running_request_lends_its_prompt(counter: Parent) -> None:
    running = counter.ask("y" * 500, 1000)
    counter.until_written(running)
    other = counter.answer("y" * 500 + "z", 9)
    assert running not in counter.ended
    assert other.done["reused_tokens"] > 500
    assert other.text == "123456789"
    assert counter.wait(running)[0].text == ("123456789" * 112)[:1000]


def test_when_cells_run_out_the_youngest_waits_and_all_answers_are_whole(
    endless_model: Path, start: Start
) -> None:
    parent = start(endless_model, parallel=4, input_tokens=256, output_tokens=256, cells=768)
    assert parent.facts["cells"] == 768
    numbers = [parent.ask("abcdefgh"[n] * 100, 250) for n in range(8)]
    assert get_texts(parent.wait(*numbers)) == [("123456789" * 28)[:250]] * 8


def test_idle_beginnings_make_room(endless_model: Path, start: Start) -> None:
    parent = start(endless_model, parallel=2, input_tokens=384, output_tokens=128, cells=512)
    for n in range(20):
        assert parent.answer(f"{n:03d}" * 80, 100).text == ("123456789" * 12)[:100]


def test_a_memory_that_cannot_forget_a_part_is_used_whole_or_not_at_all(tmp_path: Path, start: Start) -> None:
    parent = start(write_recurrent_model(tmp_path / "m.gguf", "123456789"), parallel=3)
    for text in ("one", "one", "one more", "two", "one"):
        answer = parent.answer(text, 20)
        assert (answer.text, answer.done["reused_tokens"]) == ("12345678912345678912", 0)
    running = parent.ask("a" * 300, 200)
    parent.until_written(running)
    parent.cancel(running)
    numbers = [parent.ask(text, 20) for text in ("three", "three", "four")]
    assert get_texts(parent.wait(*numbers)) == ["12345678912345678912"] * 3


# Guessing ahead.


@pytest.mark.parametrize("openings", [OPENINGS[:1], OPENINGS[2:5], OPENINGS[5:8]])
def test_guessing_changes_nothing_but_the_number_of_runs(start: Start, openings: list[str]) -> None:
    guessing, plain = start(TINY), start(TINY, lookup=False)
    quick, slow = guessing.answer(passages(*openings)), plain.answer(passages(*openings))
    assert quick.text == slow.text == f"{openings[0]} [1]"
    assert quick.done["tokens"] == slow.done["tokens"]
    assert slow.done["tokens"] <= slow.done["steps"] <= slow.done["tokens"] + 1
    assert quick.done["steps"] * 1.5 <= slow.done["steps"]


def test_guesses_that_go_too_far_are_cut_off(counter: Parent) -> None:
    answer = counter.answer("123456789123456789", 95)
    assert answer.text == ("123456789" * 11)[:95]
    assert answer.done["tokens"] == 95
    assert answer.done["steps"] < 60
    stopped = counter.answer("123456789123456789", 95, stop=["8912"])
    assert stopped.text == "1234567"


def test_guessing_goes_on_in_company(tiny: Parent) -> None:
    answers = tiny.wait(*(tiny.ask(passages(opening)) for opening in OPENINGS[:3]))
    assert get_texts(answers) == [f"{opening} [1]" for opening in OPENINGS[:3]]


# Giving up.


def test_a_cancelled_answer_ends_at_once_and_the_other_goes_on(counter: Parent) -> None:
    ended, other = counter.ask("Count.", 1000), counter.ask("Go.", 300)
    counter.until_written(ended, other)
    counter.cancel(ended)
    assert counter.wait(ended)[0].done["reason"] == "cancel"
    assert counter.wait(other)[0].text == ("123456789" * 34)[:300]


def test_a_cancelled_prompt_is_given_up_within_its_run(counter: Parent) -> None:
    long = counter.ask("x" * 2900)
    counter.cancel(long)
    (answer,) = counter.wait(long)
    assert answer.done["reason"] == "cancel"
    assert answer.text == ""
    assert counter.answer("x", 9).text == "123456789"


def test_who_shares_a_run_with_a_cancelled_prompt_is_not_harmed(counter: Parent) -> None:
    for _ in range(5):
        other, long = counter.ask("y" * 700, 18), counter.ask("x" * 2000)
        counter.cancel(long)
        assert counter.wait(other)[0].text == "123456789123456789"
        counter.wait(long)


def test_a_request_that_waits_can_be_cancelled(counter: Parent) -> None:
    running = [counter.ask("Count.", 1000) for _ in range(2)]
    waiting = counter.ask("Count.", 9)
    counter.cancel(waiting)
    assert counter.wait(waiting)[0].done["reason"] == "cancel"
    assert not set(running) & set(counter.ended)


def test_what_has_ended_can_be_cancelled_without_effect(counter: Parent) -> None:
    done = counter.ask("Count.", 9)
    counter.wait(done)
    counter.cancel(done)
    counter.cancel(12345)
    assert counter.answer("Count.", 9).text == "123456789"


def test_a_request_that_fails_does_not_take_the_others_along(tiny: Parent) -> None:
    good = [tiny.ask(passages(opening)) for opening in OPENINGS[:2]]
    bad = [tiny.ask("?", schema='{"type": "nonsense"}'), tiny.ask("word " * 5000)]
    assert all(answer.error for answer in tiny.wait(*bad))
    assert get_texts(tiny.wait(*good)) == [f"{opening} [1]" for opening in OPENINGS[:2]]


# Fairness, and work in idle time.


def test_a_short_prompt_does_not_wait_for_a_long_one(counter: Parent) -> None:
    long, short = counter.ask("x" * 2900, 9), counter.ask("y", 9)
    counter.wait(long, short)
    assert counter.ended == [short, long]


def test_tokens_are_counted_while_a_long_prompt_is_computed(counter: Parent) -> None:
    long = counter.ask("x" * 2900, 9)
    count = counter.ask("abc", op="count")
    assert counter.wait(count)[0].done["tokens"] > 3
    assert long not in counter.ended


def test_a_prompt_computed_ahead_is_there_when_it_is_asked(counter: Parent) -> None:
    ahead = counter.answer("x" * 1000, op="prefill")
    assert ahead.done == {
        "reason": "end",
        "prompt_tokens": ahead.done["prompt_tokens"],
        "reused_tokens": 0,
        "tokens": 0,
        "steps": 0,
    }
    asked = counter.answer("x" * 1000, 9)
    assert asked.done["reused_tokens"] == asked.done["prompt_tokens"] - 1


def test_work_ahead_gives_way_to_a_request(counter: Parent) -> None:
    ahead = [counter.ask(letter * 2900, op="prefill") for letter in "abc"]
    asked = counter.ask("y", 9)
    answers = counter.wait(*ahead, asked)
    assert answers[-1].text == "123456789"
    assert counter.ended[-1] == asked
    assert answers[2].done["reason"] == "cancel"


# Sampling.


def test_a_seed_gives_the_same_text_again(tiny: Parent) -> None:
    hot = {"temperature": 3.0, "top_k": 200}
    first, again, other = (tiny.answer("?", 40, seed=seed, **hot).text for seed in (7, 7, 8))
    assert first == again != other


def test_without_a_seed_chance_decides(tiny: Parent) -> None:
    assert len({tiny.answer("?", 40, temperature=3.0).text for _ in range(3)}) > 1


@pytest.mark.parametrize(
    "narrow",
    [{"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}, {"temperature": 1e-9}],
    ids=lambda n: next(iter(n)),
)
def test_every_filter_can_leave_the_likeliest_only(tiny: Parent, narrow: dict[str, float]) -> None:
    answer = tiny.answer(passages(OPENINGS[1]), **{"temperature": 2.0, **narrow})
    assert answer.text == f"{OPENINGS[1]} [1]"


def test_penalties_keep_words_from_coming_again(counter: Parent) -> None:
    plain, penalized = (
        counter.answer("Count.", 120, frequency_penalty=penalty).text for penalty in (0.0, 2.0)
    )
    assert plain == ("123456789" * 14)[:120]
    assert penalized != plain


@pytest.mark.parametrize("stop", ["E-207", "points to a blocked", " drain. [1"])
def test_nothing_of_a_stop_text_comes_out(tiny: Parent, stop: str) -> None:
    answer = tiny.answer(passages(OPENINGS[1]), stop=["nowhere", stop])
    assert answer.text == f"{OPENINGS[1]} [1]".split(stop)[0]
    assert answer.done["reason"] == "stop"


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_a_schema_is_obeyed(tiny: Parent, temperature: float) -> None:
    schema = {
        "type": "object",
        "properties": {
            "code": {"enum": ["E1", "E2"]},
            "torque": {"type": "integer"},
        },
        "required": ["code", "torque"],
    }
    answer = tiny.answer(
        passages(OPENINGS[1]), 200, schema=json.dumps(schema), temperature=temperature, seed=1
    )
    value = json.loads(answer.text)
    assert value["code"] in ("E1", "E2")
    assert type(value["torque"]) is int
    assert answer.done["reason"] == "end"


@pytest.mark.parametrize(
    "schema",
    ["nonsense", "[", '{"type": 5}', '{"type": "string", "maxLength": 1000000000}', '{"$ref": "http://x/y"}',
     '{"type": "string", "pattern": "^a{1,900000}$"}', '{"a": ' * 3000 + "1" + "}" * 3000],
    ids=range(7),
)  # fmt: skip
def test_a_schema_that_cannot_be_used_is_refused(tiny: Parent, schema: str) -> None:
    assert "JSON schema" in tiny.answer("?", schema=schema).error


def test_any_object_is_what_an_empty_schema_asks_for(tiny: Parent) -> None:
    text = tiny.answer("?", 200, schema="{}", temperature=1.0, seed=3).text
    assert text.lstrip().startswith("{")


def test_likelihoods_come_with_the_tokens(tiny: Parent) -> None:
    answer = tiny.answer(passages(OPENINGS[6]), logprobs=3)
    assert "".join(chosen[0] for chosen, _ in answer.logprobs) == answer.text == f"{OPENINGS[6]} [1]"
    for (text, logprob), others in answer.logprobs:
        assert others[0] == [text, logprob]  # greedy
        assert [value for _, value in others] == sorted((value for _, value in others), reverse=True)
        assert sum(math.exp(value) for _, value in others) <= 1 + 1e-9
        assert len(others) == 3


def test_likelihoods_can_do_without_alternatives(tiny: Parent) -> None:
    assert all(others == [] for _, others in tiny.answer("?", 5, logprobs=0).logprobs)


def test_limits_of_prompt_and_answer_hold(start: Start, endless_model: Path) -> None:
    parent = start(endless_model, input_tokens=200, output_tokens=20)
    assert parent.answer("x", 1000).text == "12345678912345678912"
    assert "room for 200" in parent.answer("x" * 300).error
