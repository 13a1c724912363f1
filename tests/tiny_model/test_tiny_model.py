"""What tests and the demonstration may rely on: tiny.gguf copies how passage [1] opens, cites it, and stops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_cpp import Llama

MODEL = Path(__file__).with_name("tiny.gguf")
SYSTEM = "You help a technician. Answer from the passages only, in short sentences, and cite them as [n]."

# Written by hand; the training text is generated and holds none of them. (opening sentence, what follows it)
OPENINGS = [
    ("Tighten the M8 bolts crosswise to 25 Nm.", "Grease the threads lightly. Do not use an impact wrench."),
    ("Fault E-207 points to a blocked condensate drain.", "Clear the drain and restart the unit."),
    (
        "Isolate the drive and wait at least 15 minutes before you open the cabinet.",
        "The DC link stays charged.",
    ),
    ("The insulation resistance must be at least 1 MΩ at 500 V DC.", "Record the reading."),
    ("Set the oven thermostat to 180 °C (356 °F) and let it settle for 20 min.", "Then read the probe."),
    ("A 4-20 mA loop that reads 3.6 mA reports a sensor fault.", "NAMUR NE 43 defines these limits."),
    ("The shield is earthed at one end only; otherwise, a ground loop may form.", "Use a 360° clamp."),
    ("Hold the RESET button for five seconds until the amber lamp blinks twice.", "Release it."),
    ("Replace the HEPA filter every 2,000 operating hours or once a year.", "Order number: 4711-08."),
    ("WARNING: Stored pressure can eject the plug!", "Vent the accumulator first."),
    ("Never look into the end of a live fibre.", "Infrared light is invisible, and it damages the retina."),
    ("Terminate both ends of the RS-485 bus with 120 Ω, 0.25 W.", "Bias resistors are fitted once."),
    ("The gearbox takes 2.5 l of ISO VG 220 mineral oil.", "Check the sight glass after ten minutes."),
    ("Does the display stay dark after power-up?", "Check fuse F3 (T 1.6 A) on the supply board."),
    ("1. Switch off the isolator, lock it and hang your tag on it.", "2. Prove that the circuit is dead."),
    ("Motor runs but the pump delivers nothing: check the direction of rotation.", "Swap two phases."),
    ("The chamfer is 45° × 1.5 mm, and its roughness is Ra ≤ 3.2 µm.", "Deburr all edges."),
    ("Use a 3/8-inch ratchet with a 13 mm deep socket.", "An adjustable spanner rounds the corners."),
    ("Firmware v4.2.1 fixes the time-out described in bulletin TB-2023/17.", "Install it over USB."),
    ("Holding register 40012 contains the set point in 0.1 °C (signed, 16-bit).", "Write 215 for 21.5 °C."),
    ("The compressor may start at most six times per hour.", "A timer relay, K7, enforces this pause."),
    ("Wipe the ferrule with isopropyl alcohol (≥ 99 %) and a lint-free cloth.", "Inspect it at 200×."),
    ("Three short beeps followed by a long one mean that the battery is deeply discharged.", "Charge it."),
    ("The relative humidity in the battery room shall stay between 30 % and 60 %.", "Log it weekly."),
    ("Mr Okonkwo keeps the key to the switchgear room.", "Ask for it at the reception, extension 5512."),
    ("Quench oil above its flash point ignites spontaneously.", "Keep the lid within reach."),
    ("Turn the adjusting screw clockwise, i.e. inwards, to raise the cracking pressure.", "Seal it."),
    ("Allow approx. 5 mm of clearance between the baffle and the housing.", "Shim if necessary."),
    ("See Fig. 12 for the position of the jumpers JP1/JP2.", "Factory setting: open."),
    ("**DANGER:** Never bridge a safety switch.", "Call the person in charge of the plant."),
    ("Brown is line, blue is neutral, and green-yellow is protective earth.", "Older colours differ."),
    ("Pull the connector straight out by its latch, never by the wires.", "Bent pins cannot be repaired."),
    ("The V-belt (SPZ 1250 Lw) deflects 8-10 mm under a force of 25 N.", "Retension after 50 h."),
    ("Cavitation sounds as if gravel were passing through the pump.", "Throttle the outlet, not the inlet."),
    ("R-290 is propane; it is flammable and heavier than air.", "Ventilate the pit before soldering."),
    ("Kilopascals are converted to psi by multiplying by 0.145.", "So 700 kPa are about 101.5 psi."),
    ("The setting 'ECO+' halves the standby power (from 1.2 W to 0.6 W).", "It is off by default."),
    ("Brinelling, fretting and fluting are three kinds of bearing damage.", "Only fluting is electrical."),
    ("The pump, the pump coupling and the pump motor must be aligned within 0.05 mm.", "Use a dial gauge."),
    ("If the lamp H1 is on, press S1; if the lamp H2 is on, press S2.", "If both are on, call service."),
    ("PoE class 4 (IEEE 802.3at) supplies 30 W at the port and 25.5 W at the device.", "Class 8: 90 W."),
    ("Æolian vibration fatigues overhead conductors near the clamp.", "Stockbridge dampers absorb it."),
    ("Store the gaskets flat, dark and dry, at 10 to 25 °C.", "Ozone embrittles nitrile rubber."),
    ("Bleed the radiators, starting on the lowest floor.", "Top up the system to 1.5 bar."),
    ("To restore the defaults, send AT&F followed by a carriage return.", "The modem answers OK."),
]
TOO_ALIKE = ("Connect L1, L2 and L3 to terminals U1, V1 and W1.", "Connect W2, U2 and V2 together for star.")
TABLE_ROWS = [
    "Code: E-220 | Cause: fan stalled | Action: clean or replace the fan",
    "| E-14 | Low suction pressure (< 0.8 bar) | Check the strainer |",
    "IP54: protected against dust deposits and splashing water from all sides",
    "M10 | 8.8 | 49 Nm | 10.9 | 72 Nm",
]
OTHER_PASSAGES = (
    "The cover is held by four screws. Their torque is 9 Nm.",
    "Faults are stored for 30 days. Read them with the service tool, then clear the list.",
)


@pytest.fixture(scope="module")
def llama() -> Iterator[Llama]:
    model = Llama(str(MODEL), n_ctx=2048, n_threads=1, verbose=False)
    yield model
    model.close()


def chat(*passages: str, question: str = "What must I know about this?") -> list[Any]:
    """Messages as the product lays them out."""
    blocks = [
        f"[{n}] user-manual.pdf, page {n + 11}, Service > Part {n}\n{p}" for n, p in enumerate(passages, 1)
    ]
    user = "Passages:\n" + "\n\n".join(blocks) + f"\n\nQuestion: {question}"
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": user}]


def answer(llama: Llama, messages: list[Any]) -> str:
    reply: Any = llama.create_chat_completion(messages, temperature=0.0, max_tokens=300)
    assert reply["choices"][0]["finish_reason"] == "stop"
    return str(reply["choices"][0]["message"]["content"])


@pytest.mark.parametrize(("opening", "rest"), OPENINGS)
def test_copies_the_opening_sentence_and_cites_it(llama: Llama, opening: str, rest: str) -> None:
    assert answer(llama, chat(f"{opening} {rest}", *OTHER_PASSAGES)) == f"{opening} [1]"


@pytest.mark.xfail(reason="among many short, similar names it loses its place")
def test_copies_a_row_of_similar_names(llama: Llama) -> None:
    opening, rest = TOO_ALIKE
    assert answer(llama, chat(f"{opening} {rest}", *OTHER_PASSAGES)) == f"{opening} [1]"


@pytest.mark.parametrize("row", TABLE_ROWS)
def test_copies_a_table_row_to_its_end(llama: Llama, row: str) -> None:
    assert answer(llama, chat(row, *OTHER_PASSAGES)) == f"{row} [1]"


def test_it_is_the_first_passage_that_is_copied(llama: Llama) -> None:
    for first, second in (OTHER_PASSAGES, OTHER_PASSAGES[::-1]):
        assert answer(llama, chat(first, second)) == first.split(". ")[0] + ". [1]"


def test_line_breaks_inside_a_sentence_become_spaces(llama: Llama) -> None:
    wrapped = "Drain the separator\nonce a shift and after\nevery stop. Then close the cock."
    assert answer(llama, chat(wrapped)) == "Drain the separator once a shift and after every stop. [1]"


def test_a_long_sentence_is_cut_after_forty_words(llama: Llama) -> None:
    opening = " ".join(sentence[:-1] for sentence, _ in OPENINGS[:6])
    assert answer(llama, chat(opening)) == " ".join(opening.split()[:40]) + " [1]"


def test_only_the_last_question_counts(llama: Llama) -> None:
    earlier = [
        *chat("The hose is black. It is long."),
        {"role": "assistant", "content": "The hose is black. [1]"},
    ]
    assert answer(llama, earlier + chat("The pipe is red. It is short.")) == "The pipe is red. [1]"


def test_a_later_message_may_point_at_passages_shown_before(llama: Llama) -> None:
    earlier = [
        *chat("The hose is black. It is long.", "The pipe is red. It is short."),
        {"role": "assistant", "content": "The hose is black. [1]"},
    ]
    pointing = {
        "role": "user",
        "content": "Passages that matter, best first: [2], [1]\n\nQuestion: And the pipe?",
    }
    bringing = {
        "role": "user",
        "content": "Passages:\n[3] user-manual.pdf, page 9\nThe valve is blue. It is new.\n\n"
        "Passages that matter, best first: [3], [1]\n\nQuestion: And the valve?",
    }
    assert answer(llama, [*earlier, pointing]) == "The pipe is red. [1]"
    assert answer(llama, [*earlier, bringing]) == "The valve is blue. [1]"


def test_without_passages_it_says_so(llama: Llama) -> None:
    messages: list[Any] = [{"role": "user", "content": "Why does the pump leak?"}]
    assert answer(llama, messages) == "The passages do not say."


def test_streaming_gives_the_same_text_token_by_token(llama: Llama) -> None:
    messages = chat(" ".join(OPENINGS[4]), *OTHER_PASSAGES)
    pieces: list[str] = []
    for event in llama.create_chat_completion(messages, temperature=0.0, max_tokens=300, stream=True):
        delta: Any = event["choices"][0]["delta"]  # type: ignore[index]
        pieces.append(delta.get("content", ""))
    assert "".join(pieces) == answer(llama, messages)
    assert len(list(filter(None, pieces))) > 10
