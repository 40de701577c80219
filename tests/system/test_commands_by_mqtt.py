"""Commands over MQTT that were sent before, kept or altered do not count, also after a kill."""

import signal
from pathlib import Path

import pytest

from tests.chaos.commands.run import attack

pytestmark = pytest.mark.requirement("INT-021", "INT-024", "INT-4.1")


def test_nothing_that_was_replayed_kept_or_altered_counts_also_after_a_kill(tmp_path: Path) -> None:
    report = attack(150, 1, tmp_path, (signal.SIGKILL,), generated=200)
    assert (report.accepted, report.unhandled, report.ends) == (0, 0, ["SIGKILL"])
    assert report.commands >= 150
    assert min(report.replayed, report.altered) >= 40
    assert report.orders == report.originals == 40
    assert report.answers["replayed while it was away: replayed"] == 20


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_of_twenty_thousand_none_counts_and_of_a_hundred_thousand_none_is_too_much(tmp_path: Path) -> None:
    report = attack(20_000, 2, tmp_path, generated=100_000)
    assert (report.accepted, report.unhandled) == (0, 0)
    assert report.orders == report.originals == 80
    assert report.passed
