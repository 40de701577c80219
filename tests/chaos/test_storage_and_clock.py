"""A node trades while its database is locked, its disk full, its clock wrong: nothing is lost."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.kill.harness import Harness, Wishes
from tests.chaos.kill.process import pause

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(600),
    pytest.mark.requirement("INT-006", "INT-007", "INT-4.5", "INT-5.3", "LTS-003"),
]

TROUBLE_S = 30.0
"""How long it lasts."""
LEAVES_ACTIVE_S = 1.0
FEW = 20
"""Orders whose intents were on disk before, and that wait for others: exits for their entries."""
LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
"""
Trouble = Callable[[Harness], Any]


@contextmanager
def locked(harness: Harness) -> Iterator[None]:
    """Another process holds the database's lock."""
    words, pipe = [sys.executable, "-c", LOCKER, str(harness.book.file)], subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe) as locker:
        assert locker.stdout is not None
        assert locker.stdin is not None
        try:
            assert locker.stdout.readline()
            yield
        finally:
            locker.stdin.close()


@contextmanager
def full(harness: Harness) -> Iterator[None]:
    """There is no room for another page."""
    flag = harness.directory / "full"
    flag.touch()
    try:
        yield
    finally:
        flag.unlink()


def trade(harness: Harness, seconds: float, at_least: int) -> None:
    """Trade for a while, and until so many orders more have come to the venue."""
    until, orders = time.monotonic() + seconds, 0
    while time.monotonic() < until or orders < at_least:
        assert harness.node.running
        assert time.monotonic() < until + 30, f"{orders} orders came to the venue, of {at_least}"
        pause(0.1)
        before = harness.receipts.read
        harness.check_intents()
        orders += harness.receipts.read - before


def be_active(harness: Harness) -> None:
    """Wait until the node trades, whatever a slow machine has led it to before."""
    harness.node.listen()
    told = [line for line in harness.node.told if line.get("event") == "trading state"]
    states = [line["state"] for line in told if line["scope"] == "system"]
    if states and states[-1] != "active":
        assert harness.node.wait_for(30, event="trading state", scope="system", state="active")


def check_nothing_is_sent_unwritten(harness: Harness) -> None:
    """While nothing can be committed: what the venue has received was on disk before."""
    harness.check_intents()
    assert not harness.tally.unjournalled, "an order was sent while no intent could be stored"


@pytest.mark.parametrize("dies", [False, True], ids=["it lives", "it is killed meanwhile"])
@pytest.mark.parametrize("trouble", [locked, full])
def test_nothing_is_sent_that_cannot_be_stored_and_all_is_well_again_by_itself(
    tmp_path: Path, trouble: Trouble, *, dies: bool
) -> None:
    with Harness(tmp_path, Wishes(seed=7)) as harness:
        harness.start(disk=str(tmp_path / "full"))
        assert harness.node.ready()
        trade(harness, 2, at_least=20)
        be_active(harness)
        with trouble(harness):
            began = time.monotonic()
            assert harness.node.wait_for(20, event="trading state", scope="system", state="reducing")
            left_active = time.monotonic() - began
            pause(5.0)
            check_nothing_is_sent_unwritten(harness)
            orders = harness.receipts.read
            pause(1.0 if dies else TROUBLE_S)
            check_nothing_is_sent_unwritten(harness)
            assert dies or harness.receipts.read < orders + FEW
            if dies:
                harness.end()
        assert left_active < LEAVES_ACTIVE_S
        if dies:
            harness.start(disk=str(tmp_path / "full"))
            assert harness.node.ready()
        else:
            assert harness.node.wait_for(10, event="trading state", scope="system", state="active")
        trade(harness, 2, at_least=20)
        harness.end()
        outcome = harness.conclude()
    assert (outcome["lost"], outcome["duplicated"], outcome["invented"], outcome["unjournalled"]) == (
        0,
        0,
        0,
        0,
    )
    assert outcome["positions_equal"]
    assert outcome["verified"]
    assert not outcome["amiss"]
    assert not outcome["unsettled"]


def test_a_clock_that_jumps_by_an_hour_doubles_nothing_and_loses_nothing(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0", encoding="ascii")
    with Harness(tmp_path, Wishes(seed=8, lost_acks=0.1)) as harness:
        harness.set_faults()
        for jumps in (("0", "3600", "0"), ("0", "-3600", "0", "3600"), ("3600",), ("-3600",)):
            clock.write_text(jumps[0], encoding="ascii")
            harness.start(clock=str(clock))
            assert harness.node.ready()
            for jump in jumps:
                clock.write_text(jump, encoding="ascii")
                doubted = unknown(harness)
                trade(harness, 6, at_least=20)
                assert not doubted & unknown(harness), f"after {jump} s, unknown orders are not asked after"
            harness.end()
        clock.write_text("0", encoding="ascii")
        outcome = harness.conclude()
    assert (outcome["lost"], outcome["duplicated"], outcome["invented"], outcome["unjournalled"]) == (
        0,
        0,
        0,
        0,
    )
    assert outcome["unknowns"]
    assert outcome["positions_equal"]
    assert outcome["verified"]
    assert not outcome["amiss"]
    assert not outcome["unsettled"]


def unknown(harness: Harness) -> set[str]:
    """The orders of which it is not known what became of them."""
    rows = harness.book.rows("SELECT client_order_id AS name FROM orders WHERE status = 'unknown'")
    return {row["name"] for row in rows}
