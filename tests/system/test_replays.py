"""What was signed before, or altered since, does not count: neither at once nor when the node was killed."""

import signal
from pathlib import Path

import pytest

from tests.chaos.replays.run import attack

pytestmark = pytest.mark.requirement("INT-021", "INT-024", "INT-4.1")


def test_nothing_that_was_replayed_or_altered_counts_also_after_a_kill(tmp_path: Path) -> None:
    report = attack(200, 1, tmp_path, (signal.SIGKILL,))
    assert (report.accepted, report.requests, report.ends) == (0, 200, ["SIGKILL"])
    assert min(report.replayed, report.altered) > 50
    assert report.orders == report.originals == 40
    assert report.answers["replayed after a restart: replayed"] == 20


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_of_twenty_thousand_none_counts(tmp_path: Path) -> None:
    report = attack(20_000, 2, tmp_path)
    assert (report.accepted, report.requests) == (0, 20_000)
    assert report.orders == report.originals == 80
