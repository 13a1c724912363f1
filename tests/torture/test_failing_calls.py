"""Every call that changes a file fails in turn, of Python and of SQLite: the old pack serves, and it is said why."""

from __future__ import annotations

import errno

import pytest

from edge.errors import StorageError
from tests.torture.disk import KILLED, Strike, run
from tests.torture.scenario import Scenario

MOST = 300
HINTS = ("Free some space", "Check ")
"""SQLite says "I/O error" or "cannot be opened" where a call other than a write found the disk full."""


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from-then-on"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
def test_an_error_at_any_call_is_told_and_a_version_serves(
    scenario: Scenario, error: int, lasting: bool
) -> None:
    said, seen = scenario.saved.with_name("said"), []
    for number in range(MOST):
        home = scenario.make_device()
        code, calls = run(scenario.make_work(home), home, said, Strike(number, error, lasting))
        if number >= calls:
            break
        told = said.read_text()
        assert code in {0, StorageError.exit_code}, (number, told)
        assert "Traceback" not in told, (number, told)
        assert code == 0 or any(hint in told for hint in HINTS), (number, told)
        assert "damaged" not in told, (number, told)
        seen.append(scenario.read_version(home))
        assert seen[-1] == "2.0" or code, (number, told)
        scenario.finish(home)
    print(f"{len(seen)} calls failed, {seen.count('2.0')} with the new version in use")
    assert code == 0


def test_killed_before_any_call_a_version_serves(scenario: Scenario) -> None:
    seen = []
    for number in range(1000):
        home = scenario.make_device()
        code, _ = run(scenario.make_work(home), home, scenario.saved.with_name("said"), Strike(number))
        if code != KILLED:
            break
        seen.append(scenario.read_version(home))
        scenario.finish(home)
    print(f"killed {len(seen)} times, {seen.count('2.0')} with the new version in use")
    assert code == 0
    assert set(seen) == {"" if scenario.first else "1.0", "2.0"}
