"""That the measurements measure what they say."""

from itertools import islice

import pytest

from lts.cli.bench.bus import telling
from lts.cli.bench.generated import walk
from lts.cli.bench.pings import bus_of, in_bursts, key, ping
from lts.cli.bench.rounds import Readings, in_turn
from lts.cli.bench.scale import moments, plan

pytestmark = pytest.mark.requirement("LTS-004")


async def test_a_ratio_is_to_the_bare_calls_just_before_and_after(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter([40.0, 60.0, 140.0, 50.0, 50.0, 150.0])
    monkeypatch.setattr("lts.cli.bench.rounds.bare_call", lambda: next(calls))

    async def took() -> float:
        return 200.0

    readings = await in_turn({"one": took, "other": took}, rounds=2)
    assert readings.ratios == {"one": [4.0, 4.0], "other": [2.0, 2.0]}
    assert (readings.ratio("one"), readings.ratio("other")) == (4.0, 2.0)
    assert readings.took == {"one": [200.0, 200.0], "other": [200.0, 200.0]}


def test_a_figure_is_the_median_of_the_rounds_own_ratios() -> None:
    readings = Readings()
    readings.calls += [10.0, 10.0, 10.0, 50.0]
    readings.took["one"] += [30.0, 10.0, 80.0]
    readings.ratios["one"] += [3.0, 1.0, 1.6]
    assert (readings.call_ns, readings.ns("one"), readings.ratio("one")) == (10.0, 30.0, 1.6)
    assert readings.per_s("one") == 33_333_333


async def test_every_burst_is_delivered_whole() -> None:
    bus, teller = await bus_of([key(0)] * 10)
    before = bus.vitals().messages
    assert await telling(bus, teller, in_bursts([ping(0)], bursts=3), fan=10)() > 0
    vitals = bus.vitals()
    assert vitals.messages - before == 3 * 256
    assert vitals.actors == 11
    assert (vitals.failures, vitals.dead_letters, vitals.mailboxes) == (0, 0, {})
    await bus.stop()


def test_a_generated_market_is_the_same_every_time() -> None:
    bars = list(islice(walk(7), 1000))
    assert bars == list(islice(walk(7), 1000))
    assert bars != list(islice(walk(8), 1000))
    assert all(bar.low <= bar.open <= bar.high and bar.low <= bar.close <= bar.high for bar in bars)


def test_the_moments_of_several_instruments_come_in_order() -> None:
    series = [(at, order) for at, order, _ in islice(moments(["A", "B", "C"]), 30)]
    assert series == sorted(series)


def test_ten_portfolios_share_an_instrument() -> None:
    planned = plan(20, ["A", "B"])
    traded = [each.assets[0].instrument for each in planned.portfolios]
    assert (traded.count("A"), traded.count("B")) == (10, 10)
