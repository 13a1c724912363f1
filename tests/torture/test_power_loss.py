"""The power goes at any moment, and with it what was not synced: a version is whole and answers."""

from __future__ import annotations

import shutil
from random import Random

from tests.torture.disk import read, run
from tests.torture.power import Recording
from tests.torture.scenario import FILES, Scenario

STATES = 200
AFTER_THE_END = 40


def test_what_was_not_synced_may_be_lost_or_torn(scenario: Scenario) -> None:
    home = scenario.make_device()
    recording, record = Recording(home), home.with_name("record")
    assert run(scenario.make_work(home), home, home.with_name("said"), record=record)[0] == 0
    recording.add(read(record))
    last, survivor, seen = len(recording.steps), home.with_name("survivor"), []
    for number in range(STATES + AFTER_THE_END):
        random = Random(number)
        moment = random.randrange(last) if number < STATES else last
        recording.crash(moment, random, survivor)
        seen.append(scenario.read_version(survivor))
        if moment == last:  # what was said to be done stays done
            assert (seen[-1], scenario.count_news(survivor)) == ("2.0", len(FILES) * scenario.files)
        scenario.finish(survivor)
        shutil.rmtree(survivor)
    print(f"{len(seen)} states of {last} steps, {seen.count('2.0')} with the new version in use")
    assert set(seen) == {"" if scenario.first else "1.0", "2.0"}
