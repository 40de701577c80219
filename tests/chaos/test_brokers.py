"""A broker is restarted again and again while a node trades, and a plain subscriber misses nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.brokers import MOSQUITTO

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(300),
    pytest.mark.requirement("INT-4.5", "LTS-003"),
    pytest.mark.skipif(not MOSQUITTO, reason="Mosquitto is not installed"),
]


def test_no_event_is_lost_over_ten_restarts_and_trading_goes_on_beside_one_that_stalls() -> None:
    command = [sys.executable, "-m", "tests.chaos.brokers", "--restarts", "10", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    assert done.returncode == 0, report
    assert (report["restarts"], report["lost"], report["invented"]) == (10, 0, 0)
    assert min(report["orders"], report["fills"], report["states"]) > 5
    assert report["back_longest_s"] <= 5
    assert report["stalled"]["dropped"] > 0
