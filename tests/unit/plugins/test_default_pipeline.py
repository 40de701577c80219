"""The default pipeline starts one portfolio, gives the beat, measures, and answers failures."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from lts.config.schema import ProtectionPlan
from lts.sdk import (
    ActorQuarantined,
    AssetPlan,
    Beat,
    CancelAll,
    Instrument,
    OrderApproved,
    OrderDenied,
    PipelineAssignment,
    Refused,
    SignalRaised,
    StartPlugin,
)
from lts.testing import BEGIN, TEST, Bench, PipelineContract, WatchfulDesk, market_order
from lts.testing.stage import portfolio_plan
from plugins.pipeline.default.plugin import DefaultPipeline

pytestmark = pytest.mark.requirement("INT-4.3", "INT-001", "INT-004")

SECOND = 10**9
OTHER = Instrument("OTHER", "USD", TEST.tick_size, TEST.lot_size)


class TestItsContract(PipelineContract):
    plugin = DefaultPipeline


def two_assets() -> PipelineAssignment:
    plan = portfolio_plan()
    other = AssetPlan(instrument="OTHER", broker="test", strategy="another", params={"window": 3})
    both = plan.model_copy(update={"assets": (*plan.assets, other)})
    return PipelineAssignment(both, {"TEST": TEST, "OTHER": OTHER}, "test.toml")


async def test_it_starts_the_portfolio_and_a_strategy_an_asset() -> None:
    async with Bench(DefaultPipeline, assignment=two_assets()) as bench:
        started = bench.asked(StartPlugin)
        assert [each.actor for each in started] == [
            "portfolio/test",
            "strategy/test/TEST",
            "strategy/test/OTHER",
        ]
        assert started[0].scope == {"portfolio": "test", "instrument": frozenset({"TEST", "OTHER"})}
        assert started[2].scope == {"portfolio": "test", "instrument": "OTHER"}
        assert (started[2].plugin, started[2].params) == ("another", {"window": 3})
        assert [each.where for each in started] == [
            "test.toml: portfolio 'test', params",
            "test.toml: portfolio 'test', asset 'TEST', params",
            "test.toml: portfolio 'test', asset 'OTHER', params",
        ]


async def test_strategies_that_rest_are_not_started_and_the_portfolio_is() -> None:
    given = two_assets()
    assets = (given.plan.assets[0].model_copy(update={"active": False}), given.plan.assets[1])
    for rests, started in (
        ({"assets": assets}, ["portfolio/test", "strategy/test/OTHER"]),
        ({"active": False}, ["portfolio/test"]),
    ):
        plan = given.plan.model_copy(update=rests)
        async with Bench(DefaultPipeline, assignment=replace(given, plan=plan)) as bench:
            assert [each.actor for each in bench.asked(StartPlugin)] == started


async def test_it_tells_the_portfolio_what_is_to_be_protected() -> None:
    protection = ProtectionPlan(stop_loss_bps=Decimal(200))
    given = two_assets()
    assets = (given.plan.assets[0], given.plan.assets[1].model_copy(update={"protection": protection}))
    plan = given.plan.model_copy(update={"assets": assets})
    async with Bench(DefaultPipeline, assignment=replace(given, plan=plan)) as bench:
        assert bench.asked(StartPlugin)[0].assignment.protection == {"OTHER": protection}


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"on_failure": "hold"}, []),
        ({"on_failure": "cancel"}, [CancelAll("portfolio:test")]),
        ({}, [CancelAll("portfolio:test")]),
        (
            {"on_failure": "flatten"},
            [
                CancelAll("portfolio:test"),
                SignalRaised("test", "OTHER", 0.0, "strategy/test/OTHER is out of service"),
            ],
        ),
    ],
)
async def test_a_strategy_out_of_service_is_answered_by_the_policy(
    policy: dict[str, str], said: list[Any]
) -> None:
    async with Bench(DefaultPipeline, policy, assignment=two_assets()) as bench:
        before = len(bench.said)
        await bench.hear(ActorQuarantined("strategy/test/OTHER", "it raised too often", "hold"))
        await bench.advance(seconds=1)
        assert bench.said[before:] == said
        assert (await bench.debug())["out_of_service"] == {"strategy/test/OTHER": "it raised too often"}


async def test_what_is_held_is_closed_when_the_cancels_are_through_and_not_before() -> None:
    async with Bench(DefaultPipeline, {"on_failure": "flatten"}) as bench:
        await bench.hear(ActorQuarantined("strategy/test/TEST", "it raised too often", "hold"))
        await bench.advance(seconds=0.999)
        assert bench.asked(CancelAll) == [CancelAll("portfolio:test")]
        assert bench.published(SignalRaised) == []
        await bench.advance(seconds=0.001)
        assert [signal.target for signal in bench.published(SignalRaised)] == [0.0]


async def test_there_is_no_beat_unless_one_is_asked_for() -> None:
    async with Bench(DefaultPipeline) as bench:
        await bench.advance(seconds=3600)
        assert bench.published(Beat) == []


async def test_the_beat_is_given_in_market_time_and_goes_on_after_a_restart() -> None:
    async with Bench(DefaultPipeline, {"beat_s": 2.5}) as bench:
        await bench.advance(seconds=6)
        assert bench.published(Beat) == [
            Beat("test", BEGIN + 5 * SECOND // 2),
            Beat("test", BEGIN + 5 * SECOND),
        ]
        await bench.restart()
        await bench.advance(seconds=2.5)
        assert len(bench.published(Beat)) == 3


async def test_it_counts_what_passes_each_stage() -> None:
    desk = WatchfulDesk()
    order = market_order()
    async with Bench(DefaultPipeline) as bench:
        await bench.hear(SignalRaised("test", "TEST", 1.0, "up"), OrderApproved("test", order))
        await bench.hear(desk.fill(order), SignalRaised("test", "TEST", -1.0, "down"))
        await bench.hear(OrderDenied("test", order, "the test denies it", 0))
        await bench.hear(SignalRaised("other", "TEST", 1.0, "none of its business"))
        debug = await bench.debug()
        assert debug["passed"] == {"signals": 2, "approved": 1, "denied": 1, "filled": 1}
        assert all(took >= 0 for took in debug["latest_ns"].values())


@pytest.mark.parametrize("params", [{"beat_s": 0}, {"beat_s": -1}, {"on_failure": "panic"}])
async def test_bad_parameters_are_refused(params: dict[str, object]) -> None:
    with pytest.raises(Refused, match=r"^params\."):
        async with Bench(DefaultPipeline, params):
            raise AssertionError


async def test_assets_of_one_instrument_are_told_apart_by_their_names() -> None:
    protection = ProtectionPlan(stop_loss_bps=Decimal(200))
    plan = portfolio_plan()
    slow = plan.assets[0].model_copy(update={"name": "slow", "protection": protection})
    plan = plan.model_copy(update={"assets": (plan.assets[0].model_copy(update={"name": "fast"}), slow)})
    given = PipelineAssignment(plan, {"TEST": TEST}, "test.toml")
    async with Bench(DefaultPipeline, {"on_failure": "flatten"}, assignment=given) as bench:
        portfolio, *strategies = bench.asked(StartPlugin)
        assert portfolio.assignment.hedged == {"fast": "TEST", "slow": "TEST"}
        assert portfolio.assignment.protection == {"slow": protection}
        assert [each.actor for each in strategies] == ["strategy/test/fast", "strategy/test/slow"]
        assert [each.assignment.asset for each in strategies] == ["fast", "slow"]
        assert {each.scope["instrument"] for each in strategies} == {"TEST"}
        await bench.hear(ActorQuarantined("strategy/test/slow", "it raised too often", "hold"))
        await bench.advance(seconds=1)
        (closing,) = bench.published(SignalRaised)
        assert (closing.instrument, closing.asset, closing.target) == ("TEST", "slow", 0.0)
