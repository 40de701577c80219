"""The kill switch owns the trading states, makes them durable, and brings to rest what is halted."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from actors.kill_switch import KillSwitch
from bus import Pressure, PressureChanged, pause
from lts.domain.journal import RecallTradingStates, TradingStatesRecalled
from lts.domain.order_flow import JournalSynced, StandDown, StoodDown, SyncJournal
from lts.domain.reconciliation import AccountState, AccountStateChanged
from lts.domain.register import Register
from lts.domain.risk import (
    ClosePositions,
    ExposureReported,
    GetExposure,
    GetTradingStates,
    HaltNotVerified,
    HaltVerified,
    Holding,
    JournalTradingState,
    LimitBreached,
    MayLift,
    SetTradingState,
    TradingState,
    TradingStateChanged,
    TradingStateJournalled,
    TradingStateNotJournalled,
    TradingStateNotSet,
    TradingStateSet,
)
from lts.domain.storage import FactNotKept, StorageRecovered, StorageTroubled
from lts.testing import BEGIN, NOBODY, TEST, Bench

pytestmark = pytest.mark.requirement("INT-4.6", "INT-018", "INT-026")

ACTIVE, REDUCING, HALTED = TradingState
WHO = "operator ada"
REGISTER = Register(
    {"TEST": TEST},
    {"one": "olga", "two": "olga", "test": "tess"},
    {("paper", "TEST"): ("one", "two", "test")},
)
QUIET: Mapping[Any, Any] = MappingProxyType({StandDown: lambda wanted: StoodDown(wanted.scope, (), ())})

Switch = Bench[KillSwitch]


@asynccontextmanager
async def switch(answers: Mapping[Any, Any] = MappingProxyType({})) -> AsyncIterator[Switch]:
    """A kill switch whose desk has nothing open."""
    async with Bench(KillSwitch, None, assignment=REGISTER, answers={**QUIET, **answers}) as bench:
        yield bench


async def put(bench: Switch, scope: str, state: TradingState, **more: Any) -> TradingStateSet:
    answer = await bench.ask(SetTradingState(scope, state, "the test", WHO, **more))
    assert isinstance(answer, TradingStateSet)
    return answer


def states(bench: Switch) -> list[tuple[str, TradingState, str]]:
    return [(each.scope, each.state, each.reason) for each in bench.published(TradingStateChanged)]


# Halting


@pytest.mark.parametrize("scope", ["system", "user:olga", "portfolio:one", "account:paper"])
async def test_a_halt_holds_at_once_is_durable_and_stands_the_desk_down(scope: str) -> None:
    async with switch() as bench:
        before = len(bench.said)
        answer = await put(bench, scope, HALTED)
        changed = TradingStateChanged(scope, HALTED, "the test", BEGIN, WHO)
        assert bench.said[before:] == [
            changed,
            JournalTradingState(changed),
            StandDown(scope),
            HaltVerified(scope, BEGIN),
        ]
        assert answer == TradingStateSet(scope, HALTED, "the test", WHO, BEGIN, durable=True)


async def test_cancels_are_repeated_until_nothing_is_open_and_only_then_it_is_verified() -> None:
    left = [(("a", "b"), ("c",)), (("a",), ()), ((), ())]
    answers = {StandDown: lambda wanted: StoodDown(wanted.scope, *left[0] if len(left) == 1 else left.pop(0))}
    async with switch(answers) as bench:
        halting = asyncio.ensure_future(bench.ask(SetTradingState("system", HALTED, "the test", WHO)))
        await pause(0)
        await bench.advance(seconds=0)
        assert bench.asked(StandDown) == [StandDown("system")]
        await bench.advance(seconds=1)
        answer = await halting
        assert len(bench.asked(StandDown)) == 3
        assert [(each.open, each.unknown) for each in bench.published(HaltNotVerified)] == [
            (("a", "b"), ("c",)),
            (("a",), ()),
        ]
        assert len(bench.published(HaltVerified)) == 1
        assert isinstance(answer, TradingStateSet)
        assert (answer.cancelled, answer.open, answer.unknown) == (3, (), ())


async def test_an_answer_does_not_wait_for_ever_and_the_halt_goes_on() -> None:
    open_orders: list[tuple[str, ...]] = [("a", "b")]
    answers = {StandDown: lambda wanted: StoodDown(wanted.scope, open_orders[-1], ("c",))}
    async with switch(answers) as bench:
        halting = asyncio.ensure_future(
            bench.ask(SetTradingState("system", HALTED, "the test", WHO, within_s=2.0))
        )
        await pause(0)
        await bench.advance(seconds=0)
        open_orders.append(("b",))
        await bench.advance(seconds=3)
        answer = await halting
        assert isinstance(answer, TradingStateSet)
        assert (answer.durable, answer.cancelled, answer.open, answer.unknown) == (True, 1, ("b",), ("c",))
        before = len(bench.asked(StandDown))
        await bench.advance(seconds=10)
        assert len(bench.asked(StandDown)) >= before + 4


async def test_a_halt_that_cannot_be_made_durable_holds_all_the_same_and_says_so() -> None:
    kept: list[JournalTradingState] = []

    def journal(wanted: JournalTradingState) -> TradingStateJournalled | TradingStateNotJournalled:
        kept.append(wanted)
        if len(kept) < 3:
            return TradingStateNotJournalled(wanted.changed, "the disk is full")
        return TradingStateJournalled(wanted.changed)

    async with switch({JournalTradingState: journal}) as bench:
        answer = await put(bench, "system", HALTED)
        assert (answer.durable, answer.trouble) == (False, "it is not on disk: the disk is full")
        assert states(bench) == [("system", HALTED, "the test")]
        await bench.advance(seconds=5)
        assert len(kept) == 3


async def test_a_halt_holds_even_if_nobody_answers() -> None:
    async with switch({JournalTradingState: NOBODY, StandDown: NOBODY}) as bench:
        halting = asyncio.ensure_future(bench.ask(SetTradingState("system", HALTED, "x", WHO, within_s=1.0)))
        await pause(0)
        await bench.advance(seconds=2)
        answer = await halting
        assert isinstance(answer, TradingStateSet)
        assert not answer.durable
        assert "no actor owns" in answer.trouble
        assert states(bench) == [("system", HALTED, "x")]
        assert not bench.published(HaltVerified)


# Flattening


async def test_what_is_to_be_flattened_is_closed_by_its_portfolios_and_then_looked_after_again() -> None:
    one, two = Holding("one", "paper", "TEST", Decimal(3)), Holding("two", "paper", "TEST", Decimal(-1))
    held = [(one, two), (two,), (), ()]
    answers = {
        GetExposure: lambda wanted: ExposureReported(wanted.scope, held.pop(0)),
        ClosePositions: None,
    }
    async with switch(answers) as bench:
        halting = asyncio.ensure_future(
            bench.ask(SetTradingState("user:olga", HALTED, "x", WHO, flatten=True))
        )
        await pause(0)
        await bench.advance(seconds=3)
        answer = await halting
        assert isinstance(answer, TradingStateSet)
        assert (answer.held, answer.pending) == ((), False)
        assert bench.asked(SyncJournal) == [SyncJournal("user:olga")]
        closings = [ClosePositions(each, "paper", "x") for each in ("one", "two", "two")]
        assert bench.asked(ClosePositions) == closings
        shown = [(each.state, each.flattening) for each in bench.published(TradingStateChanged)]
        assert shown == [(HALTED, False), (REDUCING, True), (HALTED, False)]
        assert len(bench.asked(StandDown)) == 2
        assert len(bench.published(HaltVerified)) == 1
        (kept,) = bench.asked(JournalTradingState)
        assert kept.changed.state is HALTED


@pytest.mark.requirement("INT-4.1")
async def test_that_nothing_is_held_any_more_is_said_when_it_is_on_disk() -> None:
    said: list[JournalSynced | None] = [None, JournalSynced("system")]
    answers = {
        GetExposure: lambda wanted: ExposureReported(wanted.scope, ()),
        SyncJournal: lambda _: said.pop(0),
    }
    async with switch(answers) as bench:
        halting = asyncio.ensure_future(
            bench.ask(SetTradingState("system", HALTED, "x", WHO, flatten=True, within_s=1))
        )
        await pause(0)
        await bench.advance(seconds=2)
        told = await halting
        assert isinstance(told, TradingStateSet)
        assert (told.durable, told.held, told.pending) == (True, (), True)
        assert bench.published(HaltVerified) == []
        told = await put(bench, "system", HALTED, flatten=True)
        assert (told.held, told.pending) == ((), False)
        assert len(bench.published(HaltVerified)) == 1


async def test_nothing_is_closed_before_no_order_is_open() -> None:
    answers = {StandDown: lambda wanted: StoodDown(wanted.scope, (), ("in doubt",))}
    async with switch(answers) as bench:
        halting = asyncio.ensure_future(
            bench.ask(SetTradingState("system", HALTED, "x", WHO, flatten=True, within_s=1))
        )
        await pause(0)
        await bench.advance(seconds=2)
        answer = await halting
        assert isinstance(answer, TradingStateSet)
        assert (answer.unknown, answer.held, answer.pending) == (("in doubt",), (), True)
        assert not bench.asked(GetExposure)


# Resetting


async def test_a_reset_holds_when_it_is_durable_and_lifts_nothing_else() -> None:
    async with switch() as bench:
        for scope in ("system", "user:olga", "portfolio:one"):
            await put(bench, scope, HALTED)
        answer = await put(bench, "portfolio:one", ACTIVE)
        assert (answer.state, answer.durable) == (ACTIVE, True)
        assert answer.trouble == "system is halted: the test; user:olga is halted: the test"
        assert states(bench)[-1] == ("portfolio:one", ACTIVE, "the test")
        reported = await bench.ask(GetTradingStates())
        assert [each.scope for each in reported.states] == ["system", "user:olga"]


async def test_a_reset_that_cannot_be_made_durable_changes_nothing() -> None:
    async with switch() as bench:
        await put(bench, "system", HALTED)
        bench.answers[JournalTradingState] = lambda wanted: TradingStateNotJournalled(wanted.changed, "full")
        answer = await bench.ask(SetTradingState("system", ACTIVE, "the test", WHO))
        assert answer == TradingStateNotSet("system", "that cannot be made durable: full")
        assert states(bench) == [("system", HALTED, "the test")]


@pytest.mark.parametrize("who", ["", "system"])
@pytest.mark.parametrize("state", [ACTIVE, REDUCING])
async def test_only_an_operator_lifts_a_halt(who: str, state: TradingState) -> None:
    async with switch() as bench:
        await put(bench, "system", HALTED)
        answer = await bench.ask(SetTradingState("system", state, "the test", who))
        assert answer == TradingStateNotSet("system", "system is halted, which only an operator can lift")
        assert len(bench.published(TradingStateChanged)) == 1


@pytest.mark.parametrize(
    ("may_lift", "who", "lifted"),
    [
        (MayLift.NOTHING, WHO, False),
        (MayLift.OWN, WHO, True),
        (MayLift.OWN, "somebody else", False),
        (MayLift.ANYTHING, "somebody else", True),
    ],
)
async def test_who_may_lift_what_is_judged_by_what_is_set_when_it_is_asked(
    may_lift: MayLift, who: str, lifted: bool
) -> None:
    async with switch() as bench:
        await put(bench, "portfolio:one", REDUCING)
        answer = await bench.ask(SetTradingState("portfolio:one", ACTIVE, "x", who, may_lift=may_lift))
        assert isinstance(answer, TradingStateSet) is lifted
        if isinstance(answer, TradingStateNotSet):
            assert answer.forbidden
        stricter = await bench.ask(SetTradingState("portfolio:one", HALTED, "x", who, may_lift=may_lift))
        assert isinstance(stricter, TradingStateSet)


async def test_a_halt_that_is_reset_under_way_is_over() -> None:
    answers = {StandDown: lambda wanted: StoodDown(wanted.scope, ("a",), ())}
    async with switch(answers) as bench:
        halting = asyncio.ensure_future(bench.ask(SetTradingState("system", HALTED, "x", WHO)))
        await pause(0)
        await bench.advance(seconds=0)
        await put(bench, "system", ACTIVE)
        answer = await halting
        assert isinstance(answer, TradingStateSet)
        assert answer.trouble == "active was commanded meanwhile"
        before = len(bench.said)
        await bench.advance(seconds=10)
        assert len(bench.said) == before


async def test_what_makes_no_sense_is_not_set() -> None:
    async with switch() as bench:
        before = [*bench.said]
        answer = await bench.ask(SetTradingState("portfolio:none", HALTED, "x", WHO))
        assert isinstance(answer, TradingStateNotSet)
        assert answer.reason == (
            "there is no scope 'portfolio:none'; there are: system, user:olga, user:tess, portfolio:one, "
            "portfolio:two, portfolio:test, account:paper"
        )
        answer = await bench.ask(SetTradingState("system", REDUCING, "x", WHO, flatten=True))
        assert answer == TradingStateNotSet("system", "only what is halted can be flattened")
        assert bench.said == before


# What happens by itself


async def test_a_broken_limit_restricts_its_scope_and_lifts_nothing() -> None:
    async with switch() as bench:
        await bench.hear(LimitBreached("user:olga", REDUCING, "too much is lost", BEGIN))
        assert states(bench) == [("user:olga", REDUCING, "too much is lost")]
        (kept,) = bench.asked(JournalTradingState)
        assert kept.changed == bench.published(TradingStateChanged)[0]
        assert not bench.asked(StandDown)
        await bench.hear(LimitBreached("user:olga", HALTED, "more is lost", BEGIN))
        assert states(bench)[-1] == ("user:olga", HALTED, "more is lost")
        assert bench.asked(StandDown) == [StandDown("user:olga")]
        await bench.hear(LimitBreached("user:olga", REDUCING, "again", BEGIN))
        assert len(states(bench)) == 2


async def test_a_system_that_cannot_keep_up_takes_no_new_risk() -> None:
    async with switch() as bench:
        await bench.hear(PressureChanged("desk", Pressure.HIGH, 10_000))
        assert states(bench) == []
        await bench.hear(PressureChanged("desk", Pressure.HARD, 100_000))
        assert states(bench) == [("system", REDUCING, "100000 messages wait for desk")]


async def test_a_fact_that_could_not_be_kept_means_no_new_risk() -> None:
    async with switch() as bench:
        await bench.hear(FactNotKept("OrderFilled", "there is no order a"))
        await bench.hear(FactNotKept("OrderFilled", "there is no order b"))
        assert states(bench) == [("system", REDUCING, "OrderFilled could not be kept: there is no order a")]


async def test_trouble_with_storage_means_no_new_risk_for_as_long_as_it_lasts() -> None:
    async with switch() as bench:
        await bench.hear(StorageTroubled("the disk is full"))
        assert states(bench) == [("system", REDUCING, "storage: the disk is full")]
        await bench.hear(StorageRecovered(3.0))
        assert states(bench)[-1][:2] == ("system", ACTIVE)
        assert not bench.asked(JournalTradingState)


async def test_a_halt_during_trouble_with_storage_stays() -> None:
    async with switch() as bench:
        await bench.hear(StorageTroubled("the disk is full"))
        await put(bench, "system", HALTED)
        await bench.hear(StorageRecovered(3.0))
        assert states(bench)[-1] == ("system", HALTED, "the test")
        assert (await put(bench, "system", ACTIVE)).trouble == ""


async def test_a_reset_says_what_still_bars() -> None:
    async with switch() as bench:
        await bench.hear(StorageTroubled("the disk is full"))
        await put(bench, "system", HALTED)
        answer = await put(bench, "system", ACTIVE)
        assert answer.trouble == "system is reducing: storage: the disk is full"
        assert states(bench)[-1] == ("system", REDUCING, "storage: the disk is full")


@pytest.mark.parametrize(
    ("account", "state"),
    [(AccountState.DIFFERS, REDUCING), (AccountState.LOST, HALTED), (AccountState.CONNECTING, HALTED)],
)
async def test_an_account_is_used_no_further_than_it_can_be_trusted(
    account: AccountState, state: TradingState
) -> None:
    async with switch() as bench:
        await bench.hear(AccountStateChanged("paper", account, "told why", BEGIN))
        assert states(bench) == [("account:paper", state, f"the account is {account}: told why")]
        assert not bench.asked(StandDown)
        await bench.hear(AccountStateChanged("paper", AccountState.READY, "", BEGIN))
        assert states(bench)[-1][:2] == ("account:paper", ACTIVE)
        assert (await bench.ask(GetTradingStates())).states == ()


# Born again


async def test_a_restart_takes_up_what_was_set_and_looks_after_what_was_halted() -> None:
    before = TradingStatesRecalled(
        (
            TradingStateChanged("system", HALTED, "before", 1, WHO),
            TradingStateChanged("user:olga", REDUCING, "before", 1),
            TradingStateChanged("portfolio:one", ACTIVE, "before", 1, WHO),
        )
    )
    async with switch({RecallTradingStates: before}) as bench:
        await bench.advance(seconds=0)
        assert bench.asked(StandDown) == [StandDown("system")]
        assert bench.published(HaltVerified) == [HaltVerified("system", BEGIN)]
        assert [each.scope for each in (await bench.ask(GetTradingStates())).states] == [
            "system",
            "user:olga",
        ]
        await put(bench, "system", ACTIVE)
        assert states(bench) == [("system", ACTIVE, "the test")]
